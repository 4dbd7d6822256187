import type { Outcome } from '../protocol/index.ts';

/** Work that is done once per key while it succeeds or is under way; what was refused can be tried again. */
export class Once<K> {
  readonly #running = new Map<K, Promise<Outcome<void>>>();

  do(key: K, work: () => Promise<Outcome<void>>): Promise<Outcome<void>> {
    const existing = this.#running.get(key);
    if (existing) return existing;
    const forget = () => this.#running.get(key) === started && this.#running.delete(key);
    const started: Promise<Outcome<void>> = work().then(
      (outcome) => {
        if (!outcome.ok) forget();
        return outcome;
      },
      (error) => {
        forget();
        throw error;
      },
    );
    this.#running.set(key, started);
    return started;
  }

  forget(key: K): void {
    this.#running.delete(key);
  }

  clear(): void {
    this.#running.clear();
  }
}
