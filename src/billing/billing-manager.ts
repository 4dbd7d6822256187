import {
  type Alarms,
  type Clock,
  type Closeable,
  describeError,
  type Log,
  Signal,
  WeirError,
  within,
} from '#base';
import type { LeftOpenSession, Store, StoredEntry } from '#storage';
import type { Config } from '../config/index.ts';
import { Meter, type UsageSample } from '../meter/index.ts';
import { TerminateCause } from '../protocol/index.ts';
import type { Admission, Admitted, SessionStart, ViewerSummary } from '../session/index.ts';
import { BootClock, toldBefore } from './boot-clock.ts';
import { type ChainReaders, ChainUpkeep } from './chain-upkeep.ts';
import { RecordIds } from './record-id.ts';
import { TermsBook } from './terms.ts';
import type { Unrecorded } from './unrecorded.ts';
import {
  type SessionFacts,
  sessionFacts,
  storedFacts,
  type UsageRecord,
  usageRecord,
} from './usage-record.ts';

/** A start that is not durable after so long is given up: the viewer waits for its media meanwhile. */
const startMs = 5000;
/** How long the end of the box waits for records; what is not stored then is closed at the next start. */
const closeMs = 4000;

/** A session that is billed, from its first PLAY on. */
interface BilledSession {
  readonly viewer: ViewerSummary;
  readonly facts: SessionFacts;
  readonly startedMonoNs: bigint;
  readonly meter: Meter;
  /** Resolves when its start is durable. */
  readonly stored: Promise<void>;
  state: 'starting' | 'billed' | 'unbilled';
}

/** A session that began: what a collector is told first. */
export interface StartedSession {
  readonly sessionId: string;
  readonly facts: SessionFacts;
  readonly startedAt: number;
}

/** A session that runs. Its record is made only when asked for: with meter and charge it costs more than to look. */
export interface LiveSession {
  readonly sessionId: string;
  readonly startedMonoNs: bigint;
  /** As its record would be if it ended now. */
  readonly record: () => UsageRecord;
}

/** A record that is durable. */
export interface RecordedSession {
  readonly entry: StoredEntry;
  readonly record: UsageRecord;
}

/**
 * The seed's billing information manager (34): makes each session's start durable before its first packet, its counters
 * each few seconds, and its record when it has ended.
 */
export class BillingManager implements Admission, SessionStart, Closeable {
  /** A session's start is durable. */
  readonly sessionStarted: Signal<StartedSession>;
  readonly recorded: Signal<RecordedSession>;
  readonly #store: Store;
  readonly #config: () => Config['billing'];
  readonly #macOf: (address: string) => string | undefined;
  readonly #deliveries: (facts: SessionFacts) => readonly string[];
  readonly #upkeep: ChainUpkeep;
  readonly #unrecorded: Unrecorded;
  readonly #alarms: Alarms;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #bootClock: BootClock;
  readonly #terms: TermsBook;
  readonly #recordIds: RecordIds;
  readonly #sessions = new Map<string, BilledSession>();
  readonly #finishing = new Set<Promise<void>>();
  readonly #timers = new Set<Disposable>();
  /** Starts that have taken too long and are still under way. */
  #overdue = 0;
  #closing: Promise<void> | undefined;

  constructor(options: {
    store: Store;
    config: () => Config['billing'];
    /** Whether the machine's wall clock is synchronised. */
    synchronised: () => boolean;
    macOf: (address: string) => string | undefined;
    /** Names of the destinations that are to get the record of such a session. */
    deliveries: (facts: SessionFacts) => readonly string[];
    /** Who has to do with what the chain says beside records: nobody when not given. */
    readers?: ChainReaders;
    unrecorded: Unrecorded;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    const { store, config, macOf, deliveries, alarms, clock, log } = options;
    this.#store = store;
    this.#config = config;
    this.#macOf = macOf;
    this.#deliveries = deliveries;
    this.#unrecorded = options.unrecorded;
    this.#alarms = alarms;
    this.#clock = clock;
    this.#log = log;
    const bootClock = new BootClock(clock, options.synchronised, toldBefore(store));
    this.#bootClock = bootClock;
    const { readers = { noteDeliveries: () => [], giveUp: async () => {} } } = options;
    this.#upkeep = new ChainUpkeep({ store, config, bootClock, readers, clock, log });
    this.#terms = new TermsBook(config);
    this.#recordIds = new RecordIds(clock.nowMs);
    const listenerFailed = (error: unknown) => log.error('listener failed', { error: describeError(error) });
    this.sessionStarted = new Signal(listenerFailed);
    this.recorded = new Signal(listenerFailed);
  }

  /** Closes what the last run left open, and begins to store counters. Nothing is waited for. */
  open(): void {
    for (const session of this.#store.leftOpen) this.#track(this.#recover(session));
    this.#timers.add(this.#store.healthChanged.on(() => this.#clearAlarms()));
    this.#clearAlarms();
    this.#upkeep.open((work) => this.#track(work));
    this.#checkpointLater();
  }

  /** The chain says something beside records. */
  get chainNoted(): ChainUpkeep['noted'] {
    return this.#upkeep.noted;
  }

  /** How many sessions were relayed without a record since the box runs. */
  get unbilledSessions(): number {
    return this.#unrecorded.sessions;
  }

  /** Live counters of the sessions whose start is durable. */
  samples(): readonly UsageSample[] {
    return [...this.#sessions.values()].filter(isBilled).map(({ meter }) => meter.sample());
  }

  /** The sessions whose start is durable. */
  live(): readonly LiveSession[] {
    return [...this.#sessions.values()].filter(isBilled).map((session) => ({
      sessionId: session.viewer.sessionId,
      startedMonoNs: session.startedMonoNs,
      record: () => this.#recordUntil(this.#clock.monoNs(), session, session.meter.sample()),
    }));
  }

  /** One of them; undefined when it has ended. */
  liveRecord(sessionId: string): UsageRecord | undefined {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || !isBilled(session)) return undefined;
    return this.#recordUntil(this.#clock.monoNs(), session, session.meter.sample());
  }

