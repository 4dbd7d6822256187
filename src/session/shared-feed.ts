import type { Closeable, Signal } from '#base';
import type { Endpoint, FeedCounters, TrackStart, ViewerCounters, ViewerTrack } from '#hal';
import type { OriginSession, Outcome, Presentation, Proof } from '../protocol/index.ts';

/** A viewer's place in a feed, as the monitor drives it. */
export interface FeedViewer extends Closeable {
  readonly starts: readonly TrackStart[];
  readonly refused: Signal<{ readonly refusals: number }>;
  play(): Promise<void>;
  pause(): Promise<void>;
  seekToStart(startWaitMs: number): Promise<readonly TrackStart[]>;
  counters(): ViewerCounters;
  close(options?: { readonly bye?: boolean }): Promise<void>;
}

/** One live source: one upstream session, one ring. Setting up and playing happen once, however often asked for. */
export interface SharedFeed extends Closeable {
  readonly presentation: Presentation;
  readonly playing: boolean;
  /** Weir may sign requests of its own; otherwise the upstream moves only with a viewer's signatures. */
  readonly signsItself: boolean;
  /** The source failed and is being opened again; viewers wait. */
  readonly reconnecting: boolean;
  /** The upstream is over without our doing, and could not be opened again. */
  readonly ended: Signal<{ readonly text: string }>;
  setup(track: number, proof: Proof | undefined): Promise<Outcome<void>>;
  play(range: string | undefined, proof: Proof | undefined): Promise<Outcome<void>>;
  pause(proof: Proof | undefined): Promise<Outcome<void>>;
  /** Another origin session takes the place of one that does not play yet. */
  useSession(session: OriginSession): Promise<void>;
  addViewer(tracks: readonly ViewerTrack[], startWaitMs: number): Promise<FeedViewer>;
  notify(contentType: string, body: Uint8Array): Promise<number | undefined>;
  counters(): FeedCounters;
  outages(): { readonly reconnections: number; readonly withoutMediaMs: number };
}

/** Makes a feed from an origin session that has described itself. The feed owns the session from then on. */
export type OpenFeed = (options: {
  readonly url: string;
  readonly origin: Endpoint;
  readonly session: OriginSession;
  readonly presentation: Presentation;
  /** What the origin was asked to describe it with. */
  readonly proof: Proof;
}) => Promise<SharedFeed>;
