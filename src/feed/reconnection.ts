import type { Clock } from '#base';

const firstPauseMs = 250;
const longestPauseMs = 2000;
/**
 * Pauses are shorter than said by a twentieth to a quarter: so that many boxes do not come back to one origin in step, and
 * so that a source that is back is asked within 2 s and has answered.
 */
const jitter = { from: 0.05, to: 0.25 };

/** How one attempt to open the upstream again came out. */
export type ResumeAttempt =
  | { readonly kind: 'resumed' }
  | { readonly kind: 'failed'; readonly text: string }
  /** Trying again cannot help: what the origin offers now is not what the viewers have. */
  | { readonly kind: 'hopeless'; readonly text: string };

/**
 * Attempts until one succeeds, one is hopeless, or the patience is over: after 0.25 s, then twice as long each time, up
 * to 2 s. Resolves to undefined when resumed, else to why not. Rejects with the signal's reason when aborted.
 */
export async function reconnect(options: {
  readonly clock: Clock;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly attempt: () => Promise<ResumeAttempt>;
}): Promise<string | undefined> {
  const { clock, signal, attempt, random } = options;
  const endMonoNs = clock.monoNs() + BigInt(options.patienceMs) * 1_000_000n;
  let text = 'no patience is configured';
  for (
    let pauseMs = firstPauseMs;
    clock.monoNs() < endMonoNs;
    pauseMs = Math.min(2 * pauseMs, longestPauseMs)
  ) {
    const leftMs = Number((endMonoNs - clock.monoNs()) / 1_000_000n);
    const jitteredMs = pauseMs * (1 - jitter.from - (jitter.to - jitter.from) * random());
    await clock.sleep(Math.min(jitteredMs, leftMs), signal);
    const result = await attempt();
    signal.throwIfAborted();
    if (result.kind === 'resumed') return undefined;
    text = result.text;
    if (result.kind === 'hopeless') break;
  }
  return text;
}
