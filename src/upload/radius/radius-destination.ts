import { type Clock, describeError, type Log, WeirError, within } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { OutgoingEntry, UsageEntry } from '../outgoing-entry.ts';
import { boxAttributes, type Moment, type NasIdentity, sessionAttributes } from './accounting.ts';
import type { Attribute } from './attributes.ts';
import { LiveRequests } from './live-requests.ts';
import type { RadiusServers } from './radius-servers.ts';

/** Records under way together at most. */
const maxWindow = 32;
/** When a request is sent again: a server that takes so long for all of them has more than it can do. */
const slowNs = 1_000_000_000n;
/** How long the end waits for a server to hear of it. */
const goodbyeMs = 1500;

/** What a receiver knows of this run of Weir; outlives a change of its configuration. */
export interface RadiusPresence {
  /** Accounting-On was answered: another would end, there, the sessions that run. */
  announced: boolean;
}

/** RADIUS has no words for it; nobody addresses it so. */
const unspeakable: Delivery = { outcome: 'rejected', reason: 'no record of a session' };

/**
 * Sessions as RADIUS accounting. Of one session never more than one request is under way, and after its Stop none: a late
 * Interim-Update would overwrite the final counters at a server with common queries.
 */
export class RadiusDestination implements Destination {
  readonly name: string;
  readonly #nas: NasIdentity;
  readonly #bootEpoch: number;
  readonly #clockTrusted: () => boolean;
  readonly #presence: RadiusPresence;
  readonly #servers: RadiusServers;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #live: LiveRequests;
  #announcing: Promise<void> | undefined;
  #window = maxWindow;

  constructor(options: {
    name: string;
    nas: NasIdentity;
    /** Of this boot: moments of another are on another monotonic clock. */
    bootEpoch: number;
    /** Whether the wall clock is synchronised. */
    clockTrusted: () => boolean;
    presence: RadiusPresence;
    servers: RadiusServers;
    clock: Clock;
    log: Log;
  }) {
    this.name = options.name;
    this.#nas = options.nas;
    this.#bootEpoch = options.bootEpoch;
    this.#clockTrusted = options.clockTrusted;
    this.#presence = options.presence;
    this.#servers = options.servers;
    this.#clock = options.clock;
    this.#log = options.log.with({ destination: options.name });
    this.#live = new LiveRequests(Math.max(1, options.servers.window >> 2));
    this.#announce().catch((error) =>
      this.#log.debug('Accounting-On not delivered', { error: describeError(error) }),
    );
  }

  /**
   * Requests under way together; each is of another session. By TLS the link puts them one behind the other. A slow server gets half
   * as many the next time, a quick one one more: what it cannot answer in time it would only be asked again.
   */
  get batch(): number {
    return this.#window;
  }

  async deliver(entries: readonly OutgoingEntry[]): Promise<readonly Delivery[]> {
    await this.#announce();
    const beganNs = this.#clock.monoNs();
    const deliveries = await Promise.all(
      entries.map((entry) => (entry.kind === 'usage' ? this.#stop(entry) : unspeakable)),
    );
    const slow = this.#clock.monoNs() - beganNs >= slowNs;
    this.#window = slow ? Math.ceil(this.#window / 2) : Math.min(maxWindow, this.#window + 1);
    return deliveries;
  }

  started(record: UsageRecord): void {
    const at = { record, at: record.startedAt, monoNs: record.startedMonoNs, known: record.clockTrusted };
    this.#tell(record.sessionId, () => sessionAttributes(this.#nas, 'start', record, this.#moment(at)));
  }

  interim(record: UsageRecord): void {
    const at = { record, at: record.endedAt, monoNs: record.endedMonoNs, known: record.clockTrusted };
    this.#tell(record.sessionId, () =>
      sessionAttributes(this.#nas, 'interimUpdate', record, this.#moment(at)),
    );
  }

  /** Within a boot the monotonic clock tells the delay; beyond it only a wall clock that is right. */
  #moment(of: { record: UsageRecord; at: string; monoNs: string; known: boolean }): Moment {
    const atMs = of.known ? Date.parse(of.at) : undefined;
    if (of.record.bootEpoch === this.#bootEpoch) {
      return { atMs, delayMs: Number((this.#clock.monoNs() - BigInt(of.monoNs)) / 1_000_000n) };
    }
    return {
      atMs,
      delayMs: atMs !== undefined && this.#clockTrusted() ? this.#clock.nowMs() - atMs : 0,
    };
  }

  #now(): Moment {
    return { atMs: this.#clockTrusted() ? this.#clock.nowMs() : undefined, delayMs: 0 };
  }

  /**
   * Accounting-On, at once and then with whatever comes until it is answered: nothing of this run is told before. Once a run:
   * it ends all sessions of the box at the server (RFC 2866 s.5.1).
   */
  #announce(): Promise<void> {
    if (this.#presence.announced) return Promise.resolve();
    this.#announcing ??= this.#servers
      .request(boxAttributes(this.#nas, 'accountingOn', this.#now()))
      .then(() => {
        this.#presence.announced = true;
      })
      .finally(() => {
        this.#announcing = undefined;
      });
    return this.#announcing;
  }

  async #stop(entry: UsageEntry): Promise<Delivery> {
    const { record, times, sequence } = entry;
    await this.#live.end(record.sessionId);
    try {
      const moment = this.#moment({
        ...{ record, at: times.endedAt, monoNs: record.endedMonoNs, known: times.known },
      });
      const stored = { sequence, correctedByMs: times.correctedByMs };
      await this.#servers.request(sessionAttributes(this.#nas, 'stop', record, moment, stored));
      return { outcome: 'acknowledged' };
    } catch (error) {
      const reason = describeError(error);
      const tooLong = error instanceof WeirError && error.code === 'UPLOAD_UNFIT';
      return tooLong ? { outcome: 'rejected', reason } : { outcome: 'retry', reason };
    }
  }

  /** Best effort: the Stop will say it all. */
  #tell(sessionId: string, attributes: () => readonly Attribute[]): void {
    this.#live.tell(sessionId, async () => {
      try {
        await this.#announce();
        await this.#servers.request(attributes());
      } catch (error) {
        this.#log.debug('live state not delivered', { sessionId, error: describeError(error) });
      }
    });
  }

  /** Accounting-Off: the server closes what it has open of this box. */
  async farewell(): Promise<void> {
    if (!this.#presence.announced && this.#announcing === undefined) return;
    const off = this.#servers.request(boxAttributes(this.#nas, 'accountingOff', this.#now()));
    off.catch((error) => this.#log.debug('Accounting-Off not delivered', { error: describeError(error) }));
    await within(off, goodbyeMs, this.#clock);
  }

  close(): Promise<void> {
    return this.#servers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
