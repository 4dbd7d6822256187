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
import { SimContinuity } from './continuity.ts';
import { SimReorder } from './reorder.ts';
import { hasParameterSets, type RtpFacts, readRtcp, readRtp, showsStart } from './rtp.ts';
import { alreadyClosed, raise } from './sim.ts';
import type { Datagram, PairUser, SimUdpPair } from './udp.ts';
import { SimViewer } from './viewer.ts';

interface Held {
  readonly position: number;
  readonly arrivedMonoNs: bigint;
  readonly track: number;
  readonly seq: number;
  readonly rtpTime: number;
  readonly bytes: Uint8Array;
}

/** A feed that has shown no start point for so long since its first packet, or since the last one, is played without. */
const firstStartPatienceNs = 5_000_000_000n;
const nextStartPatienceNs = 20_000_000_000n;
/** Media from before a silence is nothing to begin with. */
const freshNs = 1_000_000_000n;

interface Track {
  readonly continuity: SimContinuity;
  readonly order: SimReorder;
  ssrc: number | undefined;
  senderReport: Uint8Array | undefined;
  /** It came before the media it belongs to. */
  earlyReport: Uint8Array | undefined;
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
    latePackets: 0n,
    duplicatePackets: 0n,
    rejectedPackets: 0n,
    startPoints: 0n,
    parameterSets: 0n,
    lastRxMonoNs: 0n,
    txRtcpPackets: 0n,
    resumes: 0n,
    resumeDroppedPackets: 0n,
  };
  /** After a resume: the access unit that may be the start point it goes on with. */
  #waiting: Array<{ readonly track: number; readonly rtp: RtpFacts; readonly bytes: Uint8Array }> | undefined;
  #heldBytes = 0;
  #head = 0;
  #start: number | undefined;
  #startMarkedNs: bigint | undefined;
  #mediaSinceNs: bigint | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FeedOptions, clock: Clock) {
    this.options = options;
    this.#clock = clock;
    this.#tracks = options.tracks.map(({ clockRateHz }) => ({
      continuity: new SimContinuity(clockRateHz),
      order: new SimReorder(clock),
      ssrc: undefined,
      senderReport: undefined,
      earlyReport: undefined,
      stop: () => {},
    }));
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** An RTP packet of the origin arrives in a stream: nothing can have overtaken it. */
  push(track: number, bytes: Uint8Array): void {
    this.#takeRtp(track, bytes, false);
  }

  #takeRtp(track: number, bytes: Uint8Array, waits: boolean): void {
    const rtp = readRtp(bytes);
    if (!rtp) {
      this.#count.rejectedPackets += 1n;
      return;
    }
    const source = this.#track(track);
    if (source.ssrc !== undefined && source.ssrc !== rtp.ssrc) {
      // RFC 3550 s.8: another source within the session.
      this.#beginAnew(source);
      this.#count.resumes += 1n;
      if (this.#decides(track)) this.#waiting ??= [];
    }
    source.ssrc = rtp.ssrc;
    this.#count.rxPackets += 1n;
    this.#count.rxBytes += BigInt(bytes.length);
    this.#count.lastRxMonoNs = this.#clock.monoNs();
    const went = source.order.take(rtp.seq, waits, (lostBefore) => {
      this.#count.lostPackets += BigInt(lostBefore);
      this.#waitOrPassOn(track, rtp, bytes);
    });
    if (went === 'duplicate') this.#count.duplicatePackets += 1n;
    else if (went === 'reordered') this.#count.reorderedPackets += 1n;
    else if (went === 'late') {
      this.#count.latePackets += 1n;
      // By TCP it is the origin's own order, and stays as it is.
      if (!waits) this.#waitOrPassOn(track, rtp, bytes);
    }
  }

  /** An RTCP packet of the origin arrives. */
  pushRtcp(track: number, bytes: Uint8Array): void {
    const rtcp = readRtcp(bytes);
    if (!rtcp) {
      this.#count.rejectedPackets += 1n;
      return;
    }
    this.#count.rxRtcpPackets += 1n;
    const source = this.#track(track);
    if (rtcp.bye) this.bye.emit({ track });
    else if (rtcp.senderReport && source.continuity.anew) source.earlyReport = bytes;
    else if (rtcp.senderReport) this.#passReportOn(track, bytes);
  }

  async receive(
    tracks: readonly UpstreamTrack[],
    options: { readonly resume?: boolean } = {},
  ): Promise<void> {
    checkUpstreamTracks(tracks, this.#tracks.length);
    this.#mustBeOpen();
    if (options.resume) this.#resume();
    for (const upstream of tracks) {
      const track = this.#track(upstream.track);
      track.stop();
      track.order.giveUpAll();
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
      for (const track of this.#tracks) {
        track.stop();
        track.order.stop();
      }
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
    if (!viewer.playing || viewer.cursor === undefined) return;
    const tail = this.#head - this.#held.length;
    if (viewer.cursor < tail) {
      const from = this.#beginning();
      viewer.count.startPointSkips += 1n;
      viewer.count.droppedPackets += BigInt(from - viewer.cursor);
      viewer.cursor = from;
    }
    for (const held of this.#held.slice(viewer.cursor - tail)) {
      if (viewer.follows(held.track)) viewer.sendRtp(held.track, held.bytes);
    }
    viewer.cursor = this.#head;
  }

  /** To where the viewer begins (`FeedPath.addViewer`); waits until every track of the viewer has a packet there. */
  async seek(viewer: SimViewer, waitMs: number): Promise<readonly TrackStart[]> {
    const wanted = this.#tracks.map((_, track) => track).filter((track) => viewer.follows(track));
    const find = (): readonly TrackStart[] => {
      const { cursor } = viewer;
      if (cursor === undefined) return [];
      const after = this.#held.filter((held) => held.position >= cursor);
      return wanted.flatMap((track) => {
        const first = after.find((held) => held.track === track);
        return first ? [{ track, seq: first.seq, rtpTime: first.rtpTime }] : [];
      });
    };
    viewer.cursor = this.#beginningFor(viewer);
    const { promise, resolve } = Promise.withResolvers<void>();
    using _look = this.#arrived.on(() => {
      if (this.#closing || viewer.closed || find().length === wanted.length) resolve();
    });
    using _limit = this.#clock.after(waitMs, resolve);
    if (find().length < wanted.length && waitMs > 0) await promise;
    if (this.#closing || viewer.closed) throw alreadyClosed('feed');
    return find();
  }

  /** Where a viewer that comes now begins; undefined while it has to wait for a start point. */
  #beginningFor(viewer: SimViewer): number | undefined {
    const { tracks } = this.options;
    const waits = !this.#hasVideo || tracks.some(({ video }, track) => video && viewer.follows(track));
    const start = this.#held.find(({ position }) => position === this.#start);
    if (waits && start && this.#mayBeginAt(start)) return start.position;
    if (waits && !this.#startsStayAway()) return undefined;
    const newest = this.#held.findLast(({ track }) => viewer.follows(track));
    return newest && this.#ageNs(newest) <= freshNs ? newest.position : this.#head;
  }

  #mayBeginAt(start: Held): boolean {
    if (!this.#hasVideo) return this.#ageNs(start) <= freshNs;
    const { catchUp } = this.options;
    const ahead = this.#held.filter(({ position }) => position >= start.position);
    const bytes = ahead.reduce((sum, held) => sum + held.bytes.length, 0);
    return (
      catchUp !== undefined &&
      this.#ageNs(start) <= BigInt(catchUp.maxMs) * 1_000_000n &&
      bytes <= catchUp.maxBytes
    );
  }

  #startsStayAway(): boolean {
    const now = this.#clock.monoNs();
    if (this.#startMarkedNs !== undefined) return now - this.#startMarkedNs > nextStartPatienceNs;
    return this.#mediaSinceNs !== undefined && now - this.#mediaSinceNs > firstStartPatienceNs;
  }

  #ageNs(held: Held): bigint {
    return this.#clock.monoNs() - held.arrivedMonoNs;
  }

  get #hasVideo(): boolean {
    return this.options.tracks.some(({ video }) => video);
  }

  #resume(): void {
    this.#count.resumes += 1n;
    for (const track of this.#tracks) {
      track.stop();
      this.#beginAnew(track);
    }
    this.#dropWaiting();
    this.#waiting = this.#tracks.some(({ continuity }) => continuity.begun) ? [] : undefined;
  }

  #beginAnew(track: Track): void {
    track.order.restart();
    track.continuity.begin();
    track.ssrc = undefined;
    track.earlyReport = undefined;
  }

  #decides(track: number): boolean {
    const { tracks } = this.options;
    return tracks[track]?.video === true || !tracks.some(({ video }) => video);
  }

  #waitOrPassOn(track: number, rtp: RtpFacts, bytes: Uint8Array): void {
    const { codec = 'none' } = this.options.tracks[track] ?? {};
    if (this.#decides(track) && hasParameterSets(codec, rtp.payload)) this.#count.parameterSets += 1n;
    if (this.#waiting) this.#waitForStart(track, rtp, bytes);
    else this.#passOn(track, rtp, bytes);
  }

  /** Keeps the access unit that comes in until one of its packets shows a start point, then goes on with it. */
  #waitForStart(track: number, rtp: RtpFacts, bytes: Uint8Array): void {
    if (!this.#decides(track)) {
      this.#count.resumeDroppedPackets += 1n;
      return;
    }
    if (this.#waiting?.[0] && this.#waiting[0].rtp.rtpTime !== rtp.rtpTime) {
      this.#dropWaiting();
    }
    const unit = [...(this.#waiting ?? []), { track, rtp, bytes }];
    const { video, codec = 'none' } = this.options.tracks[track] ?? {};
    const starts = !video || showsStart(codec, rtp.payload);
    this.#waiting = starts ? undefined : unit;
    if (starts) for (const kept of unit) this.#passOn(kept.track, kept.rtp, kept.bytes);
  }

  #dropWaiting(): void {
    this.#count.resumeDroppedPackets += BigInt(this.#waiting?.length ?? 0);
    this.#waiting = [];
  }

  #passOn(track: number, rtp: RtpFacts, packet: Uint8Array): void {
    const source = this.#track(track);
    const { earlyReport, continuity } = source;
    if (continuity.anew) source.senderReport = undefined;
    const { seq, rtpTime, bytes } = continuity.pass(packet, rtp, this.#clock.monoNs());
    source.earlyReport = undefined;
    if (earlyReport) this.#passReportOn(track, earlyReport);
    const arrivedMonoNs = this.#clock.monoNs();
    this.#mediaSinceNs ??= arrivedMonoNs;
    const held = { position: this.#head, arrivedMonoNs, track, seq, rtpTime, bytes };
    this.#head += 1;
    this.#held.push(held);
    this.#heldBytes += bytes.length;
    while (this.#heldBytes > this.options.ringBytes) this.#heldBytes -= this.#held.shift()?.bytes.length ?? 0;
    const started = this.#markStart(held, rtp.payload);
    for (const viewer of this.viewers) {
      // A start point that comes now is none of the past: whoever waits begins there.
      viewer.cursor ??= started ? this.#start : this.#beginningFor(viewer);
      this.feedViewer(viewer);
    }
    this.#arrived.emit();
  }

  #passReportOn(track: number, compound: Uint8Array): void {
    const bytes = this.#track(track).continuity.report(compound);
    this.#track(track).senderReport = bytes;
    for (const viewer of this.viewers) if (viewer.playing) viewer.sendRtcp(track, bytes);
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

  #markStart(held: Held, payload: Uint8Array): boolean {
    const decides = this.options.tracks[held.track];
    if (!decides || !this.#decides(held.track)) return false;
    if (decides.video && !showsStart(decides.codec, payload)) return false;
    // The start point is the first packet of the access unit: parameter sets may stand before the picture.
    const unit = this.#held.filter((each) => each.track === held.track && each.rtpTime === held.rtpTime);
    const first = decides.codec === 'none' ? held : (unit[0] ?? held);
    if (first.position === this.#start) return false;
    this.#start = first.position;
    this.#startMarkedNs = held.arrivedMonoNs;
    this.#count.startPoints += 1n;
    return true;
  }

  #receiveUdp(upstream: UpstreamTrack & { transport: 'udp' }): () => void {
    const pair = upstream.pair as SimUdpPair;
    const sources = { rtp: upstream.rtpSource, rtcp: upstream.rtcpSource };
    const user: PairUser = {
      receive: ({ from, bytes }: Datagram, port) => {
        const source = sources[port];
        if (from.address !== source.address || (source.port !== 0 && from.port !== source.port)) {
          this.#count.rejectedPackets += 1n;
        } else if (port === 'rtp') this.#takeRtp(upstream.track, bytes, true);
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
