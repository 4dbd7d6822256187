import { type Clock, describeError, type Log, WeirError } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { UsageEntry } from '../usage-entry.ts';
import { boxAttributes, type NasIdentity, sessionAttributes } from './accounting.ts';
import type { Attribute } from './attributes.ts';
import type { RadiusServers } from './radius-servers.ts';

/** Records under way together at most. */
const maxWindow = 32;
/** When a request is sent again: a server that takes so long for all of them has more than it can do. */
const slowNs = 1_000_000_000n;
/** Sessions that run are told of for so many at a time; a server that is away misses the others. */
const maxRunning = 1000;

/**
 * Sessions as RADIUS accounting. Of one session never more than one request is under way, and after its Stop none: a late
 * Interim-Update would overwrite the final counters at a server with common queries.
 */
export class RadiusDestination implements Destination {
  readonly name: string;
  readonly #nas: NasIdentity;
  readonly #servers: RadiusServers;
  readonly #clock: Clock;
  readonly #log: Log;
  /** The request under way for each session that runs; `next`: the latest news that waits behind it. */
  readonly #running = new Map<string, { done: Promise<void>; next: (() => Promise<void>) | undefined }>();
  #announced: Promise<void> | undefined;
  #window = maxWindow;

  constructor(options: { name: string; nas: NasIdentity; servers: RadiusServers; clock: Clock; log: Log }) {
    this.name = options.name;
    this.#nas = options.nas;
    this.#servers = options.servers;
    this.#clock = options.clock;
    this.#log = options.log.with({ destination: options.name });
  }

  /**
   * Requests under way together; each is of another session. By TLS the link puts them one behind the other. A slow server gets half
   * as many the next time, a quick one one more: what it cannot answer in time it would only be asked again.
   */
  get batch(): number {
    return this.#window;
  }

  async deliver(entries: readonly UsageEntry[]): Promise<readonly Delivery[]> {
    await this.#announce();
    const beganNs = this.#clock.monoNs();
    const deliveries = await Promise.all(entries.map((entry) => this.#stop(entry)));
    const slow = this.#clock.monoNs() - beganNs >= slowNs;
    this.#window = slow ? Math.ceil(this.#window / 2) : Math.min(maxWindow, this.#window + 1);
    return deliveries;
  }

  started(record: UsageRecord): void {
    this.#tell(record.sessionId, () => {
      const nowMs = this.#clock.nowMs();
      return sessionAttributes(this.#nas, 'start', record, { atMs: Date.parse(record.startedAt), nowMs });
    });
  }

  interim(record: UsageRecord): void {
    this.#tell(record.sessionId, () => {
      const nowMs = this.#clock.nowMs();
      return sessionAttributes(this.#nas, 'interimUpdate', record, {
        atMs: Date.parse(record.endedAt),
        nowMs,
      });
    });
  }

  /** Accounting-On, once, before anything else that this run has to say. */
  #announce(): Promise<void> {
    this.#announced ??= this.#servers
      .request(boxAttributes(this.#nas, 'accountingOn', this.#clock.nowMs()))
      .catch((error) => {
        this.#announced = undefined;
        throw error;
      });
    return this.#announced;
  }

  async #stop(entry: UsageEntry): Promise<Delivery> {
    const { record, times, sequence } = entry;
    const { sessionId } = record;
    const running = this.#running.get(sessionId);
    if (running) running.next = undefined;
    await running?.done;
    try {
      const nowMs = this.#clock.nowMs();
      const moment = { atMs: Date.parse(times.endedAt), nowMs, correctedByMs: times.correctedByMs, sequence };
      await this.#servers.request(sessionAttributes(this.#nas, 'stop', record, moment));
      return { outcome: 'acknowledged' };
    } catch (error) {
      const reason = describeError(error);
      const tooLong = error instanceof WeirError && error.code === 'UPLOAD_UNFIT';
      return tooLong ? { outcome: 'rejected', reason } : { outcome: 'retry', reason };
    }
  }

  /** Best effort: while one request of a session is under way only the latest news waits. */
  #tell(sessionId: string, attributes: () => readonly Attribute[]): void {
    const send = async () => {
      try {
        await this.#announce();
        await this.#servers.request(attributes());
      } catch (error) {
        this.#log.debug('live state not delivered', { sessionId, error: describeError(error) });
      }
    };
    const running = this.#running.get(sessionId);
    if (running) {
      running.next = send;
      return;
    }
    if (this.#running.size >= maxRunning) return;
    const turn = { done: Promise.resolve(), next: undefined as (() => Promise<void>) | undefined };
    turn.done = (async () => {
      for (let next: (() => Promise<void>) | undefined = send; next !== undefined; ) {
        turn.next = undefined;
        await next();
        next = turn.next;
      }
      this.#running.delete(sessionId);
    })();
    this.#running.set(sessionId, turn);
  }

  async close(): Promise<void> {
    if (this.#announced) {
      await this.#servers
        .request(boxAttributes(this.#nas, 'accountingOff', this.#clock.nowMs()))
        .catch((error) => this.#log.debug('Accounting-Off not delivered', { error: describeError(error) }));
    }
    await this.#servers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
