import { isDeepStrictEqual } from 'node:util';
import { type Alarms, type Clock, type Closeable, describeError, type Log } from '#base';
import type { ClockCorrection, Store } from '#storage';
import type { LiveSession, UsageRecord } from '../billing/index.ts';
import type { Config } from '../config/index.ts';
import { DestinationQueue, type QueueState } from './destination-queue.ts';
import { Interims } from './interims.ts';
import {
  chainReceivers,
  isNamed,
  makeDestination,
  type Receiver,
  receiverName,
  receiversIn,
} from './make-destination.ts';
import {
  isOrigin,
  type OriginAddress,
  OriginNotices,
  type OriginTeller,
  originDestination,
} from './origin/origin-notices.ts';
import type { RadiusPresence } from './radius/radius-destination.ts';

/** A receiver of the configuration, at work. */
interface Working {
  readonly receiver: Receiver;
  readonly queue: DestinationQueue;
  readonly interims: Interims;
}

/** A receiver that cannot be worked with is looked at again: its files may have come meanwhile. */
const repairMs = 30_000;

/** Everybody who gets records: each receiver of the configuration, and the origins. None of them waits for another. */
export class Uploads implements Closeable {
  readonly #store: Store;
  /** Where relative paths of PEM files begin. */
  readonly #folder: string;
  readonly #clockTrusted: () => boolean;
  readonly #live: () => readonly LiveSession[];
  readonly #alarms: Alarms;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #origins: OriginNotices;
  readonly #working = new Map<string, Working>();
  /** Of each receiver in the configuration: what it knows of this run. */
  readonly #presences = new Map<string, RadiusPresence>();
  readonly #misconfigured = new Set<string>();
  readonly #repairing: Disposable;
  #config: Config['upload'];
  #changing: Promise<void> = Promise.resolve();

