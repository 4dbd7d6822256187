import type { UsageRecord } from '../billing/index.ts';
import { signedRecord, type UsageEntry } from './usage-entry.ts';

/** CloudEvents 1.0 s.3.1: the type of an event says what its data is. */
const types = {
  usage: 'weir.usage.record.v1',
  interim: 'weir.usage.interim.v1',
  started: 'weir.usage.started.v1',
} as const;

/** A record as a CloudEvent in JSON (CloudEvents 1.0, JSON format s.3). `id` is the record's: whoever gets it twice knows. */
export function recordEvent(entry: UsageEntry): string {
  const { record, times } = entry;
  return `{${envelope(record, types.usage, record.recordId, times.endedAt)},"data":${signedRecord(entry)}}`;
}

/** The state of a session that runs: the record as it would be now. Not signed, in no chain. */
export function liveEvent(kind: 'interim' | 'started', record: UsageRecord): string {
  const id = `${record.sessionId}/${kind}/${record.endedAt}`;
  return `{${envelope(record, types[kind], id, record.endedAt)},"data":{"record":${JSON.stringify(record)}}}`;
}

function envelope(record: UsageRecord, type: string, id: string, time: string): string {
  const attributes = {
    specversion: '1.0',
    id,
    source: `urn:weir:${record.deviceId}`,
    type,
    ...(record.subscriber === null ? {} : { subject: record.subscriber }),
    time,
    datacontenttype: 'application/json',
  };
  return JSON.stringify(attributes).slice(1, -1);
}
