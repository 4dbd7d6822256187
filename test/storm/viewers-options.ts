/** What the storm's viewers do. Sent as JSON to their process. */
export interface StormViewersOptions {
  /** One of them per viewer, by chance; each is dialled at its own host. */
  readonly urls: readonly string[];
  readonly seed: number;
  /** Viewers that watch, or try to, at the same time. */
  readonly atOnce: number;
  /** How long one watches. */
  readonly leastWatchMs: number;
  readonly mostWatchMs: number;
  /** A box that is down says nothing: a viewer that dials waits so long for an answer, one that is connected four times that. */
  readonly answerMs: number;
  /** Of so much of its last time a viewer tells when it got what. */
  readonly latelyMs: number;
}

/** How a viewer's session ended, as the viewer saw it. */
export type StormEnd = 'teardown' | 'hung-up' | 'closed';

/**
 * One viewer that got media, from its first packet to the silence after its end. Its address and port are its own for
 * good: no other viewer of the storm ever has them.
 */
export interface StormSession {
  readonly viewer: string;
  readonly transport: 'udp' | 'tcp';
  readonly end: StormEnd;
  /** Wall clock, milliseconds. */
  readonly firstMediaAt: number;
  readonly lastMediaAt: number;
  readonly endedAt: number;
  readonly packets: number;
  /** RTP header and payload. */
  readonly bytes: number;
  /** Of its last seconds, oldest first: when, and how many bytes had come by then. */
  readonly lately: readonly (readonly [at: number, bytes: number])[];
}

export type StormViewersEvent =
  | { readonly event: 'session'; readonly session: StormSession }
  /** All that were asked to leave have, and everything was told of them. */
  | { readonly event: 'quiet' }
  /** UDP packets that this host's kernel threw away for want of room. */
  | { readonly event: 'dropped'; readonly packets: number };

/** A line on standard input: so many watch from now on, and nobody leaves by itself when `steady`. */
export interface StormViewersCommand {
  readonly atOnce: number;
  readonly steady: boolean;
  /** Who is there leaves without a word: nobody is at the other end. */
  readonly unanswered?: boolean;
}
