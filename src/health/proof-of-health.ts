import { type Alarms, type Clock, type Closeable, describeError, type Log } from '#base';

const againMs = 10_000;

/**
 * Finds out once, after the start, whether this version does its work on this box, and tells who has to know: until then the
 * box may go back to the version before. What fails is tried again for as long as the box runs, with an alarm. Where it fails by what
 * the box keeps, and not by the version, that is told as well: another version would do no better.
 */
export class ProofOfHealth implements Closeable {
  readonly #options: {
    readonly test: () => Promise<unknown>;
    readonly proven: () => Promise<void>;
    readonly testAlone: () => Promise<unknown>;
    readonly working: () => Promise<void>;
    readonly alarms: Alarms;
    readonly clock: Clock;
    readonly log: Log;
  };
  readonly #closed = new AbortController();
  readonly #proving: Promise<void>;
  #told = false;

  /**
   * `test` rejects when the box does not do its work; `proven` is told once that it does. `testAlone` rejects when this version does
   * not do its work even without anything the box keeps; `working` is told once that it does, after `test` has failed.
   */
  constructor(options: {
    test: () => Promise<unknown>;
    proven: () => Promise<void>;
    testAlone: () => Promise<unknown>;
    working: () => Promise<void>;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    this.#options = options;
    this.#proving = this.#prove();
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
        const why = describeError(error);
        const what = (await this.#worksAlone())
          ? 'this version does its work, but not with what this box keeps'
          : 'this version does not show that it is healthy';
        alarms.raise({ name: 'health.unproven', severity: 'major', text: `${what}: ${why}` });
        await clock.sleep(againMs, this.#closed.signal).catch(() => {});
      }
    }
  }

  /** Once it did, it does: it is not tried again and again on a box that is in trouble. */
  async #worksAlone(): Promise<boolean> {
    if (this.#told) return true;
    try {
      await this.#options.testAlone();
      await this.#options.working();
      this.#told = true;
    } catch (error) {
      this.#options.log.warn('this version does not do its work', { error: describeError(error) });
    }
    return this.#told;
  }

  /** Waits for a test that is under way. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#proving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
