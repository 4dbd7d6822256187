import type { Clock } from '#base';
import { Backoff } from './backoff.ts';

/** How often a single record is tried while others of the same destination get through, before it is set aside. */
const patience = 8;
/** So many single records may stand back at a time; more than that is trouble of the destination. */
const maxHeld = 1000;

/** A record that stands back, so that those behind it can pass. */
interface Held {
  /** How often it failed while others got through. */
  attempts: number;
  untilMonoNs: bigint;
  reason: string;
  /** It failed alone: itself or the destination, which of them is shown by the next record. */
  suspected: boolean;
}

/** A record that has had all its chances. */
export interface GivenUp {
  readonly sequence: number;
  readonly reason: string;
}

/**
 * The records of one destination that failed while others may pass. A record is blamed only for what another one passed,
 * so that a destination that is away for a month costs none of them a chance.
 */
export class HeldRecords {
  readonly #clock: Clock;
  readonly #held = new Map<number, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDue(sequence: number): boolean {
    const held = this.#held.get(sequence);
    return held === undefined || (!held.suspected && held.untilMonoNs <= this.#clock.monoNs());
  }

  isSuspected(sequence: number): boolean {
    return this.#held.get(sequence)?.suspected === true;
  }

  /** When the first of them is due; undefined when none will be by time alone. */
  get nextMonoNs(): bigint | undefined {
    let first: bigint | undefined;
    for (const { suspected, untilMonoNs } of this.#held.values()) {
      if (!suspected && (first === undefined || untilMonoNs < first)) first = untilMonoNs;
    }
    return first;
  }

  /** It failed and nothing else was tried with it. */
  suspect(sequence: number, reason: string): void {
    const held = this.#heldOf(sequence);
    if (held) Object.assign(held, { suspected: true, reason });
  }

  /** It failed while others got through. Returns it when that was its last chance. */
  blame(sequence: number, reason: string): GivenUp | undefined {
    const held = this.#heldOf(sequence);
    if (held === undefined) return undefined;
    held.attempts += 1;
    held.suspected = false;
    held.reason = reason;
    held.untilMonoNs = this.#clock.monoNs() + BigInt(Math.round(new Backoff(held.attempts).next() * 1e6));
    if (held.attempts < patience) return undefined;
    this.#held.delete(sequence);
    return { sequence, reason: `${reason} (${patience} times, while others got through)` };
  }

  /** Something got through: those that had failed alone are to blame. Returns those that have had their last chance. */
  blameSuspected(): readonly GivenUp[] {
    return [...this.#held].flatMap(([sequence, { suspected, reason }]) =>
      suspected ? (this.blame(sequence, reason) ?? []) : [],
    );
  }

  /** All of them are due. */
  hurry(): void {
    for (const held of this.#held.values()) held.untilMonoNs = 0n;
  }

  forget(sequence: number): void {
    this.#held.delete(sequence);
  }

  /** Everything that waits was looked at, and what was due at that moment was tried: what is due still waits no more. */
  forgetDueAt(monoNs: bigint): void {
    for (const [sequence, { suspected, untilMonoNs }] of this.#held) {
      if (!suspected && untilMonoNs <= monoNs) this.#held.delete(sequence);
    }
  }

  /** As well for those under suspicion. */
  forgetSuspected(): void {
    for (const [sequence, { suspected }] of this.#held) if (suspected) this.#held.delete(sequence);
  }

  #heldOf(sequence: number): Held | undefined {
    const known = this.#held.get(sequence);
    if (known !== undefined || this.#held.size >= maxHeld) return known;
    const held = { attempts: 0, untilMonoNs: 0n, reason: '', suspected: false };
    this.#held.set(sequence, held);
    return held;
  }
}
