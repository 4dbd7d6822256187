import assert from 'node:assert/strict';
import { isWeirError, systemClock } from '#base';
import { createWorld, insideSandbox, type World } from '../../src/demo/world/index.ts';
import {
  defaultClientPort,
  dropMedia,
  droppedAddress,
  Fanout,
  Load,
  type LoadReport,
  lastReceivingAddress,
  Receiver,
  receivingAddress,
  SourceProcess,
  Trace,
} from '../bench/load/index.ts';

/** Reports until `enough` holds. */
async function reportWhen(load: Load, enough: (report: LoadReport) => boolean): Promise<LoadReport> {
  for (;;) {
    const report = await load.report();
    if (enough(report)) return report;
    await systemClock.sleep(50);
  }
}

describe('the load generator', function () {
  this.timeout(60_000);
  let world: World;
  let source: SourceProcess;
  const port = 8554;

  before(async function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
    world = await createWorld({ prefix: 'load-' });
    source = await SourceProcess.start(world.origin.host, {
      address: '::',
      port,
      bitsPerSecond: 4e6,
      audio: true,
      stampPayload: true,
    });
  });
  after(() => world?.close());

  for (const family of ['address4', 'address6'] as const) {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`counts what each of five viewers gets by ${transport} to the ${family}, to the byte`, async () => {
        const address = world.origin[family];
        const url = `rtsp://${family === 'address6' ? `[${address}]` : address}:${port}/live`;
        const before = await source.counters();
        await using load = await Load.start(world.viewer, { url, server: { address, port }, transport });
        const numbers = await load.add(5);
        await reportWhen(
          load,
          ({ viewers }) =>
            viewers.length === 5 &&
            viewers.every(({ tracks }) => tracks.every(({ packets }) => packets > 100)),
        );
        await load.leave(numbers);
        const after = await source.counters();
        const { totals, viewers, latency } = await load.report();
        assert.equal(totals.packets, after.rtpPackets - before.rtpPackets);
        assert.equal(totals.bytes, after.rtpBytes - before.rtpBytes);
        const faults = { ...totals, packets: 0, bytes: 0 };
        assert.deepEqual(new Set(Object.values(faults)), new Set([0]), JSON.stringify(totals));
        assert.equal(latency.count, totals.packets);
        assert.ok(latency.minNs > 0 && latency.minNs <= latency.p50Ns && latency.p50Ns <= latency.p99Ns);
        for (const { firstPacketNs = 0, firstFrameNs = 0, tracks } of viewers) {
          assert.ok(firstPacketNs > 0 && firstPacketNs < 500e6, `${firstPacketNs}`);
          assert.ok(firstFrameNs >= firstPacketNs);
          assert.ok(
            tracks.every(({ rtcpPackets }) => rtcpPackets > 0),
            'sender reports',
          );
        }
        assert.equal(after.sessionsOpen, 0);
      });
    }
  }

  it('has sessions whose media is counted and dropped before it costs anything', async () => {
    const address = world.origin.address4;
    const drop = await dropMedia(world.viewer.host, 'eth0');
    await using load = await Load.start(world.viewer, {
      url: `rtsp://${address}:${port}/live`,
      server: { address, port },
      transport: 'udp',
    });
    const before = await source.counters();
    await load.addDropped(3);
    await systemClock.sleep(500);
    assert.deepEqual((await load.report()).viewers, []);
    assert.equal((await source.counters()).sessionsOpen, 3);
    await load.close();
    const { packets, bytes } = await drop.count();
    const after = await source.counters();
    assert.equal(packets, after.rtpPackets - before.rtpPackets);
    // IP and UDP headers are counted too.
    assert.equal(bytes, after.rtpBytes - before.rtpBytes + 28 * packets);
    assert.deepEqual(await drop.count(), { packets: 0, bytes: 0 });
    await drop.remove();
  });

  it('keeps viewers alive while others join and leave', async () => {
    const address = world.origin.address4;
    // Asked for every 0.4 s, it falls into the middle of joins.
    const options = { address, port: 8556, sessionTimeoutSeconds: 1 };
    await using brief = await SourceProcess.start(world.origin.host, options);
    await using load = await Load.start(world.viewer, {
      url: `rtsp://${address}:8556/live`,
      server: { address, port: 8556 },
      transport: 'udp',
    });
    await load.add(20);
    for (const until = systemClock.nowMs() + 2500; systemClock.nowMs() < until; ) {
      await load.leave(await load.add(20));
    }
    await load.report();
    const { sessionsOpen, sessionsTimedOut, requests } = await brief.counters();
    assert.deepEqual([sessionsOpen, sessionsTimedOut], [20, 0]);
    assert.ok((requests.GET_PARAMETER ?? 0) >= 20 * 4, JSON.stringify(requests));
  });

  it('says which viewer was refused, and why', async () => {
    const address = world.origin.address4;
    const options = {
      url: `rtsp://${address}:${port}/nothing`,
      server: { address, port },
      transport: 'udp',
    } as const;
    await using load = await Load.start(world.viewer, options);
    await assert.rejects(load.add(1), (error) => {
      assert.ok(isWeirError(error, 'ORIGIN_REFUSED'));
      assert.deepEqual([error.fields.method, error.fields.status], ['DESCRIBE', 404]);
      return true;
    });
  });

  it('says that nobody listens', async () => {
    const address = world.origin.address4;
    const options = {
      url: `rtsp://${address}:1/live`,
      server: { address, port: 1 },
      transport: 'udp',
    } as const;
    await using load = await Load.start(world.viewer, options);
    await assert.rejects(load.add(1), (error) => isWeirError(error, 'ORIGIN_UNREACHABLE'));
  });

  it('sees loss, duplicates, disorder, another SSRC, strangers and what is no RTP', async () => {
    await using receiver = await Receiver.start(world.viewer.host);
    const to = receivingAddress(0, '0.0.0.0');
    const from = world.origin.address4;
    await receiver.bind(7, 0, to, defaultClientPort);
    receiver.expect(7, 0, from, [5000, 5001]);
    const packet = (seq: number, ssrc = 1) =>
      Buffer.from([0x80, 96, seq >> 8, seq & 0xff, 0, 0, 0, 0, 0, 0, 0, ssrc, 1, 2, 3]).toString('hex');
    const good = [65_534, 65_535, 1, 1, 0, 4].map((seq) => packet(seq)); // 2 and 3 are lost, 1 is there twice, 0 is late
    const other = [packet(10, 2), packet(12, 2)]; // another SSRC, and 11 is lost
    const script = `
      const udp = (port) => { const s = require('node:dgram').createSocket('udp4'); s.bind(port, '${from}'); return s; };
      const [a, b] = [udp(5000), udp(5002)];
      const send = (s, hex) => new Promise((sent) => s.send(Buffer.from(hex, 'hex'), ${defaultClientPort}, '${to}', sent));
      (async () => {
        for (const hex of ${JSON.stringify([...good, ...other, '8060', '00'.repeat(20)])}) await send(a, hex);
        await send(b, '${packet(13, 2)}');
        a.close(); b.close();
      })();`;
    await world.origin.host.run(process.execPath, ['-e', script]);
    const [track] = (await receiver.report()).tracks;
    assert.ok(track);
    const { packets, lost, duplicates, reordered, ssrcChanges, malformed, foreign, bytes, firstSeq } = track;
    assert.deepEqual(
      { packets, lost, duplicates, reordered, ssrcChanges, malformed, foreign, bytes, firstSeq },
      {
        ...{ packets: 9, lost: 3, duplicates: 1, reordered: 1, ssrcChanges: 1, malformed: 2, foreign: 1 },
        ...{ bytes: 9 * 15, firstSeq: 65_534 },
      },
    );
  });

  for (const mode of ['gso', 'sendto'] as const) {
    it(`measures itself with the C loop by ${mode}: every packet of the trace reaches every viewer once`, async () => {
      const viewerCount = 10;
      const feed = { address: world.wan.address4, port: 7000 };
      await using receiver = await Receiver.start(world.viewer.host);
      for (let viewer = 0; viewer < viewerCount; viewer++) {
        await receiver.bind(viewer, 0, receivingAddress(viewer, feed.address), defaultClientPort);
      }
      await using fanout = await Fanout.start(world.box, {
        mode,
        ...feed,
        firstViewer: receivingAddress(0, feed.address),
        viewerCount,
        viewerPort: defaultClientPort,
      });
      await using trace = await Trace.start(world.origin, feed, { bitsPerSecond: 4e6, stampPayload: true });
      await systemClock.sleep(1000);
      const sent = await trace.stop();
      const { received, delivered, deliveredBytes, notSent, cpuNs } = await fanout.report();
      assert.deepEqual([received, delivered, notSent], [sent.packets, sent.packets * viewerCount, 0]);
      assert.equal(deliveredBytes, sent.bytes * viewerCount);
      assert.ok(cpuNs > 0);
      const { tracks, latency } = await receiver.report();
      assert.deepEqual(
        tracks.map(({ packets, bytes, lost, duplicates, malformed }) => ({
          packets,
          bytes,
          lost,
          duplicates,
          malformed,
        })),
        Array.from({ length: viewerCount }, () => ({
          ...{ packets: sent.packets, bytes: sent.bytes },
          ...{ lost: 0, duplicates: 0, malformed: 0 },
        })),
      );
      assert.equal(latency.count, sent.packets * viewerCount);
      assert.equal((await fanout.report()).received, 0, 'counted since the report before');
    });
  }

  it('measures itself with the C loop by TCP: who reads gets every packet of the trace once, who discards gets its bytes', async () => {
    const feed = { address: world.wan.address4, port: 7000 };
    const listenPort = 7001;
    await using receiver = await Receiver.start(world.viewer.host);
    await using fanout = await Fanout.start(world.box, { mode: 'tick', ...feed, listenPort, tickMs: 20 });
    for (const viewer of [0, 1, 2, 3]) {
      if (viewer < 2) receiver.expectChannels(viewer, 0, [0, 1]);
      else receiver.discard(viewer);
      const from = receivingAddress(viewer, feed.address);
      await receiver.connect(viewer, from, world.access.address4, listenPort);
    }
    await using trace = await Trace.start(world.origin, feed, { bitsPerSecond: 4e6 });
    await systemClock.sleep(1000);
    const sent = await trace.stop();
    // It answers between two ticks: what came after the last one is still due.
    const total = { received: 0, delivered: 0, deliveredBytes: 0, notSent: 0 };
    while (total.delivered < 4 * sent.packets) {
      const part = await fanout.report();
      for (const key of ['received', 'delivered', 'deliveredBytes', 'notSent'] as const)
        total[key] += part[key];
    }
    assert.deepEqual(total, {
      received: sent.packets,
      delivered: 4 * sent.packets,
      deliveredBytes: 4 * sent.bytes,
      notSent: 0,
    });
    const wanted = 2 * (sent.bytes + 4 * sent.packets);
    let report = await receiver.report();
    while (report.discardedBytes < wanted || report.tracks.some(({ packets }) => packets < sent.packets)) {
      report = await receiver.report();
    }
    assert.equal(report.discardedBytes, wanted);
    assert.deepEqual(
      report.tracks.map(({ viewer, packets, bytes, lost, duplicates, malformed }) => [
        ...[viewer, packets, bytes, lost, duplicates, malformed],
      ]),
      [0, 1].map((viewer) => [viewer, sent.packets, sent.bytes, 0, 0, 0]),
    );
  });

  it('gives every viewer an address of its own, those that are dropped apart', () => {
    const all = [0, 1, 254, 255, 256, 32_766].flatMap((index) => [
      receivingAddress(index, '1.2.3.4'),
      droppedAddress(index, '1.2.3.4'),
    ]);
    assert.equal(new Set(all).size, all.length);
    assert.equal(droppedAddress(0, '1.2.3.4'), '198.19.128.1');
    // What counts up from the last receivers' addresses comes to 198.19.128.0, which is dropped too.
    assert.deepEqual(
      [0, 1].map((index) => lastReceivingAddress(index, 2)),
      ['198.19.127.254', '198.19.127.255'],
    );
    assert.equal(droppedAddress(0, '::1'), '2001:db8:199::8001');
    assert.throws(() => receivingAddress(32_767, '1.2.3.4'), { code: 'USAGE' });
  });
});
