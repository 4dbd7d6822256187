/** What the storm holds against each other. Nothing in here asks the product but for its export. */
import type { UsageRecord } from '../../src/billing/index.ts';
import type { AccountingRow } from '../lab/upload/freeradius.ts';
import type { StormSession } from './viewers-options.ts';

/** A record as somebody got it. */
export interface Note {
  readonly record: UsageRecord;
  readonly chain: { readonly sequence: number; readonly hash: string };
  /** Whether it said so: then it is not to be lost. */
  readonly answered: boolean;
}

/** A record of the ledger, as the export has it. */
export interface LedgerRecord {
  readonly record: UsageRecord;
  readonly sequence: number;
  readonly hash: string;
}

export interface GapLimit {
  /** Of a session that was cut off so much of its last media may be missing. */
  readonly gapMs: number;
}

const most = 5;

/** The first few, and how many there are. */
export function summary(violations: readonly string[]): string {
  const more = violations.length > most ? [`and ${violations.length - most} more`] : [];
  return [...violations.slice(0, most), ...more].join('\n');
}

const text = (record: UsageRecord): string => JSON.stringify(record);
export const viewerOf = ({ viewer }: UsageRecord): string => `${viewer.address} ${viewer.port}`;

/** No two records with one id, of one session, or of one viewer: each viewer of the storm had one session. */
export function doubled(ledger: readonly LedgerRecord[]): readonly string[] {
  const keys = [
    ['record', ({ recordId }: UsageRecord) => recordId],
    ['session', ({ sessionId }: UsageRecord) => sessionId],
    ['viewer', viewerOf],
  ] as const;
  return keys.flatMap(([what, keyOf]) => {
    const seen = new Set<string>();
    return ledger.flatMap(({ record, sequence }) => {
      const key = keyOf(record);
      if (seen.has(key)) return [`${what} ${key} is twice in the ledger, again at ${sequence}`];
      seen.add(key);
      return [];
    });
  });
}

/** What somebody got is in the ledger, to the letter, wherever he was told so or not. */
export function unknownOrChanged(
  who: string,
  notes: readonly Note[],
  ledger: readonly LedgerRecord[],
): readonly string[] {
  const known = new Map(ledger.map((one) => [one.record.recordId, one]));
  return notes.flatMap(({ record, chain, answered }) => {
    const { recordId } = record;
    const stored = known.get(recordId);
    if (!stored) {
      return [`${who} ${answered ? 'acknowledged' : 'was sent'} ${recordId}, which is not in the ledger`];
    }
    if (text(stored.record) !== text(record)) return [`${who} got ${recordId} with another body`];
    const sameLink = stored.sequence === chain.sequence && stored.hash === chain.hash;
    return sameLink ? [] : [`${who} got ${recordId} with another place in the chain`];
  });
}

/** Whom every record has reached in the end. */
export function neverTold(
  who: string,
  notes: readonly Note[],
  ledger: readonly LedgerRecord[],
): readonly string[] {
  const told = new Set(notes.filter(({ answered }) => answered).map(({ record }) => record.recordId));
  return ledger
    .filter(({ record }) => !told.has(record.recordId))
    .map(({ record, sequence }) => `${who} never got ${record.recordId}, entry ${sequence}`);
}

/** A viewer that saw media has a record. */
export function unrecorded(
  sessions: readonly StormSession[],
  ledger: readonly LedgerRecord[],
): readonly string[] {
  const recorded = new Set(ledger.map(({ record }) => viewerOf(record)));
  return sessions
    .filter(({ viewer }) => !recorded.has(viewer))
    .map(({ viewer, end, packets }) => `${viewer} got ${packets} packets (${end}) and has no record`);
}

/** Each record has what its viewer got: to the byte, or, when it was cut off, not more and not much less. */
export function misbilled(
  sessions: readonly StormSession[],
  ledger: readonly LedgerRecord[],
  { gapMs }: GapLimit,
): readonly string[] {
  const bySession = new Map(sessions.map((session) => [session.viewer, session]));
  return ledger.flatMap(({ record }) => {
    const viewer = viewerOf(record);
    const session = bySession.get(viewer);
    if (!session) return [];
    const { viewerTxBytes, viewerTxPackets, recovered, terminateCause } = record;
    const [bytes, packets] = [Number(viewerTxBytes), Number(viewerTxPackets)];
    const both = `${viewer} by ${session.transport}, ${session.end}, ${terminateCause}: billed ${bytes} bytes in ${packets} packets, got ${session.bytes} in ${session.packets}`;
    if (bytes > session.bytes || packets > session.packets) return [`${both}: too much`];
    if (recovered) {
      const gap = meteringGapMs(session, bytes);
      if (terminateCause !== 'nas-error') return [`${both}: recovered, but not nas-error`];
      return gap > gapMs ? [`${both}: ${gap} ms of its media are missing`] : [];
    }
    return bytes < session.bytes || packets < session.packets ? [`${both}: too little`] : [];
  });
}

/** From the first media that is not billed to the last that came, milliseconds; 0: all is billed. */
export function meteringGapMs(
  { bytes, lately, lastMediaAt }: Pick<StormSession, 'bytes' | 'lately' | 'lastMediaAt'>,
  billedBytes: number,
): number {
  if (billedBytes >= bytes) return 0;
  const [at = lastMediaAt] = lately.find(([, sofar]) => sofar > billedBytes) ?? [];
  return lastMediaAt - at;
}

/** A record of somebody who got nothing has nothing in it; of somebody nobody knows, there is none with media. */
export function billedForNothing(
  sessions: readonly StormSession[],
  ledger: readonly LedgerRecord[],
): readonly string[] {
  const seen = new Set(sessions.map(({ viewer }) => viewer));
  return ledger
    .filter(({ record }) => !seen.has(viewerOf(record)) && record.viewerTxPackets !== '0')
    .map(({ record }) => `${viewerOf(record)} got nothing and is billed ${record.viewerTxPackets} packets`);
}

/** A row for each record and no other, with what the record has. */
export function accountedOtherwise(
  rows: readonly AccountingRow[],
  ledger: readonly LedgerRecord[],
): readonly string[] {
  const bySession = new Map<string, AccountingRow[]>();
  for (const row of rows) {
    bySession.set(row.acctsessionid, [...(bySession.get(row.acctsessionid) ?? []), row]);
  }
  const wrong = ledger.flatMap(({ record }) => {
    const { sessionId, viewerTxBytes, durationMs } = record;
    const mine = bySession.get(sessionId) ?? [];
    bySession.delete(sessionId);
    const [row] = mine;
    if (!row || mine.length > 1) return [`RADIUS has ${mine.length} rows for ${sessionId}`];
    const [octets, seconds] = [Number(row.acctoutputoctets), Number(row.acctsessiontime)];
    if (octets !== Number(viewerTxBytes)) {
      return [`RADIUS has ${octets} octets for ${sessionId}, its record ${viewerTxBytes}`];
    }
    return Math.abs(seconds * 1000 - durationMs) <= 1000
      ? []
      : [`RADIUS has ${seconds} s for ${sessionId}, its record ${durationMs} ms`];
  });
  return [...wrong, ...[...bySession.keys()].map((id) => `RADIUS has a row for ${id}, which has no record`)];
}
