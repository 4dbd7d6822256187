import type { Clock } from '#base';
import type { Store } from '#storage';
import type { UsageRecord } from './usage-record.ts';

/** A moment on the wall clock, milliseconds since 1970, and whether it is to be believed. */
export interface WallTime {
  readonly at: number;
  readonly trusted: boolean;
}

/** A moment of this boot, and what an earlier run told that the wall clock showed then. */
export interface ToldTime {
  readonly at: number;
  readonly monoNs: bigint;
}

/**
 * Wall clock times of moments that were taken monotonically. Until the machine's clock is synchronised they are counted
 * from what it showed when Weir first started in this boot, whatever it is set to meanwhile, so that one offset corrects them
 * all. Once synchronised it is trusted until Weir ends.
 */
export class BootClock {
  readonly #clock: Clock;
  readonly #synchronised: () => boolean;
  readonly #startMs: number;
  readonly #startMonoNs: bigint;
  #trusted = false;

  /** `told`: by an earlier run of this boot while it was not synchronised. Goes on from there. */
  constructor(clock: Clock, synchronised: () => boolean, told?: ToldTime) {
    this.#clock = clock;
    this.#synchronised = synchronised;
    this.#startMs = told?.at ?? clock.nowMs();
    this.#startMonoNs = told?.monoNs ?? clock.monoNs();
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

/** What earlier runs of this boot told: in a record, or of a session that they left open. */
export function toldBefore({
  untrustedTimes,
  leftOpen,
}: Pick<Store, 'untrustedTimes' | 'leftOpen'>): ToldTime | undefined {
  if (untrustedTimes !== undefined) {
    const { endedAt, endedMonoNs }: UsageRecord = JSON.parse(untrustedTimes.newest.body);
    return { at: Date.parse(endedAt), monoNs: BigInt(endedMonoNs) };
  }
  const left = leftOpen.find(({ sameBoot, clockTrusted }) => sameBoot && !clockTrusted);
  return left && { at: left.startedAt, monoNs: left.startedMonoNs };
}
