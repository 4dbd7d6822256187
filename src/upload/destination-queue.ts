import { type Alarms, type Clock, type Closeable, describeError, type Log, within } from '#base';
import type { ClockCorrection, Outbox, Settlement, StoredEntry } from '#storage';
import { Backoff } from './backoff.ts';
import type { Delivery, Destination } from './destination.ts';
import { type GivenUp, HeldRecords } from './held-records.ts';
import { type OutgoingEntry, outgoingEntry } from './outgoing-entry.ts';

/** An operator hears of a destination that has been failing for so long. */
const alarmAfterMs = 60_000;
/** How long the end waits for what could still be delivered, and then for what is under way to be written down. */
const lastDeliveriesMs = 1000;
const lastSettlementsMs = 1000;

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
  readonly #held: HeldRecords;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  #settling: Promise<void> = Promise.resolve();
  #pausing: AbortController | undefined;
  #failingSince: { readonly nowMs: number; readonly monoNs: bigint } | undefined;
  #lastError: string | undefined;
  /** How many records are sent together: one after a failure, as it may be one of them that the destination fails at. */
  #together: number;
  /** What waits now is the last that is delivered. */
  #ending = false;
  #closing: Promise<void> | undefined;
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
    this.#held = new HeldRecords(options.clock);
    this.#together = options.destination.batch;
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
    this.#held.hurry();
    this.#pausing?.abort();
    this.#wake.resolve();
  }

  /**
   * What waits has a moment to get out, unless nothing does; the destination is closed. Takes some seconds at most.
   * `boxEnds`: and the receiver is told so.
   */
  close(boxEnds = false): Promise<void> {
    this.#closing ??= this.#end(boxEnds);
    return this.#closing;
  }

  async #end(boxEnds: boolean): Promise<void> {
    this.#ending = true;
    this.#wake.resolve();
    if (this.#failingSince === undefined) await within(this.#running, lastDeliveriesMs, this.#clock);
    this.#stopping.abort();
    this.#pausing?.abort();
    if (boxEnds) await this.#destination.farewell?.();
    await this.#destination.close();
    // A disk that hangs does not hold up the end: what is not written down is delivered once more after the next start.
    await within(this.#running, lastSettlementsMs, this.#clock);
    this.#alarms.clear('upload.failing', this.#destination.name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#wake = Promise.withResolvers();
      const ending = this.#ending;
      try {
        await this.#drain();
      } catch (error) {
        if (this.#ending) return;
        await this.#failed(describeError(error));
        continue;
      }
      if (ending) return;
      await this.#nextWork();
    }
  }

  /** Until something new waits, or a record that stood back is due. */
  async #nextWork(): Promise<void> {
    const due = this.#held.nextMonoNs;
    if (due === undefined) return this.#wake.promise;
    const waitMs = Math.max(0, Number((due - this.#clock.monoNs()) / 1_000_000n));
    using _due = this.#clock.after(waitMs, () => this.#wake.resolve());
    await this.#wake.promise;
  }

  /** Once through all that waits and is due; when that is nothing, through what failed alone. */
  async #drain(): Promise<void> {
    const beganMonoNs = this.#clock.monoNs();
    try {
      const tried = await this.#pass((sequence) => this.#held.isDue(sequence));
      if (!tried) await this.#pass((sequence) => this.#held.isSuspected(sequence));
      await this.#settling;
      if (this.#stopping.signal.aborted) return;
      this.#held.forgetDueAt(beganMonoNs);
      if (!tried) this.#held.forgetSuspected();
    } catch (error) {
      // What was taken before the failure is written down before it could be read, and sent, once more.
      await this.#settling.catch(() => {});
      this.#settling = Promise.resolve();
      throw error;
    }
  }

  /** Delivers what waits and is wanted now, in order. Returns whether there was any. */
  async #pass(wanted: (sequence: number) => boolean): Promise<boolean> {
    let tried = false;
    for (let after: number | undefined = 0; after !== undefined && !this.#stopping.signal.aborted; ) {
      const { name, batch } = this.#destination;
      const page = await this.#outbox.waiting(name, { after, limit: batch });
      const due = page.entries.filter(({ sequence }) => wanted(sequence));
      while (due.length > 0 && !this.#stopping.signal.aborted) {
        tried = true;
        await this.#deliver(due.splice(0, Math.min(this.#together, this.#destination.batch)));
      }
      after = page.next;
    }
    return tried;
  }

  async #deliver(stored: readonly StoredEntry[]): Promise<void> {
    const entries = await this.#readable(stored);
    const deliveries = await this.#answers(entries);
    const settlements: Settlement[] = [];
    const again: { sequence: number; reason: string }[] = [];
    for (const [index, { sequence }] of entries.entries()) {
      const delivery: Delivery = deliveries[index] ?? {
        outcome: 'retry',
        reason: 'no answer for this record',
      };
      if (delivery.outcome === 'retry') again.push({ sequence, reason: delivery.reason });
      else {
        settlements.push(settlement(sequence, delivery));
        this.#held.forget(sequence);
      }
    }
    const [first] = again;
    if (first && settlements.length === 0) {
      if (entries.length === 1) this.#held.suspect(first.sequence, first.reason);
      throw new Error(first.reason);
    }
    for (const { sequence, reason } of again) {
      const givenUp = this.#held.blame(sequence, reason);
      if (givenUp) settlements.push(quarantined(givenUp));
    }
    settlements.push(...this.#held.blameSuspected().map(quarantined));
    // Written down while the next batch is on its way: it shares a commit with others, and that takes its time.
    await this.#settling;
    this.#settling = this.#settle(settlements);
    this.#settling.catch(() => {});
    this.#works();
  }

  async #answers(entries: readonly OutgoingEntry[]): Promise<readonly Delivery[]> {
    try {
      return await this.#destination.deliver(entries, this.#stopping.signal);
    } catch (error) {
      const reason = describeError(error);
      return entries.map(() => ({ outcome: 'retry', reason }));
    }
  }

  /** Entries whose text is no record any more cannot be sent anywhere. */
  async #readable(stored: readonly StoredEntry[]): Promise<readonly OutgoingEntry[]> {
    const corrections = await this.#corrections();
    return stored.map((entry) => outgoingEntry(entry, corrections));
  }

  async #settle(settlements: readonly Settlement[]): Promise<void> {
    if (settlements.length === 0) return;
    await this.#outbox.settle(this.#destination.name, settlements);
    for (const { sequence, outcome, reason } of settlements) {
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
    this.#together = Math.min(2 * this.#together, this.#destination.batch);
    this.#failingSince = undefined;
    this.#lastError = undefined;
    this.#alarms.clear('upload.failing', this.#destination.name);
  }

  async #failed(reason: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#lastError = reason;
    this.#together = 1;
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

const quarantined = ({ sequence, reason }: GivenUp): Settlement => ({
  sequence,
  outcome: 'quarantined',
  reason,
});
