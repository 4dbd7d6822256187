/**
 * What the rest of Weir sees of the datapath: sockets, feeds, viewers. Engine threads own all of it, each feed and its
 * viewers one of them; every call here is a command to a thread, answered by a promise. No packet ever enters JavaScript.
 *
 * Two implementations keep this contract: the native engine (`hal/datapath/datapath.ts`) and the simulated one
 * (`hal/sim/datapath.ts`); `test/contract/datapath.ts` holds both to it.
 */
import type { Duplex } from 'node:stream';
import type { Closeable, Signal } from '#base';

/** An IP address in its canonical text form (no zone, no brackets) and a port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * A TCP connection that JavaScript reads and writes as `stream`, until it is handed to the engine by
 * `Datapath.adopt` or `Datapath.splice`. After that `stream` is destroyed and must not be used; the connection itself
 * lives on.
 */
export interface TcpConnection {
  readonly stream: Duplex;
  /** For an intercepted connection: the address and port the viewer dialled. */
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export interface TcpListener extends Closeable {
  readonly local: Endpoint;
  /** A connection that was accepted. The listener of this signal owns it and must end it. */
  readonly accepted: Signal<TcpConnection>;
}

export interface ListenOptions {
  readonly local: Endpoint;
  /** IP_TRANSPARENT: accepts connections to foreign addresses that interception hands over. */
  readonly transparent: boolean;
  readonly backlog?: number;
}

export interface ConnectOptions {
  readonly remote: Endpoint;
  /** Bind to this address first; foreign when `transparent`. Port 0: any. */
  readonly local?: Endpoint;
  readonly transparent?: boolean;
  readonly timeoutMs: number;
}

/** Why a connection owned by the engine ended. */
export const connectionEnds = [
  'closed-by-us',
  'fin',
  'reset',
  'timeout',
  'bad-message',
  'overflow',
  'error',
] as const;
export type ConnectionEnd = (typeof connectionEnds)[number];

/** Limits on RTSP text, as in the configuration. */
export interface MessageLimits {
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
}

/**
 * An RTSP connection owned by the engine: '$' frames (RFC 2326 s.10.12) and RTSP text share it. The engine parts
 * them on reading and puts queued text between whole frames on writing.
 */
export interface InterleavedConnection extends Closeable {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** One whole RTSP message: head, blank line, body by Content-Length. */
  readonly message: Signal<Uint8Array>;
  /** The connection is over; sent once, after the last `message`. On 'bad-message' text can still be sent before `close`. */
  readonly ended: Signal<{ end: ConnectionEnd; errno: number }>;
  /** Queues text to be sent at the next frame boundary, before any frame queued later. At most 256 KiB waits. */
  send(text: Uint8Array): void;
  /** A '$' frame of the peer's that came by another connection (RTSP over HTTP): taken as if it had been read here. */
  takeFrame(channel: number, payload: Uint8Array): void;
  /** Sends what is queued as text (at most 1 s), then FIN. Idempotent. */
  close(): Promise<void>;
  counters(): ConnectionCounters;
}

export interface ConnectionCounters {
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  /** '$' frames on channels nobody asked for. */
  readonly rxUnknownFrames: bigint;
  /** When the last byte came from the peer, or the last byte was taken by it. */
  readonly lastProgressMonoNs: bigint;
}

/** Bytes carried by a pass-through pair. */
export interface SpliceCounters {
  readonly aToBBytes: bigint;
  readonly bToABytes: bigint;
}

/** Two connections tied together in the kernel (splice), half-closes kept. */
export interface Splice extends Closeable {
  readonly ended: Promise<SpliceCounters>;
  counters(): SpliceCounters;
}

/** Two adjacent UDP ports, RTP even and RTCP odd (RFC 3550 s.11). */
export interface UdpPair extends Closeable {
  readonly rtp: Endpoint;
  readonly rtcp: Endpoint;
}

export interface UdpPairOptions {
  readonly address: string;
  /** Foreign address: the viewer must see the origin as its source. */
  readonly transparent: boolean;
  /** The RTP port wanted; another one is taken when it is busy or when this is not given. */
  readonly rtpPort?: number;
}

/**
 * Codecs whose packets say where a decoder can start. Anything else: every packet is a start point. H.265 packets with
 * decoding order numbers (sprop-max-don-diff, RFC 7798 s.7.1) are laid out otherwise than those without.
 */
export const startPointCodecs = [
  'h264',
  'h265',
  'h265WithDon',
  'av1',
  'vp8',
  'vp9',
  'mp2t',
  'mjpeg',
  'mpeg4',
  'none',
] as const;
export type StartPointCodec = (typeof startPointCodecs)[number];

export interface TrackOptions {
  readonly clockRateHz: number;
  readonly codec: StartPointCodec;
  /** Video decides where a viewer starts; a feed without video starts at the newest packet. */
  readonly video: boolean;
}

/** How far behind the head a joining viewer may begin. */
export interface CatchUp {
  readonly maxMs: number;
  /** Of all tracks, from the start point to the head. */
  readonly maxBytes: number;
}

export interface FeedOptions {
  readonly tracks: readonly TrackOptions[];
  /** The ring holds at most this much of each. */
  readonly ringBytes: number;
  readonly ringMs: number;
  /** Undefined: nobody begins in the past; a viewer is live from the next start point that comes. */
  readonly catchUp?: CatchUp | undefined;
}

/** Where a track of the upstream session comes from. */
export type UpstreamTrack =
  | {
      readonly track: number;
      readonly transport: 'udp';
      readonly pair: UdpPair;
      /** Packets from other addresses are dropped and counted. Port 0: any port of that address (no server_port was told). */
      readonly rtpSource: Endpoint;
      readonly rtcpSource: Endpoint;
    }
  | {
      readonly track: number;
      readonly transport: 'interleaved';
      readonly connection: InterleavedConnection;
      readonly rtpChannel: number;
      readonly rtcpChannel: number;
    };

/** How a track reaches a viewer. */
export type ViewerTrack =
  | {
      readonly track: number;
      readonly transport: 'udp';
      readonly pair: UdpPair;
      /** Declared by the viewer. A punch from the same address but another port moves the target there (latching). */
      readonly rtpTarget: Endpoint;
      readonly rtcpTarget: Endpoint;
    }
  | {
      readonly track: number;
      readonly transport: 'interleaved';
      readonly connection: InterleavedConnection;
      readonly rtpChannel: number;
      readonly rtcpChannel: number;
    };

/** The first packet of a track that a viewer will get. */
export interface TrackStart {
  readonly track: number;
  readonly seq: number;
  readonly rtpTime: number;
}

export interface FeedPath extends Closeable {
  /**
   * Begins to receive these tracks. A track given again is moved to its new source. With `resume` the upstream session
   * began anew: `tracks` is all of it, nothing of the old one is taken any more, and what comes next goes on for the
   * viewers: same SSRC, next sequence number, RTP time advanced by the time that passed without media. It begins at a
   * start point of the video, for all tracks.
   */
  receive(tracks: readonly UpstreamTrack[], options?: { readonly resume?: boolean }): Promise<void>;
  /**
   * Takes a viewer in at the newest start point that `catchUp` allows, not yet sending; where there is none, at the
   * next one that comes. Waits at most `startWaitMs` until every one of its tracks has a packet there; `starts` holds
   * those that have, none while the start point has not come: it is then waited for in silence, and all tracks begin
   * there. A feed that has shown no start point for 5 s, or none any more for 20 s, is begun at its newest packet; so is
   * one without pictures, and any by a viewer without its video.
   */
  addViewer(options: { tracks: readonly ViewerTrack[]; startWaitMs: number }): Promise<ViewerPath>;
  /** RTCP BYE came from the origin (RFC 3550 s.6.6); viewers do not get it. */
  readonly bye: Signal<{ track: number }>;
  counters(): FeedCounters;
}

export interface ViewerPath extends Closeable {
  readonly starts: readonly TrackStart[];
  /**
   * Begins to send: the latest sender reports, then from the start point. By UDP the start frame goes out at once up to 64
   * packets and beyond that at 10 times the feed's rate, what follows at 2.5 times, until the viewer is live.
   */
  play(): Promise<void>;
  /** Stops sending. */
  pause(): Promise<void>;
  /** Moves a paused viewer to a new start point, as `addViewer` did. */
  seekToStart(startWaitMs: number): Promise<readonly TrackStart[]>;
  /** Its port for media was refused (ICMP) at three times, a quarter of a second apart at least and three seconds at most. */
  readonly refused: Signal<{ refusals: number }>;
  counters(): ViewerCounters;
  /**
   * Stops sending; with `bye` an RTCP BYE goes out on every track first. Resolves when the viewer has acknowledged what is on
   * its way by TCP, or its connection is gone, at the latest after a second. Final counters stay readable.
   */
  close(options?: { bye?: boolean }): Promise<void>;
}

/** All since the feed began; bytes are RTP header + payload. */
export interface FeedCounters {
  readonly rxPackets: bigint;
  readonly rxBytes: bigint;
  readonly rxRtcpPackets: bigint;
  /** Gaps in the sequence numbers that were given up, and so are gaps for the viewers; a late packet takes nothing back. */
  readonly lostPackets: bigint;
  /** Came by UDP after one that belongs behind them, in time to be put right: viewers get them in order. */
  readonly reorderedPackets: bigint;
  /**
   * Came when their place had been given up (30 ms or 16 packets after the gap showed), or before the first packet of
   * their source. By UDP they are dropped; by TCP, where the order is the origin's own, they are passed on where they came.
   */
  readonly latePackets: bigint;
  /** Came a second time; dropped. */
  readonly duplicatePackets: bigint;
  /** Not RTP, or from a source that is not the origin. */
  readonly rejectedPackets: bigint;
  readonly startPoints: bigint;
  /** Packets with a sequence parameter set (H.264, H.265) on the track that decides where viewers start: sets come in band. */
  readonly parameterSets: bigint;
  readonly lastRxMonoNs: bigint;
  /** Receiver reports sent to the origin. */
  readonly txRtcpPackets: bigint;
  /** The source began anew beneath the viewers: told by `receive`, or a track that changed its SSRC (RFC 3550 s.8). */
  readonly resumes: bigint;
  /** Came between a resume and the start point it went on with. */
  readonly resumeDroppedPackets: bigint;
}

/** All since the viewer was taken in; bytes are RTP header + payload, no RTCP, no '$' header. */
export interface ViewerCounters {
  /**
   * By UDP what the kernel has accepted; by TCP what the viewer has acknowledged, whole packets only: live it is up to 100 ms
   * old, after `close` it is all.
   */
  readonly txPackets: bigint;
  readonly txBytes: bigint;
  readonly txRtcpPackets: bigint;
  /**
   * Media not sent: no room in the socket or the link for 250 ms, no way to the viewer, or left out by a jump to a start point.
   * RTCP for which there is no room is not counted: the next report tells more.
   */
  readonly droppedPackets: bigint;
  /**
   * Left out because the viewer was behind and no other picture is decoded from them. As by loss on the way, the
   * viewer sees a gap in the sequence numbers: they are the feed's, for everyone alike.
   */
  readonly skippedNonReferencePackets: bigint;
  /** It fell so far behind that it jumped to a newer start point. */
  readonly startPointSkips: bigint;
  /**
   * By TCP: since when it takes less than it is due; 0n while it is live. It stands still while nothing is taken: who
   * stays behind too long is to be ended.
   */
  readonly behindSinceMonoNs: bigint;
  /** By UDP: longer than the path to the viewer takes, as far as known here; sent in fragments, and counted as sent. */
  readonly oversizedPackets: bigint;
  readonly rxRtcpPackets: bigint;
  /** Cumulative loss the viewer last reported (RFC 3550 s.6.4.1), summed over its tracks. */
  readonly reportedLostPackets: bigint;
  readonly refusals: bigint;
  /** Last sign of life on UDP: punch or RTCP. 0: none yet. */
  readonly lastRxMonoNs: bigint;
}

/** One thread of the engine's and what it serves. */
export interface EngineThread {
  /** CPU time so far, nanoseconds. */
  readonly cpuNs: bigint;
  readonly feeds: number;
  readonly viewers: number;
  readonly splices: number;
}

/** How media goes out to viewers by UDP. */
export interface FanOut {
  /** `clones`: once, and the kernel clones it for the others. `sockets`: a send for each of them. */
  readonly by: 'clones' | 'sockets';
  /** Why not by clones. */
  readonly why: string | undefined;
  /** Of all packets sent, those that were clones. */
  readonly clonedPackets: bigint;
}

export interface Datapath extends Closeable {
  listen(options: ListenOptions): Promise<TcpListener>;
  /** Rejects with ORIGIN_UNREACHABLE (errno name in fields) or TIMED_OUT. */
  connect(options: ConnectOptions): Promise<TcpConnection>;
  /** The engine takes the connection over, with what `stream` had read but nobody consumed, and `unread` before it. */
  adopt(
    connection: TcpConnection,
    options: { unread?: Uint8Array; limits: MessageLimits },
  ): Promise<InterleavedConnection>;
  /** Ties two connections; `toA`/`toB` are sent first. */
  splice(
    a: TcpConnection,
    b: TcpConnection,
    options?: { toA?: Uint8Array; toB?: Uint8Array },
  ): Promise<Splice>;
  udpPair(options: UdpPairOptions): Promise<UdpPair>;
  createFeed(options: FeedOptions): Promise<FeedPath>;
  /** Resolves when every engine thread has answered; rejects with TIMED_OUT after 1 s. */
  ping(): Promise<void>;
  /** CPU time of the engine threads so far, nanoseconds. */
  engineCpuNs(): bigint;
  /** In the order in which they were started; none when the datapath is closed. */
  engineThreads(): readonly EngineThread[];
  /**
   * The NIC toward viewers, by its interface index: the kernel clones there what goes to many of them, where it can. To be
   * told again when it has come back. undefined: there is none. Never rejects: whoever gets no clone is sent to.
   */
  cloneAt(device: number | undefined): Promise<void>;
  fanOut(): FanOut;
}
