import type { Clock } from '#base';

/** What viewers missed of a feed because its source failed. */
export interface OutageCounters {
  /** How often the upstream was lost and opened again. */
  readonly reconnections: number;
  /** Time without media, the present outage included. */
  readonly withoutMediaMs: number;
}

/** Counts the outages of one feed. */
export class Outages {
  #reconnections = 0;
  #pastNs = 0n;
  #sinceMonoNs: bigint | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** An outage lasts. */
  get standing(): boolean {
    return this.#sinceMonoNs !== undefined;
  }

  /** No media since `monoNs`. */
  begin(monoNs: bigint): void {
    this.#sinceMonoNs ??= monoNs;
  }

  /** Media comes again. */
  end(): void {
    if (this.#sinceMonoNs === undefined) return;
    this.#pastNs += this.#clock.monoNs() - this.#sinceMonoNs;
    this.#sinceMonoNs = undefined;
    this.#reconnections += 1;
  }

  counters(): OutageCounters {
    const presentNs = this.#sinceMonoNs === undefined ? 0n : this.#clock.monoNs() - this.#sinceMonoNs;
    return {
      reconnections: this.#reconnections,
      withoutMediaMs: Number((this.#pastNs + presentNs) / 1_000_000n),
    };
  }
}
