import type { Clock, Closeable } from '#base';
import type { Supervisor } from '#hal';

/** Signs of life in the time after which one that is missing counts. */
const signsInPatience = 4;

/**
 * Shows the supervisor that Weir lives: JavaScript runs (this timer fires) and every engine thread answers. A disk that is
 * full or an origin that is gone is no reason to be restarted, and stops nothing here.
 */
export class Watchdog implements Closeable {
  readonly #supervisor: Supervisor;
  readonly #ping: () => Promise<void>;
  readonly #timer: Disposable | undefined;
  #asking: Promise<void> | undefined;

  /** `ping`: rejects, or does not resolve, when the engine does not answer. */
  constructor(options: { supervisor: Supervisor; ping: () => Promise<void>; clock: Clock }) {
    const { supervisor, ping, clock } = options;
    this.#supervisor = supervisor;
    this.#ping = ping;
    if (supervisor.patienceMs === undefined) return;
    this.#ask();
    this.#timer = clock.every(supervisor.patienceMs / signsInPatience, () => this.#ask());
  }

  #ask(): void {
    this.#asking ??= this.#ping()
      .then(
        () => this.#supervisor.alive(),
        // Nothing is said: the supervisor draws its conclusions when that lasts.
        () => {},
      )
      .finally(() => {
        this.#asking = undefined;
      });
  }

  async close(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#asking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
