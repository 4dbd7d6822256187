import type { Signal } from '#base';
import type { Endpoint, TrackStart, ViewerTrack } from '#hal';
import type { Presentation, Proof } from './origin-session.ts';
import type { Outcome } from './outcome.ts';
import type { TerminateCause } from './terminate-cause.ts';

/** One connection of a viewer, as a front has it. Its identity is what a viewer's proofs are bound to. */
export interface Caller {
  readonly protocol: string;
  readonly viewer: Endpoint;
  /** The address and port the viewer dialled. */
  readonly origin: Endpoint;
}

/** What a viewer asks for: the sharing key of the URL, and the URL as it is shown (no user info). */
export interface Target {
  readonly key: string;
  readonly url: string;
}

/** A viewer's session, as a front drives it. */
export interface ViewerSession {
  readonly sessionId: string;
  readonly presentation: Presentation;
  /** The same for all viewers of a feed, and for nobody else. */
  readonly feed: object;
  /** Without a sign of life for so long it is ended; the viewer is told, so that it holds as long as the session. */
  readonly timeoutMs: number;
  /** The session ended; sent once, however it ended. */
  readonly ended: Signal<{ readonly cause: TerminateCause }>;
  /** Makes sure the track is there upstream. */
  setup(track: number, proof: Proof): Promise<Outcome<void>>;
  /** Takes the viewer into the feed at a start point, not yet sending. */
  play(options: {
    readonly tracks: readonly ViewerTrack[];
    readonly range: string | undefined;
    readonly proof: Proof;
  }): Promise<Outcome<readonly TrackStart[]>>;
  /** Begins to send; after the answer to PLAY is out. */
  begin(): Promise<void>;
  pause(proof: Proof): Promise<Outcome<void>>;
  /** A sign of life that the datapath cannot see: a request. */
  touch(): void;
  /** When the datapath last saw progress on the viewer's connection; set by the front once the engine owns it. */
  progressMonoNs: (() => bigint) | undefined;
  /** Resolves when nothing is sent to the viewer any more: soon after `end` has been asked for. */
  readonly stopped: Promise<void>;
  /** Resolves when what it used is final. By TCP it has then acknowledged what was on its way, or a second has passed. */
  end(cause: TerminateCause): Promise<void>;
}

/** What the fronts ask of the session monitor. */
export interface Monitor {
  describe(caller: Caller, target: Target, proof: Proof): Promise<Outcome<Presentation>>;
  /** Opens a session for a viewer that asks to set up its first track. */
  join(caller: Caller, target: Target, proof: Proof): Promise<Outcome<ViewerSession>>;
  /** The connection is gone: its sessions end, its proofs are forgotten. */
  forget(caller: Caller): Promise<void>;
}
