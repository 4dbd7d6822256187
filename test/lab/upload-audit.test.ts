import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { silentLog } from '#base';
import { type ChainEntry, type EntryKind, verifyChain } from '#storage';
import { openSimHal, type SimHal } from '../../hal/sim/sim-hal.ts';
import { parseConfig } from '../../src/config/index.ts';
import { Relay } from '../../src/relay.ts';
import { openNow, RecordsFolder } from '../unit/billing/billed-viewer.ts';
import { MeteredViewer } from '../unit/relay/metered-viewer.ts';
import { originAt, rtp, SimRtspOrigin } from '../unit/relay/sim-relay.ts';
import { HandClock } from '../unit/session/scripted.ts';
import { until } from '../unit/storage/box.ts';
import { Certificates } from './upload/certificates.ts';
import { CollectorServer } from './upload/collector-server.ts';

/** An event of the chain, and its signed text to the byte. */
interface Told {
  readonly id: string;
  readonly type: string;
  readonly text: string;
  readonly chain: Omit<ChainEntry, 'body'>;
  readonly times: { readonly startedAt: string; readonly correctedByMs: number } | undefined;
}

const textName: Readonly<Record<EntryKind, string>> = { usage: 'record', clock: 'clock', anchor: 'anchor' };

/** What an auditor has who has nothing but what a collector was sent. */
describe('lab: an auditor with the events of a collector', function () {
  this.timeout(30_000);
  let folder: RecordsFolder;
  let hal: SimHal;
  let clock: HandClock;
  let collector: CollectorServer;
  let relay: Relay;
  let ports = 20_000;

  beforeEach(async () => {
    folder = await RecordsFolder.make();
    clock = new HandClock();
    hal = await openSimHal({ clock });
    const authority = new Certificates(folder.path);
    collector = await CollectorServer.start(authority.issue('server'));
    const { ca, cert, key } = authority.issue('box').files;
    const config = parseConfig({
      interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
      relay: { patienceSeconds: 0 },
      billing: { retentionDays: 1 },
      upload: {
        originNotices: false,
        https: [{ name: 'audit', url: collector.url.href, caFile: ca, certFile: cert, keyFile: key }],
      },
    });
    hal.board.clockIsSynchronised = false;
    relay = await Relay.start({ config, hal, log: silentLog, clock, store: openNow(folder.store) });
    const origin = new SimRtspOrigin();
    origin.playing = () => {
      for (const feed of hal.datapath.feeds) {
        for (const track of [0, 1])
          feed.push(track, rtp({ seq: 1, rtpTime: 0, payload: Buffer.alloc(100, 0x65) }));
      }
    };
    hal.datapath.serve(originAt, (stream) => origin.serve(stream));
  });
  afterEach(async () => {
    await relay.close();
    await collector.close();
    await folder[Symbol.asyncDispose]();
    await hal.close();
  });

  /** One session, from its first packet to its record. */
  const watched = async () => {
    const viewer = new MeteredViewer(hal, ++ports);
    assert.equal(await viewer.watch('tcp', ports), 200);
    await until('its media', () => viewer.packets.length > 0);
    viewer.rtsp.stream.end();
    await until('its end', () => relay.monitor.viewers().length === 0);
    await relay.billing?.settled();
  };
  const told = (): readonly Told[] =>
    collector.posts.flatMap(({ body }) =>
      (JSON.parse(body) as Array<{ id: string; type: string; data: Record<string, never> }>)
        .filter(({ data }) => data.chain)
        .map(({ id, type, data }) => {
          const { chain, times } = data as unknown as Pick<Told, 'chain' | 'times'>;
          return { id, type, chain, times, text: JSON.stringify(data[textName[chain.kind]]) };
        }),
    );
  const has = async (count: number) => {
    await collector.until(() => told().length >= count);
    return told();
  };

  it('learns by how much times were wrong that it got before that was known', async () => {
    await watched();
    const [before] = await has(1);
    assert.equal(before?.times, undefined);
    assert.equal(JSON.parse(before?.text ?? '').clockTrusted, false);
    clock.setAheadMs = 1_700_000_000_000;
    hal.board.clockIsSynchronised = true;
    await clock.pass(6000);
    const [, note] = await has(2);
    assert.equal(note?.type, 'weir.ledger.clock.v1');
    assert.equal(note?.id, `${folder.store.device.id}/2`);
    assert.deepEqual(JSON.parse(note?.text ?? ''), {
      bootEpoch: folder.store.bootEpoch,
      offsetMs: 1_700_000_000_000,
    });
  });

  it('proves the chain without a gap, across corrections and what was removed', async () => {
    await watched();
    hal.board.clockIsSynchronised = true;
    await clock.pass(6000);
    await watched();
    await has(3);
    const waiting = async () => (await folder.store.outbox.summary()).some((one) => one.waiting > 0);
    await until('an empty outbox', async () => !(await waiting()));
    await clock.pass(2 * 86_400_000, 3_600_000);
    const all = await has(4);
    await watched();
    assert.ok((await has(all.length + 1)).length > all.length);
    const entries = told().map(({ chain, text }) => ({ ...chain, body: text }));
    assert.deepEqual(
      entries.slice(0, 4).map(({ kind }) => kind),
      ['usage', 'clock', 'usage', 'anchor'],
    );
    const report = await verifyChain(entries, createPublicKey(folder.store.device.publicKey));
    assert.deepEqual([report.ok, report.start, report.declaredMissing], [true, 'first', []]);
    assert.equal(report.range?.to, entries.length);
  });
});
