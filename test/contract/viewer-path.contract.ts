import assert from 'node:assert/strict';
import { type DatapathWorld, until } from './datapath-world.ts';
import { audio, buffers, code, feedScene, packets, taken, video } from './feed-scene.ts';
import { nal, nalTypes, receiverReport, rtp, senderReport } from './media.ts';

/** What every Datapath has to do for one viewer of a feed. */
export function viewerContract(open: () => Promise<DatapathWorld>): void {
  const { openPair, openUdp, openFeed, udpOrigin, udpFeed, udpViewer, adopted } = feedScene(open);

  it('starts at the newest IDR picture with its parameter sets, and is told the first packet', async () => {
    const { feed, origin } = await udpFeed(video);
    const picture = (seq: number, type: number, rtpTime: number) => rtp({ seq, rtpTime, payload: nal(type) });
    const sent = [
      picture(1, nalTypes.idr, 0),
      picture(2, nalTypes.slice, 3000),
      picture(3, nalTypes.sps, 6000),
      picture(4, nalTypes.pps, 6000),
      picture(5, nalTypes.idr, 6000),
      picture(6, nalTypes.slice, 9000),
    ];
    for (const packet of sent) origin.send(packet);
    await taken(feed, 6);
    const { path, media } = await udpViewer(feed, 1000);
    assert.deepEqual(path.starts, [{ track: 0, seq: 3, rtpTime: 6000 }]);
    await path.play();
    assert.deepEqual(buffers(await media.arrived(4)), sent.slice(2));
    assert.equal(feed.counters().startPoints, 2n);
  });

  describe('of a feed whose start point it cannot have', () => {
    const picture = (seq: number, type: number) => rtp({ seq, payload: nal(type) });
    const { idr, slice } = nalTypes;

    it('begins at the first one that comes, with all of its tracks', async () => {
      const feed = await openFeed([video, audio]);
      const [pictures, sound] = [await udpOrigin(feed, 0), await udpOrigin(feed, 1)];
      pictures.send(picture(1, slice));
      sound.send(rtp({ seq: 1 }));
      await taken(feed, 2);
      const { connection, far } = await adopted();
      const tracks = [0, 1].map(
        (track) =>
          ({
            track,
            transport: 'interleaved',
            connection,
            rtpChannel: 2 * track,
            rtcpChannel: 2 * track + 1,
          }) as const,
      );
      const path = await feed.addViewer({ tracks, startWaitMs: 0 });
      assert.deepEqual(path.starts, []);
      await path.play();
      pictures.send(picture(2, slice));
      sound.send(rtp({ seq: 2 }));
      await taken(feed, 4);
      pictures.send(picture(3, idr));
      await taken(feed, 5);
      sound.send(rtp({ seq: 3 }));
      const received = (await far.units(2)).map((unit) =>
        unit.kind === 'frame' ? [unit.channel, Buffer.from(unit.payload).readUInt16BE(2)] : unit,
      );
      assert.deepEqual(received, [
        [0, 3],
        [2, 3],
      ]);
    });

    it('is told the first packet when the start point comes in time (RFC 2326 s.12.33)', async () => {
      const { feed, origin } = await udpFeed(video);
      origin.send(picture(1, slice));
      await taken(feed, 1);
      const joining = udpViewer(feed, 5000);
      origin.send(picture(2, slice));
      await taken(feed, 2);
      origin.send(picture(3, idr));
      const { path } = await joining;
      assert.deepEqual(path.starts, [{ track: 0, seq: 3, rtpTime: 9000 }]);
    });

    for (const [why, bounds] of [
      ['because catching up is off', undefined],
      ['because too much came behind it', { maxMs: 10_000, maxBytes: 300 }],
    ] as const) {
      it(`is live from the next one, ${why}`, async () => {
        const feed = await openFeed([video], { catchUp: bounds });
        const origin = await udpOrigin(feed);
        origin.send(picture(1, idr));
        origin.send(picture(2, slice));
        await taken(feed, 2);
        const { path, media } = await udpViewer(feed);
        assert.deepEqual(path.starts, []);
        await path.play();
        const sent = [picture(3, slice), picture(4, idr), picture(5, slice)];
        for (const packet of sent) origin.send(packet);
        assert.deepEqual(buffers(await media.arrived(2)), sent.slice(1));
      });
    }

    it('begins at its newest packet without the video', async () => {
      const feed = await openFeed([audio, video]);
      const [sound, pictures] = [await udpOrigin(feed, 0), await udpOrigin(feed, 1)];
      pictures.send(picture(1, idr));
      await taken(feed, 1);
      for (const seq of [1, 2]) sound.send(rtp({ seq }));
      await taken(feed, 3);
      const { path, media } = await udpViewer(feed);
      assert.deepEqual(path.starts, [{ track: 0, seq: 2, rtpTime: 6000 }]);
      await path.play();
      assert.deepEqual(buffers(await media.arrived(1)), [rtp({ seq: 2 })]);
    });
  });

  it('waits for the first packet no longer than it was told, and is served when one comes', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media } = await udpViewer(feed, 20);
    assert.deepEqual(path.starts, []);
    await path.play();
    origin.send(rtp({ seq: 9 }));
    assert.deepEqual(buffers(await media.arrived(1)), [rtp({ seq: 9 })]);
  });

  it('waits until every one of its tracks has a packet', async () => {
    const feed = await openFeed([video, audio]);
    const [pictures, sound] = [await udpOrigin(feed, 0), await udpOrigin(feed, 1)];
    const [pair, other, far] = [await openPair(), await openPair(), await openUdp()];
    const target = { rtpTarget: far.local, rtcpTarget: far.local };
    const joining = feed.addViewer({
      tracks: [
        { track: 0, transport: 'udp', pair, ...target },
        { track: 1, transport: 'udp', pair: other, ...target },
      ],
      startWaitMs: 5000,
    });
    pictures.send(rtp({ seq: 5, rtpTime: 50, payload: nal(nalTypes.idr) }));
    await taken(feed, 1);
    sound.send(rtp({ seq: 7, rtpTime: 70 }));
    assert.deepEqual((await joining).starts, [
      { track: 0, seq: 5, rtpTime: 50 },
      { track: 1, seq: 7, rtpTime: 70 },
    ]);
  });

  it('gets nothing while it pauses, and goes on from a new start point', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media } = await udpViewer(feed);
    await path.play();
    origin.send(rtp({ seq: 1 }));
    await media.arrived(1);
    await path.pause();
    for (const packet of packets(2, 5)) origin.send(packet);
    await taken(feed, 6);
    assert.equal(path.counters().txPackets, 1n);
    assert.deepEqual(await path.seekToStart(0), [{ track: 0, seq: 6, rtpTime: 18_000 }]);
    await path.play();
    origin.send(rtp({ seq: 7 }));
    const [, ...after] = buffers(await media.arrived(3));
    assert.deepEqual(after, [packets(2, 5)[4], rtp({ seq: 7 })]);
  });

  it('gets the latest sender report first, and the later ones (RFC 3550 s.6.4.1)', async () => {
    const { feed, origin } = await udpFeed();
    origin.send(rtp({ seq: 1 }));
    origin.report(senderReport(1000));
    origin.report(senderReport(2000));
    await until(() => feed.counters().rxRtcpPackets === 2n);
    const { path, pair, control } = await udpViewer(feed);
    await path.play();
    const [first] = await control.arrived(1);
    assert.deepEqual(first?.from, pair.rtcp);
    assert.deepEqual(Buffer.from(first?.bytes ?? []), senderReport(2000));
    origin.report(senderReport(3000));
    const newest = () => control.received.at(-1)?.bytes ?? Buffer.of();
    await until(() => senderReport(3000).equals(newest()));
    await until(() => path.counters().txRtcpPackets === BigInt(control.received.length));
    assert.equal(path.counters().txBytes, 112n, 'RTCP is not media');
  });

  it('shows life and loss by its receiver reports (RFC 3550 s.6.4.2)', async () => {
    const { feed, origin } = await udpFeed();
    origin.send(rtp({ seq: 1 }));
    await taken(feed, 1);
    const { path, pair, control } = await udpViewer(feed);
    await path.play();
    assert.equal(path.counters().lastRxMonoNs, 0n);
    control.send(pair.rtcp, receiverReport(3));
    await until(() => path.counters().rxRtcpPackets === 1n);
    control.send(pair.rtcp, receiverReport(5));
    await until(() => path.counters().rxRtcpPackets === 2n);
    assert.equal(path.counters().reportedLostPackets, 5n);
    assert.ok(path.counters().lastRxMonoNs > 0n);
  });

  it('is followed to the port its punch comes from', async () => {
    const { feed, origin } = await udpFeed();
    const { path, pair, media } = await udpViewer(feed);
    await path.play();
    const behindNat = await openUdp();
    behindNat.send(pair.rtp, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    await until(() => path.counters().lastRxMonoNs > 0n);
    origin.send(rtp({ seq: 1 }));
    assert.deepEqual(buffers(await behindNat.arrived(1)), [rtp({ seq: 1 })]);
    assert.equal(media.received.length, 0);
  });

  it('whose port refuses media again and again is told of', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media, control } = await udpViewer(feed);
    await Promise.all([media.close(), control.close()]);
    let refused = 0;
    path.refused.on(({ refusals }) => {
      refused = refusals;
    });
    await path.play();
    for (let seq = 1; refused === 0; seq += 1) {
      origin.send(rtp({ seq }));
      await until(() => path.counters().refusals >= BigInt(seq));
    }
    assert.ok(refused >= 3);
  });

  it('that ends with BYE gets one, then nothing more; its counters stay', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media, control } = await udpViewer(feed);
    const other = await udpViewer(feed);
    await Promise.all([path.play(), other.path.play()]);
    origin.send(rtp({ seq: 1 }));
    await media.arrived(1);
    await Promise.all([path.close({ bye: true }), path.close()]);
    const compound = buffers(await control.arrived(1))[0];
    assert.ok(compound?.includes(Uint8Array.of(203)), 'no BYE in it');
    origin.send(rtp({ seq: 2 }));
    await other.media.arrived(2);
    assert.equal(media.received.length, 1);
    assert.equal(path.counters().txPackets, 1n);
    const closed = code('ALREADY_CLOSED');
    await assert.rejects(path.play(), closed);
    await assert.rejects(path.pause(), closed);
    await assert.rejects(path.seekToStart(0), closed);
  });

  it('ends with its feed', async () => {
    const { feed } = await udpFeed();
    const { path } = await udpViewer(feed);
    await Promise.all([feed.close(), feed.close()]);
    const closed = code('ALREADY_CLOSED');
    await assert.rejects(path.play(), closed);
    await assert.rejects(udpViewer(feed), closed);
    await assert.rejects(feed.receive([]), closed);
    await path.close();
    assert.equal(feed.counters().rxPackets, 0n);
  });

  it('cannot have a track the feed has not, or one twice', async () => {
    const { feed } = await udpFeed();
    const [pair, far] = [await openPair(), await openUdp()];
    const track = {
      track: 0,
      transport: 'udp',
      pair,
      rtpTarget: far.local,
      rtcpTarget: far.local,
    } as const;
    const bad = code('DATAPATH_BAD_ARGUMENT');
    await assert.rejects(feed.addViewer({ tracks: [{ ...track, track: 1 }], startWaitMs: 0 }), bad);
    await assert.rejects(feed.addViewer({ tracks: [track, track], startWaitMs: 0 }), bad);
    await assert.rejects(feed.addViewer({ tracks: [], startWaitMs: 0 }), bad);
  });
}