  /** Resolves when the sessions that have ended so far have their records. */
  async settled(): Promise<void> {
    await Promise.all(this.#finishing);
  }

  async admit(): Promise<Admitted> {
    const { health } = this.#store;
    if (health === 'full' || health === 'failed') {
      return this.#unrecorded.admit(`the disk for records is ${health}`);
    }
    if (this.#overdue > 0 && !this.#unrecorded.mayBeRelayed) {
      return { admitted: false, why: 'not-now', text: 'the disk for records does not answer' };
    }
    return { admitted: true };
  }

  /** Resolves when the session's start is durable, or may go on without a record. */
  async started(viewer: ViewerSummary): Promise<void> {
    const session = this.#begin(viewer);
    this.#sessions.set(viewer.sessionId, session);
    try {
      await this.#inTime(session);
    } catch (error) {
      this.#unrecorded.relay(viewer.sessionId, error);
      if (session.state === 'starting') session.state = 'unbilled';
    }
  }

  #begin(viewer: ViewerSummary): BilledSession {
    const { sessionId, transport } = viewer;
    const { url, protocol, origin, viewer: at } = viewer.facts;
    const mac = this.#macOf(at.address);
    const terms = this.#terms.termsFor({ url, address: at.address, mac });
    const facts = sessionFacts({ url, origin, viewer: at, mac, protocol, transport, terms });
    const startedMonoNs = this.#clock.monoNs();
    const { at: startedAt, trusted: clockTrusted } = this.#bootClock.wallTimeOf(startedMonoNs);
    const stored = this.#store.ledger
      .start({ sessionId, startedAt, clockTrusted, startedMonoNs, facts })
      .then(() => {
        session.state = 'billed';
        this.sessionStarted.emit({ sessionId, facts, startedAt });
      });
    const session: BilledSession = {
      viewer,
      facts,
      startedMonoNs,
      meter: new Meter({ sessionId, read: () => viewer.counters(), clock: this.#clock, log: this.#log }),
      stored,
      state: 'starting',
    };
    return session;
  }

  async #inTime({ stored }: BilledSession): Promise<void> {
    const late = new AbortController();
    const limit = this.#clock.sleep(startMs, late.signal).then(() => {
      this.#isOverdue(stored);
      throw new WeirError('TIMED_OUT', 'the start of a session was not stored in time', {
        fields: { ms: startMs },
        advice: 'look at the disk of the data folder',
      });
    });
    limit.catch(() => {});
    try {
      await Promise.race([stored, limit]);
    } finally {
      late.abort();
    }
  }

  #isOverdue(stored: Promise<void>): void {
    this.#overdue += 1;
    this.#alarms.raise({
      name: 'billing.startStalled',
      severity: 'critical',
      text: `the start of a session was not stored within ${startMs} ms`,
    });
    const over = () => {
      this.#overdue -= 1;
      this.#clearAlarms();
    };
    stored.then(over, over);
  }

  /** A session is over and its counters are final. */
  ended(viewer: ViewerSummary): void {
    const session = this.#sessions.get(viewer.sessionId);
    // One that never played: nothing was delivered, nothing was stored.
    if (session === undefined) return;
    this.#sessions.delete(viewer.sessionId);
    this.#track(this.#finish(session));
  }

  #track(finishing: Promise<void>): void {
    const tracked = finishing
      .catch((error) => this.#log.error('record not stored', { error: describeError(error) }))
      .finally(() => this.#finishing.delete(tracked));
    this.#finishing.add(tracked);
  }

  async #finish(session: BilledSession): Promise<void> {
    const { viewer, facts, meter } = session;
    const endedMonoNs = viewer.outcome?.endedMonoNs ?? this.#clock.monoNs();
    const sample = meter.sample();
    try {
      await session.stored;
    } catch {
      // Told when it happened; there is no open session to close.
      return;
    }
    await this.#record(this.#recordUntil(endedMonoNs, session, sample), facts);
  }

  /** The record of a session of this run, from its start until then. */
  #recordUntil(endedMonoNs: bigint, session: BilledSession, sample: UsageSample): UsageRecord {
    const { viewer, facts, startedMonoNs } = session;
    const { at: endedAt, trusted: clockTrusted } = this.#bootClock.wallTimeOf(endedMonoNs);
    const startedAt = endedAt - milliseconds(endedMonoNs - startedMonoNs);
    return usageRecord({
      ...this.#identity(),
      bootEpoch: this.#store.bootEpoch,
      sessionId: viewer.sessionId,
      facts,
      usage: { ...sample, startedAt, endedAt, clockTrusted, startedMonoNs, endedMonoNs },
      terminateCause: viewer.outcome?.cause ?? TerminateCause.nasError,
      recovered: false,
    });
  }

  /** Closes a session of a run that did not end in order. Its times are of its own boot's clock. */
  async #recover(left: LeftOpenSession): Promise<void> {
    const { sessionId, bootEpoch, sameBoot, startedMonoNs, aliveMonoNs, counters } = left;
    const facts = storedFacts(left.facts);
    const now = this.#bootClock.wallTimeOf(startedMonoNs);
    const start = sameBoot && now.trusted ? now : { at: left.startedAt, trusted: left.clockTrusted };
    const endedAt = start.at + milliseconds(aliveMonoNs - startedMonoNs);
    await this.#record(
      usageRecord({
        ...this.#identity(),
        bootEpoch,
        sessionId,
        facts,
        usage: {
          ...counters,
          startedAt: start.at,
          endedAt,
          clockTrusted: start.trusted,
          startedMonoNs,
          endedMonoNs: aliveMonoNs,
        },
        terminateCause: sameBoot ? TerminateCause.nasError : TerminateCause.nasReboot,
        recovered: true,
      }),
      facts,
    );
  }

  #identity(): { recordId: string; deviceId: string } {
    return { recordId: this.#recordIds.next(), deviceId: this.#store.device.id };
  }

  async #record(record: UsageRecord, facts: SessionFacts): Promise<void> {
    const { sessionId, clockTrusted, endedAt } = record;
    const deliveries = this.#deliveries(facts);
    if (!clockTrusted && record.bootEpoch === this.#store.bootEpoch) {
      this.#upkeep.toldUntrusted(deliveries);
    }
    const entry = await this.#store.ledger.finish({
      sessionId,
      endedAt: Date.parse(endedAt),
      clockTrusted,
      record,
      deliveries,
    });
    this.#log.info('session recorded', {
      sessionId,
      sequence: entry.sequence,
      bytes: record.viewerTxBytes,
      amount: record.charge.amount,
      currency: record.charge.currency,
      recovered: record.recovered,
    });
    this.recorded.emit({ entry, record });
  }

  /**
   * One after the other: a disk that is slower than the period gets no second one meanwhile. The period is from one
   * reading of the counters to the next, however long storing took, for it is what a crash may cost.
   */
  #checkpointLater(tookMs = 0): void {
    const waitMs = Math.max(0, this.#config().checkpointSeconds * 1000 - tookMs);
    const timer = this.#clock.after(waitMs, () => {
      this.#timers.delete(timer);
      const begunNs = this.#clock.monoNs();
      void this.#checkpoint().then(
        () => this.#closing ?? this.#checkpointLater(milliseconds(this.#clock.monoNs() - begunNs)),
      );
    });
    this.#timers.add(timer);
  }

  async #checkpoint(): Promise<void> {
    const samples = this.samples();
    if (samples.length === 0) return;
    try {
      await this.#store.ledger.checkpoint(this.#clock.monoNs(), samples);
    } catch (error) {
      this.#log.warn('counters not stored', { sessions: samples.length, error: describeError(error) });
    }
  }

  #clearAlarms(): void {
    const { health } = this.#store;
    if (this.#overdue === 0) this.#alarms.clear('billing.startStalled');
    if (health === 'full' || health === 'failed' || this.#overdue > 0) return;
    this.#unrecorded.over();
  }

  /** Waits for the records of the sessions that have ended. */
  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#upkeep[Symbol.dispose]();
    await within(this.settled(), closeMs, this.#clock);
    if (this.#finishing.size > 0) {
      this.#log.error('records are closed at the next start', { sessions: this.#finishing.size });
    }
  }
}

const milliseconds = (ns: bigint): number => Number(ns / 1_000_000n);
const isBilled = ({ state }: BilledSession): boolean => state === 'billed';
