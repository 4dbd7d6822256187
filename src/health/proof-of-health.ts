import { type Alarms, type Clock, type Closeable, describeError, type Log } from '#base';

const againMs = 10_000;

/**
 * Finds out once, after the start, whether this version does its work on this box, and tells who has to know: until then the
 * box may go back to the version before. What fails is tried again for as long as the box runs, with an alarm.
 */
export class ProofOfHealth implements Closeable {
  readonly #options: {
    readonly test: () => Promise<unknown>;
    readonly proven: () => Promise<void>;
    readonly alarms: Alarms;
    readonly clock: Clock;
    readonly log: Log;
  };
  readonly #closed = new AbortController();
  readonly #working: Promise<void>;

  /** `test` rejects when the box does not do its work; `proven` is told once that it does. */
  constructor(options: {
    test: () => Promise<unknown>;
    proven: () => Promise<void>;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    this.#options = options;
    this.#working = this.#prove();
  }

  async #prove(): Promise<void> {
    const { test, proven, alarms, clock, log } = this.#options;
    while (!this.#closed.signal.aborted) {
      try {
        await test();
        await proven();
        alarms.clear('health.unproven');
        log.info('healthy');
        return;
      } catch (error) {
        // What ends with the box says nothing about it.
        if (this.#closed.signal.aborted) return;
        const text = `this version does not show that it is healthy: ${describeError(error)}`;
        alarms.raise({ name: 'health.unproven', severity: 'major', text });
        await clock.sleep(againMs, this.#closed.signal).catch(() => {});
      }
    }
  }

  /** Waits for a test that is under way. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#working;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
