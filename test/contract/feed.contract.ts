import assert from 'node:assert/strict';
import { encodeFrame } from '../../hal/sim/interleaved.ts';
import { type DatapathWorld, next, until } from './datapath-world.ts';
import { audio, buffers, bytesOf, feedScene, packets, taken, video } from './feed-scene.ts';
import { bye, nal, nalTypes, receiverReport, rtp } from './media.ts';

/** What every Datapath has to do with media. */
export function feedContract(open: () => Promise<DatapathWorld>): void {
  const { openUdp, openFeed, udpOrigin, udpFeed, udpViewer, adopted } = feedScene(open);

  it('reaches UDP viewers byte for byte, from their pair, and all is counted', async () => {
    const { feed, origin } = await udpFeed();
    const viewers = [await udpViewer(feed), await udpViewer(feed)];
    await Promise.all(viewers.map(({ path }) => path.play()));
    const sent = packets(65_530, 20); // over the wrap of seq
    for (const packet of sent) origin.send(packet);
    for (const { path, pair, media } of viewers) {
      const received = await media.arrived(sent.length);
      assert.deepEqual(buffers(received), sent);
      assert.deepEqual(received[0]?.from, pair.rtp);
      await until(() => path.counters().txPackets === 20n);
      assert.equal(path.counters().txBytes, bytesOf(sent));
      assert.equal(path.counters().droppedPackets, 0n);
    }
    const { rxPackets, rxBytes, lostPackets, rejectedPackets, lastRxMonoNs } = feed.counters();
    assert.deepEqual([rxPackets, rxBytes, lostPackets, rejectedPackets], [20n, bytesOf(sent), 0n, 0n]);
    assert.ok(lastRxMonoNs > 0n);
  });

  it('reaches UDP viewers in packets of any lengths, and those who stay when one leaves meanwhile', async () => {
    const { feed, origin } = await udpFeed();
    const viewers = [await udpViewer(feed), await udpViewer(feed), await udpViewer(feed)];
    await Promise.all(viewers.map(({ path }) => path.play()));
    // Where equal ones are sent as one, a shorter one ends the run and a longer one begins another.
    const lengths = [1000, 1000, 1000, 400, 1000, 1200, 1200, 10, 10, 1400];
    const sent = lengths.map((length, seq) => rtp({ seq, payload: Buffer.alloc(length, seq) }));
    const [leaving, ...staying] = viewers;
    assert.ok(leaving);
    for (const packet of sent.slice(0, 5)) origin.send(packet);
    const seen = buffers(await leaving.media.arrived(5));
    await leaving.path.close();
    for (const packet of sent.slice(5)) origin.send(packet);
    for (const { path, media } of staying) {
      assert.deepEqual(buffers(await media.arrived(sent.length)), sent);
      await until(() => path.counters().txPackets === BigInt(sent.length));
      const { txBytes, droppedPackets, oversizedPackets } = path.counters();
      assert.deepEqual([txBytes, droppedPackets, oversizedPackets], [bytesOf(sent), 0n, 0n]);
    }
    assert.deepEqual(seen, sent.slice(0, 5));
    assert.equal(leaving.media.received.length, 5);
    const { txPackets, txBytes, droppedPackets } = leaving.path.counters();
    assert.deepEqual([txPackets, txBytes, droppedPackets], [5n, bytesOf(seen), 0n]);
  });

  it('leaves no trace at a viewer that has ended, of what comes for it afterwards', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media, control } = await udpViewer(feed);
    await path.play();
    origin.send(rtp({ seq: 1 }));
    await media.arrived(1);
    await path.close();
    const before = path.counters();
    for (const packet of packets(2, 10)) origin.send(packet);
    await taken(feed, 11);
    assert.deepEqual(path.counters(), before);
    assert.deepEqual([media.received.length, control.received.length], [1, 0]);
  });

  it("carries '$' frames from an origin to a viewer (RFC 2326 s.10.12), text between whole frames", async () => {
    const feed = await openFeed([video, audio]);
    const [origin, viewer] = [await adopted(), await adopted()];
    const channels = (track: number) => ({ track, rtpChannel: 2 * track, rtcpChannel: 2 * track + 1 });
    await feed.receive(
      [0, 1].map((track) => ({
        ...channels(track),
        transport: 'interleaved',
        connection: origin.connection,
      })),
    );
    const path = await feed.addViewer({
      tracks: [0, 1].map((track) => ({
        ...channels(track),
        transport: 'interleaved',
        connection: viewer.connection,
      })),
      startWaitMs: 0,
    });
    await path.play();
    const frames = Array.from({ length: 10 }, (_, at) => ({
      channel: at % 2 === 0 ? 0 : 2,
      payload: rtp({ seq: at, rtpTime: at, payload: nal(nalTypes.idr, 1000 + at) }),
    }));
    for (const { channel, payload } of frames) {
      origin.far.write(encodeFrame(channel, payload));
      viewer.connection.send(Buffer.from(`RTSP/1.0 200 OK\r\nCSeq: ${payload.length}\r\n\r\n`));
    }
    const units = await viewer.far.units(20);
    const received = units.filter((unit) => unit.kind === 'frame');
    assert.deepEqual(
      received.map(({ channel, payload }) => [channel, Buffer.from(payload)]),
      frames.map(({ channel, payload }) => [channel, payload]),
    );
    assert.equal(units.length - received.length, 10);
    await until(() => path.counters().txPackets === 10n);
    assert.equal(path.counters().txBytes, bytesOf(frames.map(({ payload }) => payload)));
    assert.equal(origin.connection.counters().rxUnknownFrames, 0n);
    assert.equal(feed.counters().rxPackets, 10n);
  });

  it('refuses packets from elsewhere and what is no RTP, and goes on', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media } = await udpViewer(feed);
    await path.play();
    (await openUdp()).send(origin.target, rtp({ seq: 1 }));
    await until(() => feed.counters().rejectedPackets === 1n);
    origin.send(Buffer.from('this is no RTP'));
    await until(() => feed.counters().rejectedPackets === 2n);
    origin.send(rtp({ seq: 2 }));
    assert.deepEqual(buffers(await media.arrived(1)), [rtp({ seq: 2 })]);
    assert.equal(feed.counters().rxPackets, 1n);
  });

  it('counts what was lost on the way to it (RFC 3550 s.A.3)', async () => {
    const { feed, origin } = await udpFeed();
    for (const seq of [10, 11, 15, 16]) origin.send(rtp({ seq }));
    await until(() => feed.counters().lostPackets === 3n);
    assert.equal(feed.counters().rxPackets, 4n);
  });

  it('moves a track to a new source', async () => {
    const { feed, origin } = await udpFeed();
    const moved = await udpOrigin(feed);
    moved.send(rtp({ seq: 1 }));
    await taken(feed, 1);
    origin.send(rtp({ seq: 2 }));
    moved.send(rtp({ seq: 3 }));
    await taken(feed, 2);
    await until(() => feed.counters().lostPackets === 1n);
  });

  it('tells of the BYE of its origin (RFC 3550 s.6.6)', async () => {
    const { feed, origin } = await udpFeed();
    origin.send(rtp({ seq: 1 }));
    await taken(feed, 1);
    const said = next(feed.bye);
    origin.report(bye());
    assert.deepEqual(await said, { track: 0 });
    assert.equal(feed.counters().rxRtcpPackets, 1n);
  });

  it('serves viewers by UDP and by TCP alike', async () => {
    const { feed, origin } = await udpFeed();
    const [byUdp, byTcp] = [await udpViewer(feed), await adopted()];
    const path = await feed.addViewer({
      tracks: [
        { track: 0, transport: 'interleaved', connection: byTcp.connection, rtpChannel: 6, rtcpChannel: 7 },
      ],
      startWaitMs: 0,
    });
    await Promise.all([path.play(), byUdp.path.play()]);
    const sent = packets(1, 30);
    for (const packet of sent) origin.send(packet);
    const units = await byTcp.far.units(30);
    assert.deepEqual(
      units.map((unit) => unit.kind === 'frame' && [unit.channel, Buffer.from(unit.payload)]),
      sent.map((packet) => [6, packet]),
    );
    assert.deepEqual(buffers(await byUdp.media.arrived(30)), sent);
    await until(() => [path, byUdp.path].every((each) => each.counters().txBytes === bytesOf(sent)));
    byTcp.far.write(encodeFrame(7, receiverReport(2)));
    await until(() => path.counters().reportedLostPackets === 2n);
    // One that the viewer says on another connection (RTSP over HTTP) is heard alike.
    byTcp.connection.takeFrame(7, receiverReport(4));
    await until(() => path.counters().reportedLostPackets === 4n);
    assert.equal(path.counters().rxRtcpPackets, 2n);
    assert.equal(byTcp.connection.counters().rxUnknownFrames, 0n);
  });
}
