import { type Clock, describeError, type Log, Signal } from '#base';
import type { Store } from '#storage';
import type { Config } from '../config/index.ts';
import type { BootClock } from './boot-clock.ts';

const clockWatchMs = 5000;
const retentionMs = 3_600_000;
const dayMs = 86_400_000;

/** Who has to do with what the chain says beside records. */
export interface ChainReaders {
  /**
   * Names of the destinations that are to get it; `told`: who was told times of this boot that were not to be trusted.
   */
  readonly noteDeliveries: (told: ReadonlySet<string>) => readonly string[];
  /** Called before what is older than `before` is removed: who may not keep it any longer lets it go. */
  readonly giveUp: (before: number) => Promise<unknown>;
}

/**
 * What is written into the chain beside records: by how much the clock was wrong, once that is known, and what was removed as
 * it is older than it has to be kept.
 */
export class ChainUpkeep implements Disposable {
  /** There is such an entry. */
  readonly noted: Signal<{ readonly kind: 'clock' | 'anchor' }>;
  readonly #store: Store;
  readonly #config: () => Config['billing'];
  readonly #bootClock: BootClock;
  readonly #readers: ChainReaders;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timers = new Set<Disposable>();
  /** Who is to get records of this boot whose times may be wrong. */
  readonly #toldUntrusted = new Set<string>();

  constructor(options: {
    store: Store;
    config: () => Config['billing'];
    bootClock: BootClock;
    readers: ChainReaders;
    clock: Clock;
    log: Log;
  }) {
    this.#store = options.store;
    this.#config = options.config;
    this.#bootClock = options.bootClock;
    this.#readers = options.readers;
    this.#clock = options.clock;
    this.#log = options.log;
    this.noted = new Signal((error) => options.log.error('listener failed', { error: describeError(error) }));
  }

  /** `track`: the end of the box waits for what it is given. */
  open(track: (work: Promise<void>) => void): void {
    this.#timers.add(this.#clock.every(retentionMs, () => void this.#retain()));
    // Whoever ran before in this boot may have known the clock too late to sign that, or have ended before it was known.
    const { untrustedTimes: before } = this.#store;
    const owed = before !== undefined && !before.corrected;
    if (this.#bootClock.trusted && !owed) return;
    if (owed) this.toldUntrusted(before.destinations);
    // As soon as the clock is known, the offset of what was told before is signed into the chain, once; later when the disk
    // does not take it.
    let correcting = false;
    const correct = () => {
      if (correcting || !this.#bootClock.trusted || this.#store.health === 'full') return;
      correcting = true;
      const stored = () => {
        watch[Symbol.dispose]();
        this.#timers.delete(watch);
      };
      const over = () => {
        correcting = false;
      };
      track(this.#correctClock().then(stored).finally(over));
    };
    const watch = this.#clock.every(clockWatchMs, correct);
    this.#timers.add(watch);
    correct();
  }

  /** A record of this boot whose times may be wrong goes to these. */
  toldUntrusted(names: readonly string[]): void {
    for (const name of names) this.#toldUntrusted.add(name);
  }

  async #correctClock(): Promise<void> {
    const { bootEpoch, ledger } = this.#store;
    const offsetMs = this.#bootClock.offsetMs();
    const deliveries = this.#readers.noteDeliveries(this.#toldUntrusted);
    await ledger.correctClock({ bootEpoch, offsetMs, at: this.#clock.nowMs() }, deliveries);
    this.#toldUntrusted.clear();
    this.#log.info('clock is known', { bootEpoch, offsetMs });
    this.noted.emit({ kind: 'clock' });
  }

  async #retain(): Promise<void> {
    if (!this.#bootClock.trusted) return;
    const before = this.#clock.nowMs() - this.#config().retentionDays * dayMs;
    try {
      await this.#readers.giveUp(before);
      const removed = await this.#store.ledger.retain(before, this.#readers.noteDeliveries(new Set()));
      if (removed > 0) this.noted.emit({ kind: 'anchor' });
    } catch (error) {
      this.#log.warn('old records not removed', { error: describeError(error) });
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
  }
}
