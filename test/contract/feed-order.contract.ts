import assert from 'node:assert/strict';
import type { FeedPath } from '../../hal/datapath/face.ts';
import { encodeFrame } from '../../hal/sim/interleaved.ts';
import type { DatapathWorld } from './datapath-world.ts';
import { audio, buffers, feedScene, taken, video } from './feed-scene.ts';
import { nal, nalTypes, rtp } from './media.ts';

/** What every feed has to do with packets that come in disorder (RFC 3550 s.5.1). */
export function orderContract(open: () => Promise<DatapathWorld>): void {
  const { openFeed, udpOrigin, udpFeed, udpViewer, adopted } = feedScene(open);

  const seqs = (received: ReadonlyArray<{ bytes: Uint8Array }>) =>
    buffers(received).map((packet) => packet.readUInt16BE(2));
  const range = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, at) => first + at);

  async function watched(track = audio) {
    const { feed, origin } = await udpFeed(track);
    const { path, media } = await udpViewer(feed);
    await path.play();
    const send = (...numbers: number[]) => {
      for (const seq of numbers) origin.send(rtp({ seq }));
    };
    return { feed, origin, path, media, send };
  }
  const figures = (feed: FeedPath) => {
    const { lostPackets, reorderedPackets, latePackets, duplicatePackets } = feed.counters();
    return { lostPackets, reorderedPackets, latePackets, duplicatePackets };
  };
  const none = { lostPackets: 0n, reorderedPackets: 0n, latePackets: 0n, duplicatePackets: 0n };

  const cases = [
    { what: 'two that changed places', sent: [1, 3, 2, 4], reordered: 1n },
    { what: 'one that comes ten places late', sent: [1, ...range(3, 12), 2, 13], reordered: 1n },
    { what: 'both sides of the wrap of seq', sent: [65_534, 0, 65_535, 2, 1, 3], reordered: 2n },
  ];
  for (const { what, sent, reordered } of cases) {
    it(`are put right: ${what}`, async () => {
      const { feed, media, send } = await watched();
      send(...sent);
      const first = sent[0] ?? 0;
      const wanted = sent.map((_, at) => (first + at) & 0xffff);
      assert.deepEqual(seqs(await media.arrived(sent.length)), wanted);
      assert.deepEqual(figures(feed), { ...none, reorderedPackets: reordered });
    });
  }

  it('are not waited for without end: the one behind a gap goes on though nothing more comes', async () => {
    const { feed, media, send } = await watched();
    send(1, 3);
    assert.deepEqual(seqs(await media.arrived(2)), [1, 3]);
    assert.deepEqual(figures(feed), { ...none, lostPackets: 1n });
  });

  it('are not waited for when sixteen are held; what comes then is late, and dropped', async () => {
    const { feed, media, send } = await watched();
    send(1, ...range(4, 20), 2, 21);
    const wanted = [1, ...range(4, 21)];
    assert.deepEqual(seqs(await media.arrived(wanted.length)), wanted);
    assert.deepEqual(figures(feed), { ...none, lostPackets: 2n, latePackets: 1n });
  });

  it('may be lost in a burst and come twice: only what was lost is missing', async () => {
    const { feed, media, send } = await watched();
    send(1, 40, 42, 42, 40, 41, 1, 43);
    assert.deepEqual(seqs(await media.arrived(5)), [1, 40, 41, 42, 43]);
    await taken(feed, 8);
    assert.deepEqual(figures(feed), {
      ...none,
      lostPackets: 38n,
      reorderedPackets: 1n,
      duplicatePackets: 3n,
    });
  });

  it('make a start point whole: it begins with its first packet', async () => {
    const { feed, origin, media } = await watched(video);
    const unit = [nalTypes.slice, nalTypes.sps, nalTypes.pps, nalTypes.idr].map((type, at) =>
      rtp({ seq: at, rtpTime: Math.min(at, 1), payload: nal(type) }),
    );
    for (const at of [0, 3, 2, 1]) origin.send(unit[at] as Buffer);
    assert.deepEqual(buffers(await media.arrived(3)), unit.slice(1));
    const { path } = await udpViewer(feed);
    assert.deepEqual(path.starts, [{ track: 0, seq: 1, rtpTime: 1 }]);
    assert.equal(feed.counters().startPoints, 1n);
  });

  it('go on with a gap open when the session begins anew', async () => {
    const { feed, media, send } = await watched();
    send(1, 3);
    await taken(feed, 2);
    const again = await udpOrigin(feed, 0, { resume: true });
    again.send(rtp({ seq: 500, ssrc: 2 }));
    again.send(rtp({ seq: 501, ssrc: 2 }));
    assert.deepEqual(seqs(await media.arrived(4)), [1, 3, 4, 5]);
    assert.equal(feed.counters().lostPackets, 1n);
  });

  it('are the own order of an origin by TCP, and stay as they are', async () => {
    const feed = await openFeed([audio]);
    const { connection, far } = await adopted();
    await feed.receive([{ track: 0, transport: 'interleaved', connection, rtpChannel: 0, rtcpChannel: 1 }]);
    const { path, media } = await udpViewer(feed);
    await path.play();
    for (const seq of [1, 3, 2, 4]) far.write(encodeFrame(0, rtp({ seq })));
    assert.deepEqual(seqs(await media.arrived(4)), [1, 3, 2, 4]);
    assert.deepEqual(figures(feed), { ...none, lostPackets: 1n, latePackets: 1n });
  });
}
