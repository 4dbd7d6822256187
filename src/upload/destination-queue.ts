import { type Alarms, type Clock, type Closeable, describeError, type Log } from '#base';
import type { ClockCorrection, Outbox, Settlement, StoredEntry } from '#storage';
import { Backoff } from './backoff.ts';
import type { Delivery, Destination } from './destination.ts';
import { type UsageEntry, usageEntry } from './usage-entry.ts';

/** How often a single record is tried while others of the same destination get through, before it is set aside. */
const patience = 8;
/** So many single records may stand back at a time; more than that is trouble of the destination. */
const maxHeld = 1000;
/** An operator hears of a destination that has been failing for so long. */
const alarmAfterMs = 60_000;

/** A record that stands back, so that those behind it can pass. */
interface Held {
  attempts: number;
  untilMonoNs: bigint;
}

/** What an operator sees of a destination beside what waits for it. */
export interface QueueState {
  readonly name: string;
  /** Since when, wall clock, nothing has got through; undefined: it works, or was not tried yet. */
  readonly failingSince: number | undefined;
  readonly lastError: string | undefined;
}

/**
 * Carries what waits in the outbox for one destination to it. Knows nothing that the outbox does not: after a restart
 * it begins where the outbox stands. A destination that fails is tried again after a growing pause; a single record that
 * fails lets the others pass.
 */
export class DestinationQueue implements Closeable {
  readonly #destination: Destination;
  readonly #outbox: Outbox;
  readonly #corrections: () => Promise<readonly ClockCorrection[]>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #alarms: Alarms;
  readonly #backoff: Backoff;
  readonly #held = new Map<number, Held>();
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  #settling: Promise<void> = Promise.resolve();
  #pausing: AbortController | undefined;
  #failingSince: { readonly nowMs: number; readonly monoNs: bigint } | undefined;
  #lastError: string | undefined;
  readonly #running: Promise<void>;

  constructor(options: {
    destination: Destination;
    outbox: Outbox;
    corrections: () => Promise<readonly ClockCorrection[]>;
    clock: Clock;
    log: Log;
    alarms: Alarms;
  }) {
    this.#destination = options.destination;
    this.#outbox = options.outbox;
    this.#corrections = options.corrections;
    this.#clock = options.clock;
    this.#alarms = options.alarms;
    this.#log = options.log.with({ destination: options.destination.name });
    this.#backoff = new Backoff();
    this.#running = this.#run();
  }

  get destination(): Destination {
    return this.#destination;
  }

