import { WeirError } from '#base';
import type { LedPattern, Leds } from '../leds.ts';

/** LEDs that a test puts on the case and looks at. */
export class SimLeds implements Leds {
  readonly #lit = new Map<string, LedPattern>();
  /** Everything that was shown, oldest first. */
  readonly shown: LedPattern[] = [];

  put(name: string): void {
    this.#lit.set(name, 'off');
  }

  lit(name: string): LedPattern | undefined {
    return this.#lit.get(name);
  }

  async list(): Promise<readonly string[]> {
    return [...this.#lit.keys()].sort();
  }

  async show(name: string, pattern: LedPattern): Promise<void> {
    if (!this.#lit.has(name)) {
      throw new WeirError('VERB_FAILED', `there is no LED ${name}`, {
        fields: { verb: 'led', reason: 'missing' },
      });
    }
    this.#lit.set(name, pattern);
    this.shown.push(pattern);
  }
}
