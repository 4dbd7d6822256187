import type { Duplex } from 'node:stream';
import { isWeirError } from '#base';
import type {
  Endpoint,
  FeedOptions,
  FeedPath,
  InterleavedConnection,
  TrackOptions,
  UdpPair,
  ViewerPath,
} from '../../hal/datapath/face.ts';
import { InterleavedParser, type InterleavedUnit } from '../../hal/sim/interleaved.ts';
import { type DatapathWorld, type FarUdp, next, until } from './datapath-world.ts';
import { rtp } from './media.ts';

const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096 };
const catchUp = { maxMs: 10_000, maxBytes: 1 << 20 };
const ring = { ringBytes: 1 << 20, ringMs: 10_000, catchUp };

export const video: TrackOptions = { clockRateHz: 90_000, codec: 'h264', video: true };
export const audio: TrackOptions = { clockRateHz: 48_000, codec: 'none', video: false };

/** An origin's two UDP sockets for one track. */
export interface UdpOrigin {
  readonly target: Endpoint;
  send(packet: Uint8Array): void;
  report(packet: Uint8Array): void;
}

export interface UdpViewer {
  readonly path: ViewerPath;
  readonly pair: UdpPair;
  readonly media: FarUdp;
  readonly control: FarUdp;
}

export const code = (expected: string) => (error: unknown) => isWeirError(error) && error.code === expected;
export const bytesOf = (packets: readonly Uint8Array[]): bigint =>
  BigInt(packets.reduce((sum, { length }) => sum + length, 0));
export const buffers = (received: ReadonlyArray<{ bytes: Uint8Array }>) =>
  received.map(({ bytes }) => Buffer.from(bytes));
export const packets = (first: number, count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, at) => rtp({ seq: first + at, payload: Buffer.alloc(40 + at, at) }));

/** Resolves when the feed has taken so many packets in all. */
export const taken = (feed: FeedPath, count: number): Promise<void> =>
  until(() => feed.counters().rxPackets === BigInt(count));

/** A fresh Datapath for each test of the suite that calls this, and what feeds are tried with. */
export function feedScene(open: () => Promise<DatapathWorld>) {
  let world: DatapathWorld;

  beforeEach(async () => {
    world = await open();
  });

  afterEach(() => world.close());

  const openPair = (): Promise<UdpPair> =>
    world.datapath.udpPair({ address: world.address, transparent: false });
  const openUdp = (): Promise<FarUdp> => world.udp();
  const openFeed = (tracks: readonly TrackOptions[], options: Partial<FeedOptions> = {}): Promise<FeedPath> =>
    world.datapath.createFeed({ tracks, ...ring, ...options });

  async function udpOrigin(feed: FeedPath, track = 0, options = {}): Promise<UdpOrigin> {
    const [pair, media, control] = [await openPair(), await openUdp(), await openUdp()];
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
    const feed = await openFeed([track]);
    return { feed, origin: await udpOrigin(feed) };
  }

  async function udpViewer(feed: FeedPath, startWaitMs = 0): Promise<UdpViewer> {
    const [pair, media, control] = [await openPair(), await openUdp(), await openUdp()];
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

  return { openPair, openUdp, openFeed, udpOrigin, udpFeed, udpViewer, adopted };
}
/** The far end of an RTSP connection: what arrived, in whole units. */
export class FrameReader {
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
