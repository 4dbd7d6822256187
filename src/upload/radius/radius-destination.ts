import { type Clock, describeError, type Log, WeirError, within } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { UsageEntry } from '../usage-entry.ts';
import { boxAttributes, type NasIdentity, sessionAttributes } from './accounting.ts';
import type { Attribute } from './attributes.ts';
import { LiveRequests } from './live-requests.ts';
import type { RadiusServers } from './radius-servers.ts';

/** Records under way together at most. */
const maxWindow = 32;
/** When a request is sent again: a server that takes so long for all of them has more than it can do. */
const slowNs = 1_000_000_000n;
/** How long the end waits for a server to hear of it. */
const goodbyeMs = 1500;

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
  readonly #live: LiveRequests;
  #announced: Promise<void> | undefined;
  #window = maxWindow;

  constructor(options: { name: string; nas: NasIdentity; servers: RadiusServers; clock: Clock; log: Log }) {
    this.name = options.name;
    this.#nas = options.nas;
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

  /** Accounting-On, at once and then with whatever comes until it is answered: nothing of this run is told before. */
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
    await this.#live.end(record.sessionId);
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

  async close(): Promise<void> {
    if (this.#announced) {
      const off = this.#servers.request(boxAttributes(this.#nas, 'accountingOff', this.#clock.nowMs()));
      off.catch((error) => this.#log.debug('Accounting-Off not delivered', { error: describeError(error) }));
      await within(off, goodbyeMs, this.#clock);
    }
    await this.#servers.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
