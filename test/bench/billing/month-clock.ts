import { type Clock, systemClock } from '#base';

/** Time that can pass faster than it does: the wall clock and all waiting by `speed`. What a disk or a socket takes, it takes. */
export class MonthClock implements Clock {
  #speed = 1;
  #sinceNowMs = systemClock.nowMs();
  #sinceMonoNs = systemClock.monoNs();
  #realMonoNs = this.#sinceMonoNs;

  /** How many times as fast; from now on. What waits already goes on as it was set. */
  set speed(times: number) {
    const [nowMs, monoNs] = [this.nowMs(), this.monoNs()];
    this.#realMonoNs = systemClock.monoNs();
    this.#sinceNowMs = nowMs;
    this.#sinceMonoNs = monoNs;
    this.#speed = times;
  }

  /** Some take it out of the clock. */
  readonly nowMs = (): number => this.#sinceNowMs + Number(this.#passedNs() / 1_000_000n);

  readonly monoNs = (): bigint => this.#sinceMonoNs + this.#passedNs();

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(delayMs / this.#speed, signal);
  }

  every(periodMs: number, run: () => void): Disposable {
    return systemClock.every(periodMs / this.#speed, run);
  }

  after(delayMs: number, run: () => void): Disposable {
    return systemClock.after(delayMs / this.#speed, run);
  }

  #passedNs(): bigint {
    return (systemClock.monoNs() - this.#realMonoNs) * BigInt(this.#speed);
  }
}
