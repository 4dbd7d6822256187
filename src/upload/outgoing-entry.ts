import type { ClockCorrection, StoredEntry } from '#storage';
import type { UsageRecord } from '../billing/index.ts';

/** When the session was, by the best clock there is: the record's own, corrected where that boot's clock was wrong. */
export interface UsageTimes {
  /** RFC 3339. */
  readonly startedAt: string;
  readonly endedAt: string;
  /** Added to the record's times; undefined: nothing is known to be wrong with them. */
  readonly correctedByMs: number | undefined;
  /** Whether they are right: the clock was synchronised, or the error is known. */
  readonly known: boolean;
}

/** A record on its way out: as signed, and read. */
export interface UsageEntry extends StoredEntry {
  readonly kind: 'usage';
  readonly record: UsageRecord;
  readonly times: UsageTimes;
}

/**
 * What the chain says beside records, on its way out: `clock`, by how much the times of a boot are wrong, also of records
 * that went out before it was known; `anchor`, which numbers are no more, and why.
 */
export interface ChainNote extends StoredEntry {
  readonly kind: 'clock' | 'anchor';
}

export type OutgoingEntry = UsageEntry | ChainNote;

/** Reads an entry. Its checksum held: what was signed as a record is one. */
export function outgoingEntry(entry: StoredEntry, corrections: readonly ClockCorrection[]): OutgoingEntry {
  const { kind } = entry;
  return kind === 'usage' ? usageEntry(entry, corrections) : { ...entry, kind };
}

/** As well, of one that is known to be a record. */
export function usageEntry(entry: StoredEntry, corrections: readonly ClockCorrection[]): UsageEntry {
  const record = JSON.parse(entry.body) as UsageRecord;
  const correction = record.clockTrusted
    ? undefined
    : corrections.find(({ bootEpoch }) => bootEpoch === entry.bootEpoch);
  const correctedByMs = correction?.offsetMs;
  const corrected = (told: string) => new Date(Date.parse(told) + (correctedByMs ?? 0)).toISOString();
  const times = {
    startedAt: corrected(record.startedAt),
    endedAt: corrected(record.endedAt),
    correctedByMs,
    known: record.clockTrusted || correction !== undefined,
  };
  return { ...entry, kind: 'usage', record, times };
}

/** Where an entry's text stands in what others get. */
const textName = { usage: 'record', clock: 'clock', anchor: 'anchor' } as const;

/**
 * An entry for others, JSON: to the byte as it was signed, beside its place in the chain, and a record's times where they
 * are known to be wrong in it.
 */
export function signedEntry(entry: OutgoingEntry): string {
  const { body, sequence, kind, previousHash, hash, signature } = entry;
  const chain = JSON.stringify({ sequence, kind, previousHash, hash, signature });
  return `{"${textName[kind]}":${body},"chain":${chain}${correctedTimes(entry)}}`;
}

function correctedTimes(entry: OutgoingEntry): string {
  if (entry.kind !== 'usage' || entry.times.correctedByMs === undefined) return '';
  const { startedAt, endedAt, correctedByMs } = entry.times;
  return `,"times":${JSON.stringify({ startedAt, endedAt, correctedByMs })}`;
}
