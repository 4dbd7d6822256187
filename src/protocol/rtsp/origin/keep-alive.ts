import type { Clock, Closeable } from '#base';

/** Part of the origin's session timeout after which we speak up, so that one lost answer does no harm. */
const share = 0.4;

export interface KeepAliveOptions {
  readonly clock: Clock;
  /** The origin's session timeout (RFC 2326 s.12.37). */
  readonly timeoutSeconds: number;
  /** Methods the origin offers; undefined: it did not say. */
  readonly offered: () => Promise<readonly string[] | undefined>;
  /** Sends one and resolves to the status; undefined: not sent, or not answered. */
  readonly send: (method: string) => Promise<number | undefined>;
  /** The origin does not know the session any more. */
  readonly lost: (text: string) => void;
}

/** Keeps an upstream session alive by what the origin offers: GET_PARAMETER, else OPTIONS (RFC 2326 s.10.8). */
export class KeepAlive implements Closeable {
  readonly #options: KeepAliveOptions;
  readonly #timer: Disposable;
  #method: Promise<string>;
  #busy = false;
  #closed = false;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#method = options
      .offered()
      .then((methods) => (methods?.includes('GET_PARAMETER') ? 'GET_PARAMETER' : 'OPTIONS'));
    this.#timer = options.clock.every(options.timeoutSeconds * 1000 * share, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    const status = await this.#options.send(await this.#method);
    this.#busy = false;
    // 401 only says that we cannot sign; the session lives on by our receiver reports.
    if (status === 454 && !this.#closed)
      this.#options.lost('the origin does not know our session any more (454)');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
