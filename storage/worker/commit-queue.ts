import type { Clock } from '#base';
import type { Writes } from '../database/writes.ts';

export type WriteName = keyof Writes;

/** One thing to be written, and whom to tell. */
export interface PendingWrite {
  readonly name: WriteName;
  readonly run: (writes: Writes) => unknown;
  readonly done: (result: unknown) => void;
  readonly failed: (error: unknown) => void;
}

/** Collects writes until the most hurried of them is due. */
export class CommitQueue {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #waiting: PendingWrite[] = [];
  #timer: Disposable | undefined;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** `withinMs`: how long it may wait for others. */
  add(write: PendingWrite, withinMs: number): void {
    this.#waiting.push(write);
    const dueMs = Number(this.#clock.monoNs() / 1_000_000n) + withinMs;
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(withinMs, this.#onDue);
  }

  /** The next group, at most `limit`, in the order they came. */
  take(limit: number): readonly PendingWrite[] {
    this.#timer?.[Symbol.dispose]();
    this.#dueMs = Number.POSITIVE_INFINITY;
    return this.#waiting.splice(0, limit);
  }

  /** To be tried again, before the others. */
  putBack(writes: readonly PendingWrite[]): void {
    this.#waiting = [...writes, ...this.#waiting];
  }
}
