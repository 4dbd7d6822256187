import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog as log } from '#base';
import { Collector } from '../../src/upload/https/collector.ts';
import { HttpsDestination } from '../../src/upload/https/https-destination.ts';
import type { OutgoingEntry } from '../../src/upload/outgoing-entry.ts';
import { Certificates, type Identity } from './upload/certificates.ts';
import { CollectorServer } from './upload/collector-server.ts';
import { entry, record } from './upload/records.ts';

const never = new AbortController().signal;
const deviceId = 'weir-0123456789abcdef';

describe('lab: CloudEvents by HTTPS', () => {
  let folder: string;
  let ours: Identity;
  let strange: Identity;
  let server: CollectorServer;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-https-'));
  });
  beforeEach(async () => {
    const authority = new Certificates(folder);
    ours = authority.issue('box');
    strange = new Certificates(folder, 'other-ca').issue('stranger');
    server = await CollectorServer.start(authority.issue('server'));
  });
  afterEach(() => server.close());
  after(() => rmSync(folder, { recursive: true, force: true }));

  function destination(
    options: { identity?: Identity; token?: string; timeoutMs?: number } = {},
  ): HttpsDestination {
    const { identity = ours, token, timeoutMs = 5000 } = options;
    const { ca, cert, key } = identity;
    const collector = new Collector({
      url: server.url,
      ca,
      cert,
      key,
      timeoutMs,
      ...(token ? { token } : {}),
    });
    return new HttpsDestination({ name: 'https:lab', batch: 200, deviceId, collector, log });
  }

  it('posts a batch with our certificate, and all of it counts as taken by any 2xx', async () => {
    await using https = destination({ token: 'sesame' });
    const sent = [entry(1), entry(2)];
    assert.deepEqual(await https.deliver(sent, never), [
      { outcome: 'acknowledged' },
      { outcome: 'acknowledged' },
    ]);
    const [post] = server.posts;
    assert.equal(post?.client, 'box');
    assert.equal(post?.headers.authorization, 'Bearer sesame');
    assert.match(String(post?.headers['content-type']), /^application\/cloudevents-batch\+json/);
    const events = JSON.parse(post?.body ?? '');
    assert.deepEqual(
      events.map((event: { id: string }) => event.id),
      sent.map(({ record }) => record.recordId),
    );
    assert.equal(events[0].time, '2026-11-22T10:01:30.000Z');
    assert.equal(events[0].subject, 'subscriber-1');
    assert.equal(JSON.stringify(events[0].data.record), sent[0]?.body, 'the record is as it was signed');
  });

  it('sends the same batch with the same Idempotency-Key, another with another', async () => {
    await using https = destination();
    const [one, other] = [entry(1), entry(2)];
    await https.deliver([one], never);
    await https.deliver([one], never);
    await https.deliver([other], never);
    const keys = server.posts.map(({ headers }) => headers['idempotency-key']);
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[0], keys[2]);
  });

  it('honours answers for single records', async () => {
    await using https = destination();
    const [taken, known, refused, later, forgotten] = [1, 2, 3, 4, 5].map((sequence) => entry(sequence));
    assert.ok(taken && known && refused && later && forgotten);
    const results = [
      { id: taken.record.recordId, status: 'accepted' },
      { id: known.record.recordId, status: 'duplicate' },
      { id: refused.record.recordId, status: 'rejected', reason: 'no such subscriber' },
      { id: later.record.recordId, status: 'retry', reason: 'busy' },
    ];
    server.answer = () => ({ status: 200, body: JSON.stringify({ results }) });
    assert.deepEqual(await https.deliver([taken, known, refused, later, forgotten], never), [
      { outcome: 'acknowledged' },
      { outcome: 'acknowledged' },
      { outcome: 'rejected', reason: 'the collector rejects it: no such subscriber' },
      { outcome: 'retry', reason: 'busy' },
      { outcome: 'retry', reason: 'the collector did not answer for this record' },
    ]);
  });

  it('tells what the chain says beside records, to the byte as it was signed, each by an id of its own', async () => {
    await using https = destination();
    const body = '{"bootEpoch":3,"offsetMs":1700000000000}';
    const { record: _, times: __, ...link } = entry(2);
    const note: OutgoingEntry = { ...link, kind: 'clock', body, at: Date.parse('2026-11-22T10:05:00Z') };
    const id = `${deviceId}/2`;
    server.answer = () => ({ status: 200, body: JSON.stringify({ results: [{ id, status: 'accepted' }] }) });
    assert.deepEqual(await https.deliver([note], never), [{ outcome: 'acknowledged' }]);
    const text = server.posts[0]?.body ?? '';
    const [event] = JSON.parse(text);
    assert.deepEqual(
      [event.id, event.type, event.source, event.time, event.subject],
      [id, 'weir.ledger.clock.v1', `urn:weir:${deviceId}`, '2026-11-22T10:05:00.000Z', undefined],
    );
    assert.ok(text.includes(`"data":{"clock":${body},"chain":{"sequence":2,"kind":"clock",`), text);
  });

  it('finds the one record for which a batch is refused', async () => {
    await using https = destination();
    const sent = [entry(1), entry(2), entry(3)];
    const poisoned = sent[1]?.record.recordId ?? '';
    server.answer = ({ body }) =>
      body.includes(poisoned) ? { status: 422, body: 'no such tariff' } : { status: 200 };
    const outcomes = (await https.deliver(sent, never)).map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, ['acknowledged', 'rejected', 'acknowledged']);
  });

  for (const status of [301, 401, 403, 404, 429, 500, 503]) {
    it(`keeps a record that is answered with ${status}`, async () => {
      await using https = destination();
      server.answer = () => ({ status, body: 'trouble' });
      const told = await https.deliver([entry(1)], never);
      assert.deepEqual(told, [{ outcome: 'retry', reason: `the collector answered ${status}: trouble` }]);
      assert.equal(server.posts.length, 1, 'nobody is followed');
    });
  }

  it('gives up a collector that does not answer in time', async () => {
    await using https = destination({ timeoutMs: 200 });
    server.answer = () => 'hang';
    await assert.rejects(https.deliver([entry(1)], never), { code: 'TIMED_OUT' });
  });

  it('survives a collector that closes the connection', async () => {
    await using https = destination();
    server.answer = () => 'cut';
    await assert.rejects(https.deliver([entry(1)], never), { code: 'UPLOAD_FAILED' });
    server.answer = () => ({ status: 202 });
    assert.deepEqual(await https.deliver([entry(1)], never), [{ outcome: 'acknowledged' }]);
  });

  it('does not talk to a collector that strangers vouch for', async () => {
    await using https = destination({ identity: { ...ours, ca: strange.ca } });
    await assert.rejects(https.deliver([entry(1)], never), { code: 'UPLOAD_FAILED' });
    assert.equal(server.posts.length, 0);
  });

  it('is not heard with a certificate of strangers', async () => {
    await using https = destination({ identity: { ...strange, ca: ours.ca } });
    await assert.rejects(https.deliver([entry(1)], never), { code: 'UPLOAD_FAILED' });
    assert.equal(server.posts.length, 0);
  });

  it('tells of many sessions together while the collector is slow, of each its latest state, of none after its record', async () => {
    await using https = destination();
    const ended = entry(1);
    https.started(record());
    https.interim(ended.record);
    for (let session = 0; session < 5000; session += 1) https.started(record({ sessionId: `s${session}` }));
    https.interim(record({ sessionId: 's0', viewerTxBytes: '77' }));
    https.interim(record({ sessionId: 's1', viewerTxBytes: '78' }));
    assert.deepEqual(await https.deliver([ended], never), [{ outcome: 'acknowledged' }]);
    const told = () => server.posts.flatMap(({ body }) => JSON.parse(body));
    // A thousand wait, of which one ends.
    await server.until(() => told().length >= 1 + 999);
    assert.ok(server.posts.length <= 2 + Math.ceil(1000 / 200), 'together');
    const states = told().filter(({ type }) => type !== 'weir.usage.record.v1');
    const of = (id: string) => states.filter(({ data }) => data.record.sessionId === id);
    assert.deepEqual(
      [of('s0'), of('s1')].map(([state]) => state.data.record.viewerTxBytes),
      ['77', '78'],
    );
    assert.deepEqual(of(ended.record.sessionId), []);
    assert.deepEqual(of('s4999'), [], 'nobody keeps more than a thousand');
  });

  it('tells of sessions that run, and does not mind when nobody hears', async () => {
    await using https = destination();
    server.answer = () => ({ status: 500 });
    https.interim(record());
    await server.until(() => server.posts.length > 0);
    assert.equal(JSON.parse(server.posts[0]?.body ?? '')[0].type, 'weir.usage.interim.v1');
  });
});
