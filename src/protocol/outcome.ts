/** An answer of the origin that is handed on to a viewer as it is. */
export interface OriginAnswer {
  readonly status: number;
  readonly phrase: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** Why something a viewer asked for is not done. Expected, so a value and not an error. */
export type Refusal =
  /** The origin said no, in its own words. */
  | { readonly why: 'origin'; readonly answer: OriginAnswer }
  /** The origin cannot be reached, or does not answer in time. */
  | { readonly why: 'unreachable'; readonly timedOut: boolean; readonly text: string }
  /** The origin answered something that is not the protocol. */
  | { readonly why: 'bad-answer'; readonly text: string }
  /** A limit of this box, or its admission. */
  | { readonly why: 'not-admitted'; readonly text: string }
  /** A part of this box is not able to serve it just now. */
  | { readonly why: 'not-now'; readonly text: string }
  /** The viewer's connection carries another feed, and this one cannot join it there. */
  | { readonly why: 'connection-busy' }
  /** Not allowed in the session's state. */
  | { readonly why: 'state' }
  /** The viewer's right to it is not proven at the origin. */
  | { readonly why: 'not-proven' }
  /** The session is over. */
  | { readonly why: 'ended' };

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const refused = (refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal,
});
