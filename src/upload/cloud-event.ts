import type { UsageRecord } from '../billing/index.ts';
import { type OutgoingEntry, signedEntry } from './outgoing-entry.ts';

/** CloudEvents 1.0 s.3.1: the type of an event says what its data is. */
const types = {
  usage: 'weir.usage.record.v1',
  interim: 'weir.usage.interim.v1',
  started: 'weir.usage.started.v1',
  clock: 'weir.ledger.clock.v1',
  anchor: 'weir.ledger.anchor.v1',
} as const;

/** The record's own, or the place in the device's chain: whoever gets an event twice knows it by this. */
export const eventId = (entry: OutgoingEntry, deviceId: string): string =>
  entry.kind === 'usage' ? entry.record.recordId : `${deviceId}/${entry.sequence}`;

/** An entry of the chain as a CloudEvent in JSON (CloudEvents 1.0, JSON format s.3). */
export function entryEvent(entry: OutgoingEntry, deviceId: string): string {
  const attributes = envelope({
    id: eventId(entry, deviceId),
    deviceId,
    type: types[entry.kind],
    subscriber: entry.kind === 'usage' ? entry.record.subscriber : null,
    time: entry.kind === 'usage' ? entry.times.endedAt : new Date(entry.at).toISOString(),
  });
  return `{${attributes},"data":${signedEntry(entry)}}`;
}

/** The state of a session that runs: the record as it would be now. Not signed, in no chain. */
export function liveEvent(kind: 'interim' | 'started', record: UsageRecord): string {
  const { deviceId, subscriber, endedAt: time } = record;
  const id = `${record.sessionId}/${kind}/${time}`;
  return `{${envelope({ id, deviceId, type: types[kind], subscriber, time })},"data":{"record":${JSON.stringify(record)}}}`;
}

function envelope(event: {
  readonly id: string;
  readonly deviceId: string;
  readonly type: string;
  readonly subscriber: string | null;
  readonly time: string;
}): string {
  const { id, deviceId, type, subscriber, time } = event;
  const attributes = {
    specversion: '1.0',
    id,
    source: `urn:weir:${deviceId}`,
    type,
    ...(subscriber === null ? {} : { subject: subscriber }),
    time,
    datacontenttype: 'application/json',
  };
  return JSON.stringify(attributes).slice(1, -1);
}
