import { type Clock, type Closeable, describeError, type Log } from '#base';
import type { LedPattern, Leds } from '#hal';

/** How the box is, as one LED can say it. */
export type BoxCondition = 'well' | 'notRelaying' | 'alarm' | 'updating' | 'identifying' | 'resetting';

export const patternOf: Readonly<Record<BoxCondition, LedPattern>> = {
  well: 'on',
  notRelaying: 'slow',
  alarm: 'fast',
  updating: 'flash',
  identifying: 'double',
  resetting: 'flicker',
};

const lookMs = 1000;

/** Shows on an LED how the box is. One that cannot be lit is tried again. */
export class StatusLight implements Closeable {
  readonly led: string;
  readonly #leds: Leds;
  readonly #condition: () => BoxCondition;
  readonly #log: Log;
  readonly #timer: Disposable;
  #shown: LedPattern | undefined;
  #lighting: Promise<void> | undefined;
  #failed = false;

  constructor(options: {
    leds: Leds;
    led: string;
    condition: () => BoxCondition;
    clock: Clock;
    log: Log;
  }) {
    this.led = options.led;
    this.#leds = options.leds;
    this.#condition = options.condition;
    this.#log = options.log;
    this.#timer = options.clock.every(lookMs, () => this.look());
    this.look();
  }

  /** What it shows; undefined while it cannot be lit. */
  get shown(): LedPattern | undefined {
    return this.#shown;
  }

  /** Something may have changed that shall be seen at once. */
  look(): void {
    this.#lighting ??= this.#light().finally(() => {
      this.#lighting = undefined;
    });
  }

  async #light(): Promise<void> {
    // What changes meanwhile is shown in the next round.
    for (let wanted = this.#wanted(); wanted !== this.#shown; wanted = this.#wanted()) {
      try {
        await this.#leds.show(this.led, wanted);
      } catch (error) {
        this.#shown = undefined;
        if (!this.#failed) this.#log.warn('LED not lit', { led: this.led, error: describeError(error) });
        this.#failed = true;
        return;
      }
      this.#shown = wanted;
      this.#failed = false;
    }
  }

  #wanted(): LedPattern {
    return patternOf[this.#condition()];
  }

  /** It stays as it is: who ends Weir, or whoever has it next, says what it shows then. */
  async close(): Promise<void> {
    this.#timer[Symbol.dispose]();
    await this.#lighting;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