  constructor(options: {
    store: Store;
    config: Config['upload'];
    teller: OriginTeller;
    /** Whether the wall clock is synchronised. */
    clockTrusted: () => boolean;
    /** The sessions that run. */
    live: () => readonly LiveSession[];
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    const { store, config, teller, clockTrusted, live, alarms, clock, log } = options;
    this.#store = store;
    this.#folder = store.folder;
    this.#config = config;
    this.#clockTrusted = clockTrusted;
    this.#live = live;
    this.#alarms = alarms;
    this.#clock = clock;
    this.#log = log;
    this.#origins = new OriginNotices({
      teller,
      outbox: store.outbox,
      corrections: () => this.#corrections(),
      log,
    });
    this.#repairing = clock.every(repairMs, () => void this.apply(this.#config).catch(() => {}));
  }

  /** Names of all who are to get the record of a session with this origin. */
  destinationsFor(origin: OriginAddress): readonly string[] {
    const names = this.names();
    return this.#config.originNotices ? [...names, originDestination(origin)] : names;
  }

  /**
   * Brings the receivers to `config`; one that did not change works on. A receiver that cannot be worked with raises an
   * alarm, and what is for it waits.
   */
  apply(config: Config['upload']): Promise<void> {
    this.#config = config;
    const changed = this.#changing.then(() => this.#change(config));
    // The next change does not suffer from this one.
    this.#changing = changed.catch((error) =>
      this.#log.error('receivers not changed', { error: describeError(error) }),
    );
    return changed;
  }

  async #change(config: Config['upload']): Promise<void> {
    const wanted = new Map(
      receiversIn(config)
        .filter(isNamed)
        .map((one) => [receiverName(one), one]),
    );
    const over = [...this.#working].filter(
      ([name, { receiver }]) => !isDeepStrictEqual(wanted.get(name), receiver),
    );
    for (const [name] of over) this.#working.delete(name);
    await Promise.all(over.map(([, working]) => this.#stop(working)));
    for (const name of this.#presences.keys()) if (!wanted.has(name)) this.#presences.delete(name);
    for (const name of this.#misconfigured) if (!wanted.has(name)) this.#isRight(name);
    for (const [name, receiver] of wanted) if (!this.#working.has(name)) await this.#begin(name, receiver);
  }

  async #begin(name: string, receiver: Receiver): Promise<void> {
    let queue: DestinationQueue | undefined;
    try {
      const destination = await makeDestination(receiver, {
        folder: this.#folder,
        deviceId: this.#store.device.id,
        bootEpoch: this.#store.bootEpoch,
        clockTrusted: this.#clockTrusted,
        presence: this.#presenceOf(name),
        reachable: () => queue?.hurry(),
        clock: this.#clock,
        log: this.#log,
      });
      queue = new DestinationQueue({
        destination,
        outbox: this.#store.outbox,
        corrections: () => this.#corrections(),
        clock: this.#clock,
        log: this.#log,
        alarms: this.#alarms,
      });
      const interims = new Interims({
        everySeconds: receiver.interimSeconds,
        destination,
        live: this.#live,
        clock: this.#clock,
      });
      this.#working.set(name, { receiver, queue, interims });
      this.#isRight(name);
    } catch (error) {
      const text = describeError(error);
      this.#misconfigured.add(name);
      this.#alarms.raise({ name: 'upload.misconfigured', subject: name, severity: 'major', text });
    }
  }

  /** A receiver that is reconfigured is no new one. */
  #presenceOf(name: string): RadiusPresence {
    const known = this.#presences.get(name) ?? { announced: false };
    this.#presences.set(name, known);
    return known;
  }

  #isRight(name: string): void {
    this.#misconfigured.delete(name);
    this.#alarms.clear('upload.misconfigured', name);
  }

  /** A session began; `record`: as it would be if it ended now. */
  sessionStarted(record: UsageRecord): void {
    for (const { queue } of this.#working.values()) queue.destination.started(record);
    if (this.#config.originNotices) this.#origins.sessionPlays(record.origin);
  }

  /** A record is durable and waits in the outbox. */
  recorded(record: UsageRecord): void {
    for (const { queue } of this.#working.values()) queue.poke();
    if (this.#config.originNotices) void this.#origins.tell(record.origin);
  }

  /** The chain says something beside records that waits in the outbox. */
  noted(): void {
    for (const { queue } of this.#working.values()) queue.poke();
  }

  /**
   * Names of all who are to get what the chain says beside records: those who get its links, and, of those who were told times
   * that were wrong, the origins.
   */
  noteDestinations(told: ReadonlySet<string> = new Set()): readonly string[] {
    return [...chainReceivers(this.#config), ...[...told].filter(isOrigin)];
  }

  /** A session with an origin has begun. */
  originOpened(origin: OriginAddress): void {
    this.#origins.sessionOpened(origin);
  }

  /** Resolves when the origin was told all that waits for it, or does not want to hear more. */
  async tellOrigin(origin: OriginAddress): Promise<void> {
    if (this.#config.originNotices) await this.#origins.tell(origin);
  }

  /**
   * Origins that were not told of a session that ended before `before` will not be: many take no notices, or never come
   * back, and the ledger would keep their records for ever.
   */
  giveUpNotices(before: number): Promise<number> {
    return this.#origins.giveUp(before);
  }

  /** Names of the receivers in the configuration. */
  names(): readonly string[] {
    return receiversIn(this.#config).filter(isNamed).map(receiverName);
  }

  /** An operator has looked at what was set aside for a destination: it waits again, or was given up. */
  looked(name: string): void {
    this.#alarms.clear('upload.quarantined', name);
    this.#working.get(name)?.queue.hurry();
  }

  /** Nobody waits for the pause after a failure. */
  hurry(): void {
    for (const { queue } of this.#working.values()) queue.hurry();
  }

  /** How each receiver does. */
  states(): readonly QueueState[] {
    return [...this.#working.values()].map(({ queue }) => queue.state);
  }

  #corrections(): Promise<readonly ClockCorrection[]> {
    return this.#store.ledger.corrections();
  }

  async close(): Promise<void> {
    this.#repairing[Symbol.dispose]();
    await this.#changing;
    await Promise.all([...this.#working.values()].map((working) => this.#stop(working, true)));
    this.#working.clear();
    await this.#origins.close();
  }

  /** One that cannot be closed well hinders none of the others. */
  async #stop({ receiver, queue, interims }: Working, boxEnds = false): Promise<void> {
    interims[Symbol.dispose]();
    await queue.close(boxEnds).catch((error) => {
      const destination = receiverName(receiver);
      this.#log.error('receiver not closed well', { destination, error: describeError(error) });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