  get state(): QueueState {
    const { name } = this.#destination;
    return { name, failingSince: this.#failingSince?.nowMs, lastError: this.#lastError };
  }

  /** Something new waits. A pause after a failure goes on. */
  poke(): void {
    this.#wake.resolve();
  }

  /** An operator does not want to wait for the pause after a failure. */
  hurry(): void {
    this.#backoff.reset();
    for (const held of this.#held.values()) held.untilMonoNs = 0n;
    this.#pausing?.abort();
    this.#wake.resolve();
  }

  /** What is under way is waited for; the destination is closed. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#pausing?.abort();
    this.#wake.resolve();
    await this.#running;
    await this.#destination.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      try {
        await this.#drain();
      } catch (error) {
        this.#settling = Promise.resolve();
        await this.#failed(describeError(error));
        continue;
      }
      await this.#nextWork();
    }
  }

  /** Until something new waits, or a record that stood back is due. */
  async #nextWork(): Promise<void> {
    const due = [...this.#held.values()].reduce<bigint | undefined>(
      (first, { untilMonoNs }) => (first === undefined || untilMonoNs < first ? untilMonoNs : first),
      undefined,
    );
    if (due === undefined) return this.#wake.promise;
    const waitMs = Math.max(0, Number((due - this.#clock.monoNs()) / 1_000_000n));
    using _due = this.#clock.after(waitMs, () => this.#wake.resolve());
    await this.#wake.promise;
  }

  /** Once through all that waits and is due. */
  async #drain(): Promise<void> {
    let after: number | undefined = 0;
    while (after !== undefined && !this.#stopping.signal.aborted) {
      const { name, batch } = this.#destination;
      const page = await this.#outbox.waiting(name, { after, limit: batch });
      const due = page.entries.filter(({ sequence }) => this.#isDue(sequence));
      if (due.length > 0) await this.#deliver(due);
      after = page.next;
    }
    await this.#settling;
  }

  #isDue(sequence: number): boolean {
    const held = this.#held.get(sequence);
    return held === undefined || held.untilMonoNs <= this.#clock.monoNs();
  }

  async #deliver(stored: readonly StoredEntry[]): Promise<void> {
    const entries = await this.#readable(stored);
    const deliveries = await this.#destination.deliver(entries, this.#stopping.signal);
    const settlements: Settlement[] = [];
    const again: { sequence: number; reason: string }[] = [];
    for (const [index, { sequence }] of entries.entries()) {
      const delivery: Delivery = deliveries[index] ?? {
        outcome: 'retry',
        reason: 'no answer for this record',
      };
      if (delivery.outcome === 'retry') again.push({ sequence, reason: delivery.reason });
      else settlements.push(settlement(sequence, delivery));
    }
    // All of them: it is the destination that fails, and no record is to blame.
    const [first] = again;
    if (first && settlements.length === 0 && entries.length > 1) throw new Error(first.reason);
    for (const { sequence, reason } of again) {
      const given = this.#holdBack(sequence, reason, settlements.length > 0);
      if (given) settlements.push(given);
    }
    // Written down while the next batch is on its way: it shares a commit with others, and that takes its time.
    await this.#settling;
    this.#settling = this.#settle(settlements);
    this.#settling.catch(() => {});
    if (first && settlements.length === 0) throw new Error(first.reason);
    if (settlements.length > 0) this.#works();
  }

  /** Entries whose text is no record any more cannot be sent anywhere. */
  async #readable(stored: readonly StoredEntry[]): Promise<readonly UsageEntry[]> {
    const corrections = await this.#corrections();
    return stored.map((entry) => usageEntry(entry, corrections));
  }

  /** Lets a record stand back; returns how it is settled when it has had all its chances. */
  #holdBack(sequence: number, reason: string, othersPass: boolean): Settlement | undefined {
    const attempts =
      (this.#held.get(sequence)?.attempts ?? 0) + (othersPass || this.#failingSince === undefined ? 1 : 0);
    if (attempts >= patience) {
      return {
        sequence,
        outcome: 'quarantined',
        reason: `${reason} (${attempts} times, while others got through)`,
      };
    }
    if (this.#held.size >= maxHeld) return undefined;
    const pauseNs = BigInt(Math.round(new Backoff(attempts).next() * 1e6));
    this.#held.set(sequence, { attempts, untilMonoNs: this.#clock.monoNs() + pauseNs });
    return undefined;
  }

  async #settle(settlements: readonly Settlement[]): Promise<void> {
    if (settlements.length === 0) return;
    await this.#outbox.settle(this.#destination.name, settlements);
    for (const { sequence, outcome, reason } of settlements) {
      this.#held.delete(sequence);
      if (outcome !== 'quarantined') continue;
      this.#log.error('record set aside', { sequence, reason });
      this.#alarms.raise({
        name: 'upload.quarantined',
        subject: this.#destination.name,
        severity: 'major',
        text: `record ${sequence} is refused: ${reason}`,
      });
    }
  }

  #works(): void {
    this.#backoff.reset();
    this.#failingSince = undefined;
    this.#lastError = undefined;
    this.#alarms.clear('upload.failing', this.#destination.name);
  }

  async #failed(reason: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#lastError = reason;
    if (this.#failingSince === undefined) this.#log.warn('delivery failed', { reason });
    this.#failingSince ??= { nowMs: this.#clock.nowMs(), monoNs: this.#clock.monoNs() };
    if (this.#clock.monoNs() - this.#failingSince.monoNs >= BigInt(alarmAfterMs) * 1_000_000n) {
      this.#alarms.raise({
        name: 'upload.failing',
        subject: this.#destination.name,
        severity: 'major',
        text: `nothing has been delivered for a minute or more: ${reason}`,
      });
    }
    this.#pausing = new AbortController();
    await this.#clock.sleep(this.#backoff.next(), this.#pausing.signal).catch(() => {});
    this.#pausing = undefined;
  }
}

function settlement(sequence: number, delivery: Exclude<Delivery, { outcome: 'retry' }>): Settlement {
  if (delivery.outcome === 'acknowledged') return { sequence, outcome: 'acknowledged' };
  const outcome = delivery.outcome === 'rejected' ? 'quarantined' : 'unconfirmed';
  return { sequence, outcome, reason: delivery.reason };
}
