import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { isWeirError } from '#base';
import type {
  Endpoint,
  FeedPath,
  InterleavedConnection,
  TrackOptions,
  UdpPair,
  ViewerPath,
} from '../../hal/datapath/face.ts';
import { encodeFrame, InterleavedParser, type InterleavedUnit } from '../../hal/sim/interleaved.ts';
import { type DatapathWorld, type FarUdp, next, until } from './datapath-world.ts';
import { bye, nal, nalTypes, receiverReport, rtp, senderReport } from './media.ts';

const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096 };
const video: TrackOptions = { clockRateHz: 90_000, codec: 'h264', video: true };
const audio: TrackOptions = { clockRateHz: 48_000, codec: 'none', video: false };
const catchUp = { maxMs: 10_000, maxBytes: 1 << 20 };
const ring = { ringBytes: 1 << 20, ringMs: 10_000, catchUp };

/** An origin's two UDP sockets for one track. */
interface UdpOrigin {
  readonly target: Endpoint;
  send(packet: Uint8Array): void;
  report(packet: Uint8Array): void;
}

interface UdpViewer {
  readonly path: ViewerPath;
  readonly pair: UdpPair;
  readonly media: FarUdp;
  readonly control: FarUdp;
}

const code = (expected: string) => (error: unknown) => isWeirError(error) && error.code === expected;
const bytesOf = (packets: readonly Uint8Array[]): bigint =>
  BigInt(packets.reduce((sum, { length }) => sum + length, 0));
const buffers = (received: ReadonlyArray<{ bytes: Uint8Array }>) =>
  received.map(({ bytes }) => Buffer.from(bytes));
const packets = (first: number, count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, at) => rtp({ seq: first + at, payload: Buffer.alloc(40 + at, at) }));

/** What every Datapath has to do with media. `open` makes a fresh one for each test. */
export function feedContract(open: () => Promise<DatapathWorld>): void {
  let world: DatapathWorld;

  beforeEach(async () => {
    world = await open();
  });

  afterEach(() => world.close());

  const openPair = () => world.datapath.udpPair({ address: world.address, transparent: false });

  async function udpOrigin(feed: FeedPath, track = 0, options = {}): Promise<UdpOrigin> {
    const [pair, media, control] = [await openPair(), await world.udp(), await world.udp()];
    await feed.receive(
      [{ track, transport: 'udp', pair, rtpSource: media.local, rtcpSource: control.local }],
      options,
    );
    return {
      target: pair.rtp,
      send: (packet) => media.send(pair.rtp, packet),
      report: (packet) => control.send(pair.rtcp, packet),
    };
  }

  async function udpFeed(track = audio): Promise<{ feed: FeedPath; origin: UdpOrigin }> {
    const feed = await world.datapath.createFeed({ tracks: [track], ...ring });
    return { feed, origin: await udpOrigin(feed) };
  }

  async function udpViewer(feed: FeedPath, startWaitMs = 0): Promise<UdpViewer> {
    const [pair, media, control] = [await openPair(), await world.udp(), await world.udp()];
    const target = { rtpTarget: media.local, rtcpTarget: control.local };
    const path = await feed.addViewer({
      tracks: [{ track: 0, transport: 'udp', pair, ...target }],
      startWaitMs,
    });
    return { path, pair, media, control };
  }

  async function adopted(): Promise<{ connection: InterleavedConnection; far: FrameReader }> {
    const listener = await world.datapath.listen({
      local: { address: world.address, port: 0 },
      transparent: false,
    });
    const accepted = next(listener.accepted);
    const far = await world.dial(listener.local);
    const connection = await world.datapath.adopt(await accepted, { limits });
    await listener.close();
    return { connection, far: new FrameReader(far) };
  }

  const taken = (feed: FeedPath, count: number) => until(() => feed.counters().rxPackets === BigInt(count));

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
    const feed = await world.datapath.createFeed({ tracks: [video, audio], ...ring });
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
    (await world.udp()).send(origin.target, rtp({ seq: 1 }));
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

  describe('packets that come in disorder (RFC 3550 s.5.1)', () => {
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
      const feed = await world.datapath.createFeed({ tracks: [audio], ...ring });
      const { connection, far } = await adopted();
      await feed.receive([{ track: 0, transport: 'interleaved', connection, rtpChannel: 0, rtcpChannel: 1 }]);
      const { path, media } = await udpViewer(feed);
      await path.play();
      for (const seq of [1, 3, 2, 4]) far.write(encodeFrame(0, rtp({ seq })));
      assert.deepEqual(seqs(await media.arrived(4)), [1, 3, 2, 4]);
      assert.deepEqual(figures(feed), { ...none, lostPackets: 1n, latePackets: 1n });
    });
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

  describe('an upstream session that begins anew', () => {
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
      const sent = [nalTypes.slice, nalTypes.slice, nalTypes.sps, nalTypes.pps, nalTypes.idr].map(
        (type, at) => rtp({ seq: 50 + at, rtpTime: Math.min(at, 2), ssrc: 2, payload: nal(type) }),
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
  });

  describe('a viewer', () => {
    it('starts at the newest IDR picture with its parameter sets, and is told the first packet', async () => {
      const { feed, origin } = await udpFeed(video);
      const picture = (seq: number, type: number, rtpTime: number) =>
        rtp({ seq, rtpTime, payload: nal(type) });
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
        const feed = await world.datapath.createFeed({ tracks: [video, audio], ...ring });
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
          const feed = await world.datapath.createFeed({ tracks: [video], ...ring, catchUp: bounds });
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
        const feed = await world.datapath.createFeed({ tracks: [audio, video], ...ring });
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
      const feed = await world.datapath.createFeed({ tracks: [video, audio], ...ring });
      const [pictures, sound] = [await udpOrigin(feed, 0), await udpOrigin(feed, 1)];
      const [pair, other, far] = [await openPair(), await openPair(), await world.udp()];
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
      const behindNat = await world.udp();
      behindNat.send(pair.rtp, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
      await until(() => path.counters().lastRxMonoNs > 0n);
      origin.send(rtp({ seq: 1 }));
      assert.deepEqual(buffers(await behindNat.arrived(1)), [rtp({ seq: 1 })]);
      assert.equal(media.received.length, 0);
    });

    it('whose port is refused three times is told of', async () => {
      const { feed, origin } = await udpFeed();
      const { path, media, control } = await udpViewer(feed);
      await Promise.all([media.close(), control.close()]);
      const refused = next(path.refused);
      await path.play();
      for (let seq = 1; seq <= 3; seq += 1) {
        origin.send(rtp({ seq }));
        await until(() => path.counters().refusals >= BigInt(seq));
      }
      assert.ok((await refused).refusals >= 3);
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
      const [pair, far] = [await openPair(), await world.udp()];
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

/** The far end of an RTSP connection: what arrived, in whole units. */
class FrameReader {
  readonly #stream: Duplex;
  readonly #units: InterleavedUnit[] = [];
  #arrived = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    const parser = new InterleavedParser(limits);
    stream.on('data', (bytes: Buffer) => {
      this.#units.push(...parser.push(bytes));
      this.#arrived();
    });
  }

  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  /** Resolves when so many have arrived in all. */
  units(count: number): Promise<readonly InterleavedUnit[]> {
    return new Promise((resolve) => {
      this.#arrived = () => {
        if (this.#units.length >= count) resolve(this.#units);
      };
      this.#arrived();
    });
  }
}
