import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock, silentLog as log } from '#base';
import type { RadiusLink } from '../../src/upload/radius/radius-link.ts';
import { RadsecLink } from '../../src/upload/radius/radsec-link.ts';
import { UdpLink } from '../../src/upload/radius/udp-link.ts';
import { radiusTo } from '../unit/upload/radius-to.ts';
import { Certificates, type Identity } from './upload/certificates.ts';
import { Freeradius } from './upload/freeradius.ts';
import { entry, record } from './upload/records.ts';

const port = 18_130;
const radsecPort = 20_830;

const destination = (...links: readonly RadiusLink[]) => radiusTo(links);

const udp = (options: { port?: number; secret?: string } = {}) =>
  new UdpLink({ host: '127.0.0.1', port, secret: 's3cret', clock, log, ...options });

describe('lab: RADIUS accounting at FreeRADIUS', function () {
  this.timeout(60_000);
  let folder: string;
  let server: Freeradius;
  let ours: Identity;
  let strange: Identity;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-radius-'));
    const authority = new Certificates(folder);
    ours = authority.issue('box');
    strange = new Certificates(folder, 'other-ca').issue('stranger');
    const radsec = { port: radsecPort, identity: authority.issue('server') };
    server = await Freeradius.start({ folder, port, secret: 's3cret', radsec });
  });

  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const radsec = (identity: Identity) =>
    new RadsecLink({ host: '127.0.0.1', port: radsecPort, tls: identity, clock, log });
  const rowOf = (sessionId: string) => server.rows().filter((row) => row.acctsessionid === sessionId);

  it('keeps one row for Start, Interim-Update and Stop, with 64-bit octets (RFC 2869 s.5.2)', async () => {
    await using radius = destination(udp());
    const begun = record({ viewerTxBytes: '0', viewerTxPackets: '0', durationMs: 0 });
    radius.started(begun);
    radius.interim({ ...begun, viewerTxBytes: '1000', viewerTxPackets: '1', durationMs: 10_000 });
    const told = await radius.deliver([entry(7, { ...record(), sessionId: begun.sessionId })]);
    assert.deepEqual(told, [{ outcome: 'acknowledged' }]);
    const rows = rowOf(begun.sessionId);
    assert.equal(rows.length, 1);
    const [row] = rows;
    assert.equal(row?.acctoutputoctets, 5 * 2 ** 32 + 123);
    assert.equal(row?.username, 'subscriber-1');
    assert.equal(row?.acctsessiontime, 90);
    assert.equal(row?.acctterminatecause, 'User-Request');
    assert.equal(row?.framedipaddress, '192.0.2.9');
    assert.equal(row?.callingstationid, '02-00-5E-10-00-01');
    assert.equal(row?.acctstoptime, Date.parse('2026-11-22T10:01:30Z') / 1000);
  });

  it('sends Accounting-On first, and once, however many records wait (RFC 2866 s.5.1)', async () => {
    const from = server.packets().length;
    await using radius = destination(udp());
    await radius.deliver([entry(1), entry(2), entry(3)]);
    const types = server
      .packets()
      .slice(from)
      .map((packet) => /Acct-Status-Type = (\S+)/.exec(packet)?.[1]);
    assert.deepEqual(types, ['Accounting-On', 'Stop', 'Stop', 'Stop']);
  });

  it('says what standard attributes cannot in those of its dictionary, a long URL in pieces', async () => {
    await using radius = destination(udp());
    const url = `rtsp://198.51.100.7/${'länge/'.repeat(60)}end`;
    const sent = entry(9, { url, recovered: true, terminateCause: 'nas-reboot' });
    await radius.deliver([sent]);
    const packet = server.packets().find((text) => text.includes(sent.record.sessionId)) ?? '';
    const values = (name: string) =>
      [...packet.matchAll(new RegExp(`${name} = "?(.*?)"?$`, 'gm'))].map((match) => match[1]);
    assert.equal(values('Weir-Feed-URL').join(''), url);
    assert.deepEqual(values('Weir-Origin'), ['198.51.100.7:554']);
    assert.deepEqual(values('Weir-Record-Id'), [sent.record.recordId]);
    assert.deepEqual(values('Weir-Sequence'), ['9']);
    assert.deepEqual(values('Weir-Charge-Amount'), ['1.2345']);
    assert.deepEqual(values('Weir-Charge-Currency'), ['EUR']);
    assert.deepEqual(values('Weir-Tariff'), ['gold/7']);
    assert.deepEqual(values('Weir-Output-Packets'), ['17000000']);
    assert.deepEqual(values('Weir-Recovered'), ['yes']);
    assert.deepEqual(values('Acct-Terminate-Cause'), ['NAS-Reboot']);
  });

  it('names a viewer by its IPv6 address (RFC 6911 s.3.1)', async () => {
    await using radius = destination(udp());
    const sent = entry(1, { viewer: { address: '2001:db8::9', port: 1 }, mac: null, subscriber: null });
    await radius.deliver([sent]);
    const [row] = rowOf(sent.record.sessionId);
    assert.equal(row?.framedipv6address, '2001:db8::9');
    assert.equal(row?.username, '2001:db8::9');
  });

  it('has the time by its own clock, less the delay, of a box that does not know it', async () => {
    await using radius = destination(udp());
    const anHourAgo = { bootEpoch: 4, endedMonoNs: String(clock.monoNs() - 3_600_000_000_000n) };
    const wrong = { startedAt: '1970-01-01T00:00:10.000Z', endedAt: '1970-01-01T00:01:40.000Z' };
    const sent = entry(6, { ...anHourAgo, ...wrong, clockTrusted: false });
    await radius.deliver([sent]);
    const [row] = rowOf(sent.record.sessionId);
    const stopped = Number(row?.acctstoptime);
    assert.ok(Math.abs(stopped - (clock.nowMs() / 1000 - 3600)) < 60, `${stopped}`);
  });

  it('keeps one row when a Stop is told again', async () => {
    await using radius = destination(udp());
    const sent = entry(4);
    await radius.deliver([sent]);
    await radius.deliver([sent]);
    assert.equal(rowOf(sent.record.sessionId).length, 1);
  });

  it('asks a backup server when the primary refuses', async () => {
    await using radius = destination(udp({ port: port + 7 }), udp());
    assert.deepEqual(await radius.deliver([entry(5)]), [{ outcome: 'acknowledged' }]);
  });

  it('is not answered with another secret, and says what to look at', async () => {
    await using link = udp({ secret: 'wrong' });
    await assert.rejects(link.request([]), { code: 'TIMED_OUT', advice: /secrets/ });
  });

  it('delivers by RadSec with a client certificate (RFC 6614)', async () => {
    await using radius = destination(radsec(ours));
    const sent = Array.from({ length: 40 }, (_, index) => entry(index + 1));
    const told = await radius.deliver(sent);
    assert.ok(told.every(({ outcome }) => outcome === 'acknowledged'));
    for (const { record } of sent) assert.equal(rowOf(record.sessionId).length, 1);
  });

  it('is not answered by RadSec with a certificate of strangers', async () => {
    await using link = radsec({ ...strange, ca: ours.ca });
    await assert.rejects(link.request([]), { code: 'UPLOAD_FAILED' });
  });

  it('does not talk to a RadSec server that strangers vouch for', async () => {
    await using link = radsec({ ...ours, ca: strange.ca });
    await assert.rejects(link.request([]), { code: 'UPLOAD_FAILED', message: /no TLS connection/ });
  });

  it('goes on by RadSec after the server was killed and is back', async () => {
    await using radius = destination(radsec(ours));
    await radius.deliver([entry(1)]);
    await server.kill();
    const [away] = await radius.deliver([entry(2)]);
    assert.equal(away?.outcome, 'retry');
    await server.start();
    assert.deepEqual(await radius.deliver([entry(3)]), [{ outcome: 'acknowledged' }]);
  });
});
