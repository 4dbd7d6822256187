import { type Clock, Signal } from '#base';
import { badArgument, checkUpstreamTracks, checkViewerTracks, checkWaitMs } from '../datapath/arguments.ts';
import type {
  FeedCounters,
  FeedOptions,
  FeedPath,
  TrackStart,
  UpstreamTrack,
  ViewerPath,
  ViewerTrack,
} from '../datapath/face.ts';
import type { SimConnection } from './connection.ts';
import { readRtcp, readRtp, showsStart } from './rtp.ts';
import { alreadyClosed, raise } from './sim.ts';
import type { Datagram, PairUser, SimUdpPair } from './udp.ts';
import { SimViewer } from './viewer.ts';

interface Held {
  readonly position: number;
  readonly track: number;
  readonly seq: number;
  readonly rtpTime: number;
  readonly bytes: Uint8Array;
}

interface Track {
  highestSeq: number | undefined;
  senderReport: Uint8Array | undefined;
  stop: () => void;
}

/** A feed whose packets come from its simulated upstream, or straight from a test by `push`. */
export class SimFeed implements FeedPath {
  readonly bye = new Signal<{ track: number }>(raise);
  readonly viewers = new Set<SimViewer>();
  readonly options: FeedOptions;
  readonly #clock: Clock;
  readonly #tracks: readonly Track[];
  readonly #held: Held[] = [];
  readonly #arrived = new Signal<void>(raise);
  readonly #count = {
    rxPackets: 0n,
    rxBytes: 0n,
    rxRtcpPackets: 0n,
    lostPackets: 0n,
    reorderedPackets: 0n,
    duplicatePackets: 0n,
    rejectedPackets: 0n,
    startPoints: 0n,
    lastRxMonoNs: 0n,
    txRtcpPackets: 0n,
  };
  #heldBytes = 0;
  #head = 0;
  #start: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FeedOptions, clock: Clock) {
    this.options = options;
    this.#clock = clock;
    this.#tracks = options.tracks.map(() => ({
      highestSeq: undefined,
      senderReport: undefined,
      stop: () => {},
    }));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** An RTP packet of the origin arrives. */
  push(track: number, bytes: Uint8Array): void {
    const rtp = readRtp(bytes);
    if (!rtp) {
      this.#count.rejectedPackets += 1n;
      return;
    }
    this.#countRtp(this.#track(track), rtp.seq, bytes.length);
    const held = { position: this.#head, track, seq: rtp.seq, rtpTime: rtp.rtpTime, bytes };
    this.#head += 1;
    this.#held.push(held);
    this.#heldBytes += bytes.length;
    while (this.#heldBytes > this.options.ringBytes) this.#heldBytes -= this.#held.shift()?.bytes.length ?? 0;
    this.#markStart(held, rtp.payload);
    for (const viewer of this.viewers) this.feedViewer(viewer);
    this.#arrived.emit();
  }

  /** An RTCP packet of the origin arrives. */
  pushRtcp(track: number, bytes: Uint8Array): void {
    const rtcp = readRtcp(bytes);
    if (!rtcp) {
      this.#count.rejectedPackets += 1n;
      return;
    }
    this.#count.rxRtcpPackets += 1n;
    if (rtcp.senderReport) this.#track(track).senderReport = bytes;
    for (const viewer of this.viewers) if (viewer.playing && !rtcp.bye) viewer.sendRtcp(track, bytes);
    if (rtcp.bye) this.bye.emit({ track });
  }

  async receive(tracks: readonly UpstreamTrack[]): Promise<void> {
    checkUpstreamTracks(tracks, this.#tracks.length);
    this.#mustBeOpen();
    for (const upstream of tracks) {
      const track = this.#track(upstream.track);
      track.stop();
      track.stop = upstream.transport === 'udp' ? this.#receiveUdp(upstream) : this.#receiveTcp(upstream);
    }
  }

  async addViewer(options: { tracks: readonly ViewerTrack[]; startWaitMs: number }): Promise<ViewerPath> {
    checkViewerTracks(options.tracks, this.#tracks.length);
    checkWaitMs(options.startWaitMs);
    this.#mustBeOpen();
    const viewer = new SimViewer(this, options.tracks);
    this.viewers.add(viewer);
    await viewer.seekToStart(options.startWaitMs);
    return viewer;
  }

  counters(): FeedCounters {
    return { ...this.#count };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(async () => {
      for (const track of this.#tracks) track.stop();
      await Promise.all([...this.viewers].map((viewer) => viewer.close()));
      this.#arrived.emit();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  monoNs(): bigint {
    return this.#clock.monoNs();
  }

  senderReport(track: number): Uint8Array | undefined {
    return this.#track(track).senderReport;
  }

  forget(viewer: SimViewer): void {
    this.viewers.delete(viewer);
  }

  feedViewer(viewer: SimViewer): void {
    if (!viewer.playing) return;
    const tail = this.#head - this.#held.length;
    if (viewer.cursor < tail) {
      const from = this.#beginning();
      viewer.count.overruns += 1n;
      viewer.count.droppedPackets += BigInt(from - viewer.cursor);
      viewer.cursor = from;
    }
    for (const held of this.#held.slice(viewer.cursor - tail)) {
      if (viewer.follows(held.track)) viewer.sendRtp(held.track, held.bytes);
    }
    viewer.cursor = this.#head;
  }

  /** To the newest start point, or the next packet to come; waits until every track of the viewer has a packet there. */
  async seek(viewer: SimViewer, waitMs: number): Promise<readonly TrackStart[]> {
    const wanted = this.#tracks.map((_, track) => track).filter((track) => viewer.follows(track));
    const find = (): readonly TrackStart[] => {
      viewer.cursor = this.#beginning();
      const after = this.#held.filter((held) => held.position >= viewer.cursor);
      return wanted.flatMap((track) => {
        const first = after.find((held) => held.track === track);
        return first ? [{ track, seq: first.seq, rtpTime: first.rtpTime }] : [];
      });
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    using _look = this.#arrived.on(() => {
      if (this.#closing || viewer.closed || find().length === wanted.length) resolve();
    });
    using _limit = this.#clock.after(waitMs, resolve);
    if (find().length < wanted.length && waitMs > 0) await promise;
    if (this.#closing || viewer.closed) throw alreadyClosed('feed');
    return find();
  }

  #beginning(): number {
    const tail = this.#head - this.#held.length;
    return this.#start !== undefined && this.#start >= tail ? this.#start : this.#head;
  }

  #mustBeOpen(): void {
    if (this.#closing) throw alreadyClosed('feed');
  }

  #track(track: number): Track {
    const found = this.#tracks[track];
    if (!found) throw badArgument('track', track);
    return found;
  }

  #countRtp(track: Track, seq: number, bytes: number): void {
    this.#count.rxPackets += 1n;
    this.#count.rxBytes += BigInt(bytes);
    this.#count.lastRxMonoNs = this.#clock.monoNs();
    const step = track.highestSeq === undefined ? 1 : ((seq - track.highestSeq) << 16) >> 16;
    if (step > 0) {
      track.highestSeq = seq;
      this.#count.lostPackets += BigInt(step - 1);
    } else if (step === 0) {
      this.#count.duplicatePackets += 1n;
    } else {
      this.#count.reorderedPackets += 1n;
      if (this.#count.lostPackets > 0n) this.#count.lostPackets -= 1n;
    }
  }

  #markStart(held: Held, payload: Uint8Array): void {
    const { tracks } = this.options;
    const decides = tracks[held.track];
    if (!decides || (!decides.video && tracks.some((track) => track.video))) return;
    if (decides.video && !showsStart(decides.codec, payload)) return;
    // The start point is the first packet of the access unit: parameter sets may stand before the picture.
    const unit = this.#held.filter((each) => each.track === held.track && each.rtpTime === held.rtpTime);
    const first = decides.codec === 'none' ? held : (unit[0] ?? held);
    if (first.position === this.#start) return;
    this.#start = first.position;
    this.#count.startPoints += 1n;
  }

  #receiveUdp(upstream: UpstreamTrack & { transport: 'udp' }): () => void {
    const pair = upstream.pair as SimUdpPair;
    const sources = { rtp: upstream.rtpSource, rtcp: upstream.rtcpSource };
    const user: PairUser = {
      receive: ({ from, bytes }: Datagram, port) => {
        const source = sources[port];
        if (from.address !== source.address || (source.port !== 0 && from.port !== source.port)) {
          this.#count.rejectedPackets += 1n;
        } else if (port === 'rtp') this.push(upstream.track, bytes);
        else this.pushRtcp(upstream.track, bytes);
        return true;
      },
    };
    pair.users.add(user);
    return () => pair.users.delete(user);
  }

  #receiveTcp(upstream: UpstreamTrack & { transport: 'interleaved' }): () => void {
    const { channels } = upstream.connection as SimConnection;
    channels.set(upstream.rtpChannel, (bytes) => this.push(upstream.track, bytes));
    channels.set(upstream.rtcpChannel, (bytes) => this.pushRtcp(upstream.track, bytes));
    return () => {
      channels.delete(upstream.rtpChannel);
      channels.delete(upstream.rtcpChannel);
    };
  }
}
