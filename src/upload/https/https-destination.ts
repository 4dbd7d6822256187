import { createHash } from 'node:crypto';
import { describeError, type Log } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import { liveEvent, recordEvent } from '../cloud-event.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { UsageEntry } from '../usage-entry.ts';
import { answersPerRecord } from './batch-answer.ts';
import type { Collector } from './collector.ts';

/** CloudEvents HTTP binding s.3.3. */
const contentType = 'application/cloudevents-batch+json; charset=utf-8';
/** The request itself is at fault; the same one will be refused for ever. */
const permanent = new Set([400, 413, 415, 422]);
/** States of so many sessions wait at most; a collector that is away misses those of others. */
const maxLive = 1000;

/** Batches of CloudEvents by HTTPS. A batch that is refused as a whole is sent again record by record. */
export class HttpsDestination implements Destination {
  readonly name: string;
  readonly batch: number;
  readonly #collector: Collector;
  readonly #log: Log;
  /** The latest state of each session, while a post of such states is under way. */
  readonly #live = new Map<string, string>();
  #telling = false;

  constructor(options: { name: string; batch: number; collector: Collector; log: Log }) {
    this.name = options.name;
    this.batch = options.batch;
    this.#collector = options.collector;
    this.#log = options.log;
  }

  async deliver(entries: readonly UsageEntry[], signal: AbortSignal): Promise<readonly Delivery[]> {
    for (const { record } of entries) this.#live.delete(record.sessionId);
    const { status, body } = await this.#post(entries, signal);
    if (status >= 200 && status < 300) return answersPerRecord(entries, body);
    const reason = `the collector answered ${status}${excerpt(body)}`;
    if (!permanent.has(status)) return entries.map(() => ({ outcome: 'retry', reason }));
    if (entries.length === 1) return [{ outcome: 'rejected', reason }];
    const deliveries: Delivery[] = [];
    for (const entry of entries) deliveries.push(...(await this.deliver([entry], signal)));
    return deliveries;
  }

  #post(entries: readonly UsageEntry[], signal: AbortSignal) {
    // The same records in the same batch have the same key, whenever they are sent (draft-ietf-httpapi-idempotency-key).
    const ids = entries.map(({ record }) => record.recordId).join('\n');
    const key = createHash('sha256').update(ids).digest('hex');
    return this.#collector.post(
      `[${entries.map(recordEvent).join(',')}]`,
      { 'content-type': contentType, 'idempotency-key': key },
      signal,
    );
  }

  started(record: UsageRecord): void {
    this.#tell('started', record);
  }

  interim(record: UsageRecord): void {
    this.#tell('interim', record);
  }

  #tell(kind: 'started' | 'interim', record: UsageRecord): void {
    const { sessionId } = record;
    if (this.#live.size >= maxLive && !this.#live.has(sessionId)) return;
    this.#live.set(sessionId, liveEvent(kind, record));
    if (!this.#telling) void this.#tellAll();
  }

  /** Best effort: the record of a session's end will say it all. What comes meanwhile goes out together. */
  async #tellAll(): Promise<void> {
    this.#telling = true;
    while (this.#live.size > 0) {
      const events = [...this.#live].slice(0, this.batch);
      for (const [sessionId] of events) this.#live.delete(sessionId);
      const body = `[${events.map(([, event]) => event).join(',')}]`;
      try {
        await this.#collector.post(body, { 'content-type': contentType }, new AbortController().signal);
      } catch (error) {
        this.#live.clear();
        this.#log.debug('live state not delivered', { error: describeError(error) });
      }
    }
    this.#telling = false;
  }

  close(): Promise<void> {
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
