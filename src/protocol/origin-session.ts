import type { Closeable, Signal } from '#base';
import type { Endpoint, TrackOptions, UpstreamTrack } from '#hal';
import type { Outcome } from './outcome.ts';
import type { PayloadFormat } from './payload-format.ts';

/**
 * A viewer's own authority for one request, exactly as it wrote it: a signature covers the method and the URI, so both
 * go to the origin verbatim.
 */
export interface Proof {
  readonly uri: string;
  readonly authorization: string | undefined;
}

/** A track as the presentation describes it. */
export interface TrackFacts extends TrackOptions {
  readonly index: number;
  /** As described: absolute, relative to `documentUrl`, or missing. */
  readonly control: string | undefined;
  /** Media, encoding, clock rate and payload types as one text: tracks that follow each other have the same one. */
  readonly form: string;
  /** What each of the payload types is decoded by. */
  readonly formats: readonly PayloadFormat[];
  /** The URL that SETUP names. */
  readonly controlUrl: string;
}

/** What an origin says there is at a URL. */
export interface Presentation {
  /** The origin's description, to the byte. */
  readonly description: Uint8Array;
  readonly contentType: string;
  /** Headers a viewer needs beside it, in the origin's words (Content-Base and the like). */
  readonly headers: readonly (readonly [string, string])[];
  /** What the control URLs of the tracks are relative to. */
  readonly documentUrl: string;
  /** The URL of the whole: PLAY, PAUSE and TEARDOWN name it. */
  readonly aggregateUrl: string;
  readonly tracks: readonly TrackFacts[];
  /** False: it has an end, so every viewer gets an upstream of its own. */
  readonly live: boolean;
}

/** The server-facing side of a protocol: one session with one origin. */
export interface OriginSession extends Closeable {
  /** The origin asked for credentials at least once. */
  readonly challenged: boolean;
  /** Weir may sign requests of its own here: the origin never asked, or the operator gave credentials. */
  readonly signsItself: boolean;
  /** The session is over without our doing; sent once. */
  readonly ended: Signal<{ readonly text: string }>;
  /** `proof` undefined: Weir signs itself. */
  describe(proof: Proof | undefined): Promise<Outcome<Presentation>>;
  /** Sets one track up; `proof` undefined: Weir signs itself. */
  setup(track: number, proof: Proof | undefined): Promise<Outcome<UpstreamTrack>>;
  play(range: string | undefined, proof: Proof | undefined): Promise<Outcome<void>>;
  pause(proof: Proof | undefined): Promise<Outcome<void>>;
  /**
   * Tells the origin something within the session (RFC 2326 s.10.9). The status of its answer; undefined when Weir
   * cannot sign the request, or got no answer.
   */
  notify(contentType: string, body: Uint8Array): Promise<number | undefined>;
}

/** Opens sessions with origins; nothing is sent before the first call on the session. */
export type OpenOriginSession = (origin: Endpoint, url: string) => OriginSession;
