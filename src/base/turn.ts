import type { Alarms } from './alarm.ts';
import type { Clock } from './clock.ts';
import { describeError, WeirError } from './weir-error.ts';
import { within } from './within.ts';

/**
 * One piece of work at a time, in the order they were asked for, and nobody waits for ever: work that is not over in time is
 * given up, and whoever asked for it is told. It goes on all the same, as nothing can stop it; until it is over nothing else
 * begins, and whoever asks is told so at once. An alarm stands that long, and longer when what was given up cannot be taken
 * back: until the next work goes well.
 */
export class Turn {
  readonly #name: string;
  readonly #limitMs: number;
  readonly #alarm: string;
  readonly #clock: Clock;
  readonly #alarms: Alarms;
  #last: Promise<unknown> = Promise.resolve();
  #stuck = false;

  /** @param options `name`: whose turn it is, for people; `alarm`: name of the alarm, with that for its subject. */
  constructor(options: { name: string; limitMs: number; alarm: string; clock: Clock; alarms: Alarms }) {
    this.#name = options.name;
    this.#limitMs = options.limitMs;
    this.#alarm = options.alarm;
    this.#clock = options.clock;
    this.#alarms = options.alarms;
  }

  /**
   * @param late Takes back, still in turn, what work has done that was given up. Work that fails has undone itself.
   * @throws {WeirError} TIMED_OUT: it was given up; NOT_READY: work before it was and is not over.
   */
  run<T>(work: () => Promise<T>, late: (result: T) => Promise<void> = async () => {}): Promise<T> {
    const done = this.#last.then(() => this.#limited(work, late));
    this.#last = done.catch(() => {});
    return done;
  }

  async #limited<T>(work: () => Promise<T>, late: (result: T) => Promise<void>): Promise<T> {
    const seconds = this.#limitMs / 1000;
    if (this.#stuck) {
      throw new WeirError('NOT_READY', `${this.#name}: busy still with what was given up before`, {
        advice: 'try again when the alarm has gone',
      });
    }
    const working = work();
    if (await within(working, this.#limitMs, this.#clock)) {
      const result = await working;
      this.#alarms.clear(this.#alarm, this.#name);
      return result;
    }
    this.#stuck = true;
    this.#raise(`not over after ${seconds} s; nothing else is begun there before it is`);
    void this.#settle(working, late);
    throw new WeirError('TIMED_OUT', `${this.#name}: not over after ${seconds} s, given up`);
  }

  async #settle<T>(working: Promise<T>, late: (result: T) => Promise<void>): Promise<void> {
    const done = await working.then(
      (result) => ({ result }),
      () => undefined,
    );
    try {
      if (done) await late(done.result);
      this.#alarms.clear(this.#alarm, this.#name);
    } catch (error) {
      this.#raise(`what was given up is over, but not taken back: ${describeError(error)}`);
    } finally {
      this.#stuck = false;
    }
  }

  #raise(text: string): void {
    const subject = this.#name;
    this.#alarms.raise({ name: this.#alarm, subject, severity: 'critical', text: `${subject}: ${text}` });
  }
}
