import type { Endpoint } from '#hal';

const kept = 10_000;

/** Origins that have or had a feed; the longest unused are forgotten beyond 10,000. */
export class RecentOrigins {
  readonly #seen = new Set<string>();

  add(origin: Endpoint): void {
    const key = keyOf(origin);
    this.#seen.delete(key);
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > kept && oldest !== undefined) this.#seen.delete(oldest);
  }

  has(origin: Endpoint): boolean {
    return this.#seen.has(keyOf(origin));
  }
}

const keyOf = ({ address, port }: Endpoint): string => `${address} ${port}`;
