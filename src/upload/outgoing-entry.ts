import type { ClockCorrection, StoredEntry } from '#storage';
import type { UsageRecord } from '../billing/index.ts';

/** When the session was, by the best clock there is: the record's own, corrected where that boot's clock was wrong. */
export interface UsageTimes {
  /** RFC 3339. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** Added to the record's times; undefined: nothing is known to be wrong with them. */
  readonly correctedByMs: number | undefined;
}

/** A record on its way out: as signed, and read. */
export interface UsageEntry extends StoredEntry {
  readonly record: UsageRecord;
  readonly times: UsageTimes;
}

/** Reads an entry of kind `usage`. Its checksum held: what was signed as a record is one. */
export function usageEntry(entry: StoredEntry, corrections: readonly ClockCorrection[]): UsageEntry {
  const record = JSON.parse(entry.body) as UsageRecord;
  const correction = record.clockTrusted
    ? undefined
    : corrections.find(({ bootEpoch }) => bootEpoch === entry.bootEpoch);
  const correctedByMs = correction?.offsetMs;
  const corrected = (told: string) => new Date(Date.parse(told) + (correctedByMs ?? 0)).toISOString();
  const times = { startedAt: corrected(record.startedAt), endedAt: corrected(record.endedAt), correctedByMs };
  return { ...entry, record, times };
}

/**
 * A record for others, JSON: to the byte as it was signed, beside its place in the chain, and its times where they are
 * known to be wrong in it.
 */
export function signedRecord(entry: UsageEntry): string {
  const { body, sequence, kind, previousHash, hash, signature, times } = entry;
  const chain = JSON.stringify({ sequence, kind, previousHash, hash, signature });
  const corrected = times.correctedByMs === undefined ? '' : `,"times":${JSON.stringify(times)}`;
  return `{"record":${body},"chain":${chain}${corrected}}`;
}
