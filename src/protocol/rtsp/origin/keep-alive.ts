import type { Clock, Closeable } from '#base';

/** Part of the origin's session timeout after which we speak up, so that one lost answer does no harm. */
const share = 0.4;

/** Where the origin's timeout is longer than anybody tests; a timer beyond 2^31 ms would fire at once. */
const longestPeriodMs = 60_000;

/** So many in a row without an answer: the origin is gone, though nobody said so (a host that lost its power). */
const mostUnanswered = 2;

export interface KeepAliveOptions {
  readonly clock: Clock;
  /** The origin's session timeout (RFC 2326 s.12.37). */
  readonly timeoutSeconds: number;
  /** Methods the origin offers; undefined: it did not say. */
  readonly offered: () => Promise<readonly string[] | undefined>;
  /** Sends one, waits at most so long for the answer, and resolves to its status. */
  readonly send: (method: string, timeoutMs: number) => Promise<number | 'not-sent' | 'no-answer'>;
  /** The origin does not know the session any more, or is gone. */
  readonly lost: (text: string) => void;
}

/** Keeps an upstream session alive by what the origin offers: GET_PARAMETER, else OPTIONS (RFC 2326 s.10.8). */
export class KeepAlive implements Closeable {
  readonly #options: KeepAliveOptions;
  readonly #timer: Disposable;
  #method: Promise<string>;
  readonly #periodMs: number;
  #busy = false;
  #unanswered = 0;
  #closed = false;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#method = options.offered().then(
      (methods) => (methods?.includes('GET_PARAMETER') ? 'GET_PARAMETER' : 'OPTIONS'),
      () => 'OPTIONS',
    );
    this.#periodMs = Math.min(options.timeoutSeconds * 1000 * share, longestPeriodMs);
    this.#timer = options.clock.every(this.#periodMs, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    const status = await this.#options
      .send(await this.#method, this.#periodMs)
      .catch(() => 'no-answer' as const);
    this.#busy = false;
    this.#unanswered = status === 'no-answer' ? this.#unanswered + 1 : 0;
    if (this.#closed) return;
    // 401 only says that we cannot sign; the session lives on by our receiver reports.
    if (status === 454) this.#options.lost('the origin does not know our session any more (454)');
    else if (this.#unanswered >= mostUnanswered) this.#options.lost('the origin answers no more');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
