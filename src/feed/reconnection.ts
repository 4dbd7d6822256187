import type { Clock } from '#base';

const firstPauseMs = 250;
const longestPauseMs = 2000;
/** One that does not answer may be gone or slow: the first attempt ends soon, and each has twice the time of the one before. */
const firstOpenMs = 4000;
/**
 * Pauses are shorter than said by a twentieth to a quarter: so that many boxes do not come back to one origin in step, and
 * so that a source that is back is asked within 2 s and has answered.
 */
const jitter = { from: 0.05, to: 0.25 };

/** Media that went on for less is no reason to ask at once again: a source may send a picture and hang up, over and over. */
const steadyMs = 1000;

/** Time for a pause and an attempt. */
export const oneAttemptMs = firstPauseMs + firstOpenMs;

/** The pauses before attempts, each twice the one before. They outlast an outage, unless the source was back for long enough. */
export class Pauses {
  #nextMs = firstPauseMs;

  next(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(2 * pauseMs, longestPauseMs);
    return pauseMs;
  }

  /** The source fails again, after so much time with media. */
  beginAnew(mediaMs: number): void {
    if (mediaMs >= steadyMs) this.#nextMs = firstPauseMs;
  }
}

/** How one attempt to open the upstream again came out. */
export type ResumeAttempt = { readonly kind: 'resumed' } | FailedAttempt;

export interface FailedAttempt {
  /** Trying again cannot help when `hopeless`: what the origin offers now is not what the viewers have. */
  readonly kind: 'failed' | 'hopeless';
  readonly text: string;
}

/**
 * Attempts until one succeeds, one is hopeless, or the patience is over: after 0.25 s, then twice as long each time, up
 * to 2 s (`pauses`). An attempt gets the time it has to open the session, and a signal that ends it with the patience. Resolves to
 * undefined when resumed, else to why not. Rejects with the signal's reason when aborted.
 */
export async function reconnect(options: {
  readonly clock: Clock;
  readonly patienceMs: number;
  readonly pauses: Pauses;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly attempt: (openMs: number, over: AbortSignal) => Promise<ResumeAttempt>;
}): Promise<string | undefined> {
  const { clock, signal, attempt, random } = options;
  const patience = new AbortController();
  using _end = clock.after(options.patienceMs, () => patience.abort());
  const over = AbortSignal.any([signal, patience.signal]);
  let text = 'it did not answer';
  const longestOpenMs = Math.max(firstOpenMs, options.patienceMs);
  // However long the pauses have grown, there is time for an attempt.
  let mostMs = Math.max(firstPauseMs, options.patienceMs - firstOpenMs);
  for (let openMs = firstOpenMs; ; openMs = Math.min(2 * openMs, longestOpenMs)) {
    const pauseMs = Math.min(options.pauses.next(), mostMs);
    mostMs = longestPauseMs;
    const jitteredMs = pauseMs * (1 - jitter.from - (jitter.to - jitter.from) * random());
    await orAborted(clock.sleep(jitteredMs, over), over);
    if (over.aborted) break;
    const result = await attempt(openMs, over);
    signal.throwIfAborted();
    if (result.kind === 'resumed') return undefined;
    text = result.text;
    if (over.aborted || result.kind === 'hopeless') break;
  }
  signal.throwIfAborted();
  return text;
}

/** What comes of `work`; undefined when the signal is aborted before. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  const abort = () => resolve(undefined);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort);
  work.then(resolve, (error) => (signal.aborted ? abort() : reject(error)));
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
