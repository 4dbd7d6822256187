import { createHash } from 'node:crypto';
import { describeError, type Log } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import { entryEvent, eventId, liveEvent } from '../cloud-event.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { OutgoingEntry } from '../outgoing-entry.ts';
import { answersPerRecord } from './batch-answer.ts';
import type { Collector } from './collector.ts';
import { LiveBatches } from './live-batches.ts';

/** CloudEvents HTTP binding s.3.3. */
const contentType = 'application/cloudevents-batch+json; charset=utf-8';
/** The request itself is at fault; the same one will be refused for ever. */
const permanent = new Set([400, 413, 415, 422]);

/** Batches of CloudEvents by HTTPS. A batch that is refused as a whole is sent again record by record. */
export class HttpsDestination implements Destination {
  readonly name: string;
  readonly batch: number;
  readonly #deviceId: string;
  readonly #collector: Collector;
  readonly #log: Log;
  readonly #live: LiveBatches;
  readonly #closing = new AbortController();

  constructor(options: {
    name: string;
    batch: number;
    deviceId: string;
    collector: Collector;
    log: Log;
  }) {
    this.name = options.name;
    this.batch = options.batch;
    this.#deviceId = options.deviceId;
    this.#collector = options.collector;
    this.#log = options.log.with({ destination: options.name });
    this.#live = new LiveBatches(options.batch, (events) => this.#postLive(events));
  }

  async deliver(entries: readonly OutgoingEntry[], signal: AbortSignal): Promise<readonly Delivery[]> {
    await this.#live.end(
      entries.flatMap((entry) => (entry.kind === 'usage' ? [entry.record.sessionId] : [])),
    );
    return this.#send(entries, signal);
  }

  async #send(entries: readonly OutgoingEntry[], signal: AbortSignal): Promise<readonly Delivery[]> {
    const { status, body } = await this.#post(entries, signal);
    if (status >= 200 && status < 300) return answersPerRecord(this.#ids(entries), body);
    const reason = `the collector answered ${status}${excerpt(body)}`;
    if (!permanent.has(status)) return entries.map(() => ({ outcome: 'retry', reason }));
    if (entries.length === 1) return [{ outcome: 'rejected', reason }];
    const deliveries: Delivery[] = [];
    try {
      for (const entry of entries) deliveries.push(...(await this.#send([entry], signal)));
    } catch (error) {
      // What was answered so far stands; the others are sent once more.
      for (const _unsent of entries.slice(deliveries.length)) {
        deliveries.push({ outcome: 'retry', reason: describeError(error) });
      }
    }
    return deliveries;
  }

  #ids(entries: readonly OutgoingEntry[]): readonly string[] {
    return entries.map((entry) => eventId(entry, this.#deviceId));
  }

  #post(entries: readonly OutgoingEntry[], signal: AbortSignal) {
    // The same records in the same batch have the same key, whenever they are sent (draft-ietf-httpapi-idempotency-key).
    const key = createHash('sha256').update(this.#ids(entries).join('\n')).digest('hex');
    return this.#collector.post(
      `[${entries.map((entry) => entryEvent(entry, this.#deviceId)).join(',')}]`,
      { 'content-type': contentType, 'idempotency-key': key },
      signal,
    );
  }

  started(record: UsageRecord): void {
    this.#live.tell(record.sessionId, () => liveEvent('started', record));
  }

  interim(record: UsageRecord): void {
    this.#live.tell(record.sessionId, () => liveEvent('interim', record));
  }

  /** Best effort: the record of the session's end will say it all. */
  async #postLive(events: readonly string[]): Promise<void> {
    try {
      await this.#collector.post(
        `[${events.join(',')}]`,
        { 'content-type': contentType },
        this.#closing.signal,
      );
    } catch (error) {
      this.#log.debug('live state not delivered', { events: events.length, error: describeError(error) });
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing.abort();
    return this.#collector.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function excerpt(body: string): string {
  const line = body.replaceAll(/\s+/g, ' ').trim().slice(0, 120);
  return line === '' ? '' : `: ${line}`;
}
