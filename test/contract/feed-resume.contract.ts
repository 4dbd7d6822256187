import assert from 'node:assert/strict';
import type { FeedPath } from '../../hal/datapath/face.ts';
import { type DatapathWorld, until } from './datapath-world.ts';
import { buffers, feedScene, taken, video } from './feed-scene.ts';
import { nal, nalTypes, rtp, senderReport } from './media.ts';

/** What every feed has to do when its upstream session begins anew. */
export function resumeContract(open: () => Promise<DatapathWorld>): void {
  const { udpOrigin, udpFeed, udpViewer } = feedScene(open);

  const resumed = (feed: FeedPath) => udpOrigin(feed, 0, { resume: true });
  const key = (seq: number, rtpTime: number, ssrc: number) =>
    rtp({ seq, rtpTime, ssrc, payload: nal(nalTypes.idr) });
  const header = (packet: Uint8Array | undefined) => {
    const view = new DataView(Uint8Array.from(packet ?? new Uint8Array(12)).buffer);
    return { seq: view.getUint16(2), rtpTime: view.getUint32(4), ssrc: view.getUint32(8) };
  };
  const ticks = (fromMonoNs: bigint, toMonoNs: bigint) => Number(toMonoNs - fromMonoNs) * (90_000 / 1e9);

  it('goes on for its viewers: same SSRC, next seq, RTP time by the time that passed', async () => {
    const { feed, origin } = await udpFeed(video);
    const { path, media } = await udpViewer(feed);
    await path.play();
    const before = process.hrtime.bigint();
    origin.send(key(65_535, 0xffff_ff00, 1));
    await media.arrived(1);
    const arrived = process.hrtime.bigint();
    const again = await resumed(feed);
    const earliest = process.hrtime.bigint();
    again.send(key(500, 7, 2));
    again.send(rtp({ seq: 501, rtpTime: 3607, ssrc: 2, payload: nal(nalTypes.slice) }));
    const [, second, third] = (await media.arrived(3)).map(({ bytes }) => header(bytes));
    const latest = process.hrtime.bigint();
    assert.ok(second && third);
    assert.deepEqual([second.seq, second.ssrc, third.seq, third.ssrc], [0, 1, 1, 1]);
    const step = (second.rtpTime - 0xffff_ff00) >>> 0;
    assert.ok(step + 1 >= ticks(arrived, earliest) && step - 1 <= ticks(before, latest), `${step}`);
    assert.equal((third.rtpTime - second.rtpTime) >>> 0, 3600);
    const { resumes, lostPackets, rejectedPackets, rxPackets } = feed.counters();
    assert.deepEqual([resumes, lostPackets, rejectedPackets, rxPackets], [1n, 0n, 0n, 3n]);
  });

  it('begins at a start point with its parameter sets; what comes before is dropped and counted', async () => {
    const { feed, origin } = await udpFeed(video);
    const { path, media } = await udpViewer(feed);
    await path.play();
    origin.send(key(1, 0, 1));
    await media.arrived(1);
    const again = await resumed(feed);
    const sent = [nalTypes.slice, nalTypes.slice, nalTypes.sps, nalTypes.pps, nalTypes.idr].map((type, at) =>
      rtp({ seq: 50 + at, rtpTime: Math.min(at, 2), ssrc: 2, payload: nal(type) }),
    );
    for (const packet of sent) again.send(packet);
    const received = buffers(await media.arrived(4)).slice(1);
    assert.deepEqual(
      received.map((packet) => packet.subarray(12)),
      sent.slice(2).map((packet) => packet.subarray(12)),
    );
    assert.deepEqual(
      received.map((packet) => header(packet).seq),
      [2, 3, 4],
    );
    assert.equal(feed.counters().resumeDroppedPackets, 2n);
    assert.equal(feed.counters().startPoints, 2n);
    assert.equal(feed.counters().parameterSets, 1n);
  });

  it('takes nothing of the old session, and may begin anew again before any packet', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media } = await udpViewer(feed);
    await path.play();
    origin.send(rtp({ seq: 1 }));
    await media.arrived(1);
    await resumed(feed);
    const last = await resumed(feed);
    origin.send(rtp({ seq: 2 }));
    last.send(rtp({ seq: 9, ssrc: 3 }));
    await taken(feed, 2);
    assert.deepEqual(header((await media.arrived(2))[1]?.bytes).seq, 2);
    assert.equal(feed.counters().resumes, 2n);
    // Counted after it was sent: the viewer may have it before.
    await until(() => path.counters().txPackets === 2n);
  });

  it('has its sender reports rewritten alike: SSRC, RTP time, counts (RFC 3550 s.6.4.1)', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media, control } = await udpViewer(feed);
    await path.play();
    origin.send(rtp({ seq: 1, rtpTime: 100 }));
    await media.arrived(1);
    origin.report(senderReport(100, 0xabcd, 10));
    await control.arrived(1);
    const again = await resumed(feed);
    // Comes before the media: what it has to say is not known yet.
    again.report(senderReport(5000, 9, 500));
    await until(() => feed.counters().rxRtcpPackets === 2n);
    assert.equal(control.received.length, 1);
    again.send(rtp({ seq: 8, rtpTime: 5000, ssrc: 9 }));
    const [, report] = buffers(await control.arrived(2));
    const [, packet] = buffers(await media.arrived(2));
    assert.equal(report?.readUInt32BE(4), 0xabcd);
    assert.equal(report?.readUInt32BE(16), header(packet).rtpTime);
    const count = report?.readUInt32BE(20) ?? 0;
    assert.ok(count === 10 || count === 11, `${count}`);
    again.report(senderReport(8000, 9, 505));
    const [, , next] = buffers(await control.arrived(3));
    assert.equal(next?.readUInt32BE(20), count + 5);
    assert.equal(next?.readUInt32BE(16), ((report?.readUInt32BE(16) ?? 0) + 3000) % 2 ** 32);
  });

  it('may be another SSRC within one session (RFC 3550 s.8)', async () => {
    const { feed, origin } = await udpFeed();
    const { path, media } = await udpViewer(feed);
    await path.play();
    origin.send(rtp({ seq: 1, rtpTime: 100, ssrc: 1 }));
    origin.send(rtp({ seq: 30_000, rtpTime: 0x8000_0000, ssrc: 2 }));
    const [, second] = (await media.arrived(2)).map(({ bytes }) => header(bytes));
    assert.deepEqual([second?.seq, second?.ssrc], [2, 1]);
    assert.equal(feed.counters().resumes, 1n);
    assert.equal(feed.counters().lostPackets, 0n);
  });
}
