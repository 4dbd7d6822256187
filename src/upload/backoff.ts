const firstMs = 1000;
const capMs = 60_000;

/** Pauses between attempts: 1 s, doubling to 60 s, each between half and all of it, so that boxes do not come in step. */
export class Backoff {
  #attempts: number;

  constructor(attempts = 0) {
    this.#attempts = attempts;
  }

  /** The next pause, milliseconds. */
  next(): number {
    const fullMs = Math.min(capMs, firstMs * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    return fullMs * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#attempts = 0;
  }
}
