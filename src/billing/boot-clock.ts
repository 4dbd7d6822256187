import type { Clock } from '#base';

/** A moment on the wall clock, milliseconds since 1970, and whether it is to be believed. */
export interface WallTime {
  readonly at: number;
  readonly trusted: boolean;
}

/**
 * Wall clock times of moments that were taken monotonically. Until the machine's clock is synchronised they are counted
 * from what it showed when Weir started, whatever it is set to meanwhile, so that one offset corrects them all. Once
 * synchronised it is trusted until Weir ends.
 */
export class BootClock {
  readonly #clock: Clock;
  readonly #synchronised: () => boolean;
  readonly #startMs: number;
  readonly #startMonoNs: bigint;
  #trusted = false;

  constructor(clock: Clock, synchronised: () => boolean) {
    this.#clock = clock;
    this.#synchronised = synchronised;
    this.#startMs = clock.nowMs();
    this.#startMonoNs = clock.monoNs();
  }

  get trusted(): boolean {
    this.#trusted ||= this.#synchronised();
    return this.#trusted;
  }

  /** The wall clock at a moment of this boot. */
  wallTimeOf(monoNs: bigint): WallTime {
    const { trusted } = this;
    return { at: trusted ? this.#truly(monoNs) : this.#untrusted(monoNs), trusted };
  }

  /** By how much times that were told while it was not trusted are wrong: true time = told time + offset. */
  offsetMs(): number {
    const now = this.#clock.monoNs();
    return this.#truly(now) - this.#untrusted(now);
  }

  #truly(monoNs: bigint): number {
    return this.#clock.nowMs() - milliseconds(this.#clock.monoNs() - monoNs);
  }

  #untrusted(monoNs: bigint): number {
    return this.#startMs + milliseconds(monoNs - this.#startMonoNs);
  }
}

const milliseconds = (ns: bigint): number => Number(ns / 1_000_000n);
