import { Signal, WeirError } from '#base';
import type { Answers, NativeTrack } from './addon.ts';
import { badArgument, checkUpstreamTracks, checkViewerTracks, checkWaitMs } from './arguments.ts';
import { NativeConnection } from './connection.ts';
import type { CounterSlot } from './counters.ts';
import type { EnginePort } from './engine-port.ts';
import type {
  FeedCounters,
  FeedPath,
  InterleavedConnection,
  UdpPair,
  UpstreamTrack,
  ViewerPath,
  ViewerTrack,
} from './face.ts';
import { NativeUdpPair } from './udp-pair.ts';
import { NativeViewer } from './viewer.ts';

/** A feed in an engine: one upstream session, one ring. What it is used with comes to that engine. */
export class NativeFeed implements FeedPath {
  readonly bye: Signal<{ track: number }>;
  readonly #id: number;
  readonly #tracks: number;
  readonly #port: EnginePort;
  readonly #slot: CounterSlot<'feed'>;
  readonly #viewers = new Set<NativeViewer>();
  #closing: Promise<void> | undefined;

  constructor(port: EnginePort, options: { id: number; tracks: number; slot: CounterSlot<'feed'> }) {
    this.#id = options.id;
    this.#tracks = options.tracks;
    this.#slot = options.slot;
    this.#port = port;
    this.bye = new Signal(port.listenerFailed);
    port.on('bye', this.#id, (track) => this.bye.emit({ track: track as number }));
  }

  async receive(tracks: readonly UpstreamTrack[], options: { resume?: boolean } = {}): Promise<void> {
    const { resume = false } = options;
    checkUpstreamTracks(tracks, this.#tracks);
    this.#mustBeOpen();
    const moves = this.#bring(tracks);
    if (moves) await moves;
    const native = tracks.map((track): NativeTrack => {
      if (track.transport === 'interleaved') return interleavedTrack(track);
      const { rtpSource, rtcpSource } = track;
      return { track: track.track, pair: nativePair(track.pair).id, rtpSource, rtcpSource };
    });
    await this.#port.request('receive', { id: this.#id, tracks: native, resume });
  }

  async addViewer(options: { tracks: readonly ViewerTrack[]; startWaitMs: number }): Promise<ViewerPath> {
    const { startWaitMs } = options;
    checkViewerTracks(options.tracks, this.#tracks);
    checkWaitMs(startWaitMs);
    this.#mustBeOpen();
    const moves = this.#bring(options.tracks);
    if (moves) await moves;
    const tracks = options.tracks.map((track): NativeTrack => {
      if (track.transport === 'interleaved') return interleavedTrack(track);
      const { rtpTarget, rtcpTarget } = track;
      return { track: track.track, pair: nativePair(track.pair).id, rtpTarget, rtcpTarget };
    });
    const slot = this.#port.takeSlot('viewer');
    try {
      const request = { id: this.#id, tracks, startWaitMs, slot: slot.index };
      const added = await this.#port.request<Answers['addViewer']>('addViewer', request);
      const forget = () => this.#viewers.delete(viewer);
      const viewer: NativeViewer = new NativeViewer(this.#port, { ...added, slot, forget });
      this.#viewers.add(viewer);
      return viewer;
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  counters(): FeedCounters {
    return this.#slot.read();
  }

  close(): Promise<void> {
    this.#closing ??= this.#port.end(this, 'closeFeed', { id: this.#id }, () => {
      for (const viewer of this.#viewers) viewer.endWithFeed();
      this.#port.off('bye', this.#id);
      this.#slot.release();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Brings what these tracks go by to the engine of the feed; undefined when it is there. */
  #bring(tracks: readonly (UpstreamTrack | ViewerTrack)[]): Promise<void> | undefined {
    const means = tracks.map((track) =>
      track.transport === 'interleaved' ? nativeConnection(track.connection) : nativePair(track.pair),
    );
    const away = new Set(means.filter((one) => !one.isAt(this.#port)));
    if (away.size === 0) return undefined;
    const moves = Promise.all([...away].map((one) => one.moveTo(this.#port)));
    return moves.then(() => this.#mustBeOpen());
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the feed is closed');
  }
}

function interleavedTrack(track: {
  track: number;
  connection: InterleavedConnection;
  rtpChannel: number;
  rtcpChannel: number;
}): NativeTrack {
  const { connection, rtpChannel, rtcpChannel } = track;
  return { track: track.track, connection: nativeConnection(connection).id, rtpChannel, rtcpChannel };
}

function nativeConnection(connection: InterleavedConnection): NativeConnection {
  if (!(connection instanceof NativeConnection)) throw badArgument('connection', 'of another datapath');
  return connection;
}

function nativePair(pair: UdpPair): NativeUdpPair {
  if (!(pair instanceof NativeUdpPair)) throw badArgument('pair', 'of another datapath');
  return pair;
}
