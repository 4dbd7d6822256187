import assert from 'node:assert/strict';
import { Signal, silentLog } from '#base';
import type { Store } from '#storage';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { Relay } from '../../../src/relay.ts';
import { RecordsFolder, recordsOf } from '../billing/billed-viewer.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { MeteredViewer } from './metered-viewer.ts';
import { originAt, rtp, SimRtspOrigin } from './sim-relay.ts';

const configOf = (whenFull: string) =>
  parseConfig({
    interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
    relay: { patienceSeconds: 0 },
    billing: { whenFull },
  });

describe('Relay: records that are not open at the start', () => {
  let hal: SimHal;
  let clock: HandClock;
  let folder: RecordsFolder;
  let relay: Relay;
  let store: { now: Store | undefined; opened: Signal<Store> };
  let ports = 20_000;

  beforeEach(async () => {
    clock = new HandClock();
    hal = await openSimHal({ clock });
    folder = await RecordsFolder.make();
    store = { now: undefined, opened: new Signal((error) => assert.fail(String(error))) };
    const origin = new SimRtspOrigin();
    origin.playing = () => media(1);
    hal.datapath.serve(originAt, (stream) => origin.serve(stream));
  });
  afterEach(async () => {
    await relay.close();
    await folder[Symbol.asyncDispose]();
    await hal.close();
  });

  const start = async (whenFull: string) => {
    relay = await Relay.start({ config: configOf(whenFull), hal, log: silentLog, clock, store });
  };
  const media = (seq: number) => {
    for (const feed of hal.datapath.feeds) {
      feed.push(0, rtp({ seq, rtpTime: seq * 3000, payload: Buffer.alloc(100, 0x65) }));
      feed.push(1, rtp({ seq, rtpTime: seq * 160, payload: Buffer.alloc(10) }));
    }
  };
  const watch = async () => {
    const viewer = new MeteredViewer(hal, ++ports);
    const status = await viewer.watch('tcp', ports);
    while (status === 200 && viewer.packets.length === 0) await settled();
    return { viewer, status };
  };
  const opens = () => {
    store.now = folder.store;
    store.opened.emit(folder.store);
  };
  const alarmNames = () => relay.alarms.standing().map(({ name }) => name);
  const recorded = async (count: number) => {
    for (;;) {
      await relay.billing?.settled();
      const records = await recordsOf(folder.store);
      if (records.length >= count) return records;
      await settled();
    }
  };

  it('refuses who comes, and bills from when they are open', async () => {
    await start('refuse');
    assert.equal((await watch()).status, 453);
    assert.deepEqual(alarmNames(), ['billing.refusing']);
    opens();
    assert.deepEqual(alarmNames(), []);
    const { viewer, status } = await watch();
    assert.equal(status, 200);
    const sent = viewer.bytes;
    viewer.rtsp.stream.end();
    assert.deepEqual(
      (await recorded(1)).map(({ viewerTxBytes }) => viewerTxBytes),
      [String(sent)],
    );
    assert.equal((await relay.status()).unbilledSessions, 0);
  });

  it('relays without a record where that is wanted; who came before stays unbilled to the end', async () => {
    await start('relay-unbilled');
    const before = await watch();
    assert.equal(before.status, 200);
    assert.deepEqual(alarmNames(), ['billing.unbilled']);
    opens();
    assert.deepEqual(alarmNames(), []);
    const after = await watch();
    const seen = before.viewer.packets.length;
    media(2);
    while (before.viewer.packets.length < seen + 2) await settled();
    before.viewer.rtsp.stream.end();
    after.viewer.rtsp.stream.end();
    while (relay.monitor.viewers().length > 0) await settled();
    const [record, ...others] = await recorded(1);
    assert.deepEqual(others, []);
    assert.equal(record?.viewerTxBytes, String(after.viewer.bytes));
    assert.equal((await relay.status()).unbilledSessions, 1);
  });

  it('makes the records of those who watch when the box ends, also of a store that came late', async () => {
    await start('refuse');
    opens();
    await watch();
    await relay.close();
    const [record] = await recordsOf(folder.store);
    assert.equal(record?.terminateCause, 'admin-reboot');
  });

  it('ends in order when they never came', async () => {
    await start('relay-unbilled');
    await watch();
    await relay.close();
    opens();
    assert.equal(relay.billing, undefined);
  });
});
