import { type Clock, describeError, type Log } from '#base';
import type { Endpoint } from '#hal';
import type {
  Caller,
  OpenOriginSession,
  OriginSession,
  Outcome,
  Presentation,
  Proof,
} from '../protocol/index.ts';

interface Kept {
  readonly key: string;
  readonly session: OriginSession;
  busy: boolean;
  seenMonoNs: bigint;
}

/**
 * The origin connections of single callers: a nonce may be bound to its connection, so a caller's challenge and its proof
 * share one. A caller has one at a time, and what it leaves unused is closed: however many URLs a viewer asks for, it
 * holds no more at the origin than it would without the box.
 */
export class OwnSessions {
  readonly #kept = new Map<Caller, Kept>();
  readonly #open: OpenOriginSession;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(options: { open: OpenOriginSession; clock: Clock; log: Log }) {
    this.#open = options.open;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Asks the origin in the caller's words, on the caller's connection. */
  async describe(
    caller: Caller,
    feed: { readonly key: string; readonly url: string; readonly origin: Endpoint },
    proof: Proof,
  ): Promise<Outcome<Presentation>> {
    const kept = this.#of(caller, feed);
    kept.busy = true;
    try {
      return await kept.session.describe(proof);
    } finally {
      kept.busy = false;
      kept.seenMonoNs = this.#clock.monoNs();
    }
  }

  #of(caller: Caller, feed: { readonly key: string; readonly url: string; readonly origin: Endpoint }): Kept {
    const before = this.#kept.get(caller);
    if (before?.key === feed.key) return before;
    if (before) this.drop(caller);
    const session = this.#open(feed.origin, feed.url);
    const kept = { key: feed.key, session, busy: false, seenMonoNs: this.#clock.monoNs() };
    this.#kept.set(caller, kept);
    return kept;
  }

  /** Gives the caller's connection for this feed away, to be the feed's. */
  take(caller: Caller, key: string): OriginSession | undefined {
    const kept = this.#kept.get(caller);
    if (kept?.key !== key) return undefined;
    this.#kept.delete(caller);
    return kept.session;
  }

  /** Closes the caller's connection; with `key` only when it is for that feed. */
  drop(caller: Caller, key?: string): void {
    const kept = this.#kept.get(caller);
    if (kept === undefined || (key !== undefined && kept.key !== key)) return;
    this.#kept.delete(caller);
    void this.#close(kept);
  }

  /** The caller is gone. What is asked for it just now is still answered: others may wait for it. */
  forget(caller: Caller): void {
    if (!this.#kept.get(caller)?.busy) this.drop(caller);
  }

  /** Closes what nobody used since `oldestMonoNs`, but for those that `isNeeded`. */
  sweep(oldestMonoNs: bigint, isNeeded: (caller: Caller, key: string) => boolean): void {
    for (const [caller, { key, busy, seenMonoNs }] of this.#kept) {
      if (!busy && seenMonoNs < oldestMonoNs && !isNeeded(caller, key)) this.drop(caller);
    }
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map((kept) => this.#close(kept)));
  }

  #close({ session }: Kept): Promise<void> {
    return session
      .close()
      .catch((error) => this.#log.warn('origin connection broke', { error: describeError(error) }));
  }
}
