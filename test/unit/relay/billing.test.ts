import assert from 'node:assert/strict';
import { silentLog } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { Relay } from '../../../src/relay.ts';
import { openNow, RecordsFolder, recordsOf } from '../billing/billed-viewer.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { MeteredViewer } from './metered-viewer.ts';
import { originAt, rtp, SimRtspOrigin, url } from './sim-relay.ts';

const config = parseConfig({
  interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
  relay: { silenceSeconds: 300, patienceSeconds: 0, rtsp: { sessionTimeoutSeconds: 10 } },
  billing: {
    currency: 'EUR',
    tariffs: [{ name: 'basic', unit: 'packets', pricePerPacket: '0.5' }],
    subscribers: [{ id: 'flat-7', prefixes: ['198.51.100.0/24'] }],
  },
});

describe('Relay: records', () => {
  let hal: SimHal;
  let clock: HandClock;
  let folder: RecordsFolder;
  let relay: Relay;
  let ports = 20_000;

  beforeEach(async () => {
    clock = new HandClock();
    hal = await openSimHal({ clock });
    folder = await RecordsFolder.make();
    relay = await Relay.start({ config, hal, log: silentLog, clock, store: openNow(folder.store) });
    const origin = new SimRtspOrigin();
    origin.playing = () => media(1);
    hal.datapath.serve(originAt, (stream) => origin.serve(stream));
  });
  afterEach(async () => {
    await relay.close();
    await folder[Symbol.asyncDispose]();
    await hal.close();
  });

  const media = (seq: number) => {
    for (const feed of hal.datapath.feeds) {
      feed.push(0, rtp({ seq, rtpTime: seq * 3000, payload: Buffer.alloc(100 + seq, 0x65) }));
      feed.push(1, rtp({ seq, rtpTime: seq * 160, payload: Buffer.alloc(10) }));
    }
  };
  const viewer = () => new MeteredViewer(hal, ++ports);
  /** Its media has begun: the start is durable by then. */
  const playing = async (watching: MeteredViewer) => {
    while (watching.packets.length === 0) await settled();
  };
  const recorded = async () => {
    while (relay.monitor.viewers().length > 0) await settled();
    await relay.billing?.settled();
    return recordsOf(folder.store);
  };

  /** The disk does not answer what starts sessions before it is resolved. */
  const stalledStart = (): PromiseWithResolvers<void> => {
    const { ledger } = folder.store;
    const start = ledger.start.bind(ledger);
    const stalled = Promise.withResolvers<void>();
    ledger.start = async (row) => {
      await stalled.promise;
      await start(row);
    };
    return stalled;
  };

  type End = (watching: MeteredViewer) => unknown;
  const ends: readonly [name: string, transport: 'udp' | 'tcp', cause: string, end: End][] = [
    [
      'TEARDOWN',
      'udp',
      'user-request',
      ({ rtsp, rtspSession }) => rtsp.ask('TEARDOWN', url, { Session: rtspSession }),
    ],
    [
      'TEARDOWN',
      'tcp',
      'user-request',
      ({ rtsp, rtspSession }) => rtsp.ask('TEARDOWN', url, { Session: rtspSession }),
    ],
    ['the end of its connection', 'udp', 'lost-carrier', ({ rtsp }) => void rtsp.stream.end()],
    ['the end of its connection', 'tcp', 'lost-carrier', ({ rtsp }) => void rtsp.stream.end()],
    ['a connection that breaks', 'tcp', 'lost-carrier', ({ rtsp }) => void rtsp.stream.destroy()],
    ['silence', 'udp', 'idle-timeout', () => clock.pass(12_000)],
    [
      'a port that refuses media',
      'udp',
      'port-error',
      async (watching) => {
        watching.unplug();
        // Three times, a while apart: one picture that is refused is not the end.
        for (const seq of [10, 11, 12]) {
          media(seq);
          await clock.pass(300);
        }
      },
    ],
    [
      "the origin's BYE",
      'udp',
      'lost-service',
      () => {
        for (const track of [0, 1]) hal.datapath.feeds[0]?.bye.emit({ track });
      },
    ],
    [
      "an operator's word",
      'tcp',
      'admin-reset',
      () => relay.monitor.kill(relay.monitor.viewers()[0]?.sessionId ?? ''),
    ],
    ['the end of the box', 'udp', 'admin-reboot', () => relay.close()],
    ['the end of the box', 'tcp', 'admin-reboot', () => relay.close()],
  ];
  for (const [name, transport, cause, end] of ends) {
    it(`has one record, with what it got, of a viewer by ${transport} that ended by ${name}`, async () => {
      const watching = viewer();
      assert.equal(await watching.watch(transport, 5000), 200);
      await playing(watching);
      for (const seq of [2, 3, 4]) media(seq);
      await settled();
      const sent = { packets: watching.packets.length, bytes: watching.bytes };
      assert.equal(sent.packets, 8);
      await end(watching);
      const [record, ...others] = await recorded();
      assert.deepEqual(others, []);
      assert.equal(record?.terminateCause, cause);
      assert.equal(record?.transport, transport);
      assert.equal(record?.subscriber, 'flat-7');
      // A port that refused got what the kernel took; nobody received it.
      const unseen =
        cause === 'port-error' ? await relay.monitor.endedViewers()[0]?.counters().txPackets : 8n;
      assert.equal(record?.viewerTxPackets, String(unseen));
      if (cause !== 'port-error') assert.equal(record?.viewerTxBytes, String(sent.bytes));
      assert.equal(record?.charge.amount, (Number(unseen) / 2).toFixed(2));
    });
  }

  it('has one record of a session that was paused and went on (RFC 2326 s.10.6)', async () => {
    const watching = viewer();
    await watching.watch('tcp', 5000);
    await playing(watching);
    const headers = { Session: watching.rtspSession };
    assert.equal((await watching.rtsp.ask('PAUSE', url, headers)).status, 200);
    media(2);
    assert.equal((await watching.rtsp.ask('PLAY', url, headers)).status, 200);
    media(3);
    await settled();
    assert.equal((await watching.rtsp.ask('TEARDOWN', url, headers)).status, 200);
    const records = await recorded();
    assert.deepEqual(
      records.map(({ viewerTxBytes }) => viewerTxBytes),
      [String(watching.bytes)],
    );
  });

  it('has a record of each viewer of a feed, and none of one that only asked', async () => {
    const [first, second, third] = [viewer(), viewer(), viewer()];
    await first.watch('udp', 5000);
    await second.watch('tcp', 6000);
    assert.equal((await third.rtsp.ask('DESCRIBE', url)).status, 200);
    const Transport = 'RTP/AVP/TCP;unicast;interleaved=0-1';
    assert.equal((await third.rtsp.ask('SETUP', `${url}/stream=0`, { Transport })).status, 200);
    await playing(first);
    await playing(second);
    third.rtsp.stream.end();
    await relay.close();
    const records = await recorded();
    assert.deepEqual(records.map(({ transport }) => transport).toSorted(), ['tcp', 'udp']);
    assert.equal(new Set(records.map(({ sessionId }) => sessionId)).size, 2);
  });

  it('sends no media before the start is durable', async () => {
    const disk = stalledStart();
    const watching = viewer();
    assert.equal(await watching.watch('tcp', 5000), 200, 'the answer does not wait for the disk');
    for (const seq of [2, 3]) media(seq);
    await settled();
    assert.deepEqual(watching.packets, []);
    disk.resolve();
    await playing(watching);
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`answers what a viewer by ${transport} asks while its start waits for the disk; TEARDOWN is the end`, async () => {
      const disk = stalledStart();
      const watching = viewer();
      assert.equal(await watching.watch(transport, 5000), 200);
      const headers = { Session: watching.rtspSession };
      for (const method of ['OPTIONS', 'GET_PARAMETER', 'DESCRIBE', 'TEARDOWN', 'OPTIONS']) {
        assert.equal((await watching.rtsp.ask(method, url, headers)).status, 200, method);
      }
      disk.resolve();
      const [record] = await recorded();
      assert.deepEqual([record?.terminateCause, record?.viewerTxPackets], ['user-request', '0']);
      assert.deepEqual(watching.packets, []);
    });
  }

  it('pauses a viewer when its start is durable, not before it (RFC 2326 s.10.6)', async () => {
    const disk = stalledStart();
    const watching = viewer();
    assert.equal(await watching.watch('tcp', 5000), 200);
    const headers = { Session: watching.rtspSession };
    const paused = watching.rtsp.ask('PAUSE', url, headers);
    await settled();
    assert.equal(relay.monitor.viewers()[0]?.state, 'playing');
    disk.resolve();
    assert.equal((await paused).status, 200);
    assert.equal(relay.monitor.viewers()[0]?.state, 'ready');
    const { length } = watching.packets;
    media(2);
    await settled();
    assert.equal(watching.packets.length, length);
  });

  it('answers SETUP with 503 while the disk does not answer (RFC 2326 s.11)', async () => {
    const disk = stalledStart();
    const watching = viewer();
    assert.equal(await watching.watch('tcp', 5000), 200);
    await clock.pass(5500);
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'nas-error');
    const next = viewer();
    const Transport = 'RTP/AVP/TCP;unicast;interleaved=0-1';
    assert.equal((await next.rtsp.ask('SETUP', `${url}/stream=0`, { Transport })).status, 503);
    assert.deepEqual(
      relay.alarms.standing().map(({ name }) => name),
      ['billing.startStalled'],
    );
    disk.resolve();
    const [record] = await recorded();
    assert.deepEqual([record?.terminateCause, record?.viewerTxPackets], ['nas-error', '0']);
  });

  it('stores counters each few seconds, so that a power cut takes no more than that', async () => {
    const watching = viewer();
    await watching.watch('udp', 5000);
    await playing(watching);
    media(2);
    await clock.pass(5250);
    await folder.store.ledger.head();
    const { bytes } = watching;
    media(3);
    // The power goes: nothing more is stored.
    const store = await folder.reopen('boot-2');
    assert.deepEqual(
      store.leftOpen.map(({ counters, sameBoot }) => [Number(counters.txBytes), sameBoot]),
      [[bytes, false]],
    );
  });
});
