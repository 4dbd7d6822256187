import type { EntryKind, StoredEntry } from '../face.ts';
import { rowCheck } from './row-check.ts';

/** An entry with what is kept beside it for the store itself. */
export interface LedgerEntry extends StoredEntry {
  /** Undefined for what is no session's record. */
  readonly sessionId: string | undefined;
  /** For whom it was written. The outbox forgets who has it; this does not. */
  readonly destinations: readonly string[];
}

export interface EntryRow {
  sequence: bigint;
  kind: string;
  boot_epoch: bigint;
  at: bigint;
  clock_trusted: bigint;
  session_id: string | null;
  destinations: string;
  previous_hash: Uint8Array;
  hash: Uint8Array;
  signature: Uint8Array;
  crc: bigint;
  body: string;
}

export function toRow(entry: LedgerEntry): EntryRow {
  const row = {
    sequence: BigInt(entry.sequence),
    kind: entry.kind,
    boot_epoch: BigInt(entry.bootEpoch),
    at: BigInt(entry.at),
    clock_trusted: entry.clockTrusted ? 1n : 0n,
    session_id: entry.sessionId ?? null,
    destinations: JSON.stringify(entry.destinations),
    previous_hash: Buffer.from(entry.previousHash, 'hex'),
    hash: Buffer.from(entry.hash, 'hex'),
    signature: Buffer.from(entry.signature, 'base64url'),
    body: entry.body,
  };
  return { ...row, crc: checkOf(row) };
}

/** Undefined when the row is not as it was written. */
export function fromRow(row: EntryRow): LedgerEntry | undefined {
  if (checkOf(row) !== row.crc) return undefined;
  return {
    sequence: Number(row.sequence),
    kind: row.kind as EntryKind,
    body: row.body,
    previousHash: Buffer.from(row.previous_hash).toString('hex'),
    hash: Buffer.from(row.hash).toString('hex'),
    signature: Buffer.from(row.signature).toString('base64url'),
    bootEpoch: Number(row.boot_epoch),
    at: Number(row.at),
    clockTrusted: row.clock_trusted === 1n,
    sessionId: row.session_id ?? undefined,
    destinations: JSON.parse(row.destinations),
  };
}

/** What leaves the store. */
export const toStored = ({ sessionId: _, destinations: __, ...stored }: LedgerEntry): StoredEntry => stored;

const checkOf = (row: Omit<EntryRow, 'crc'>): bigint =>
  rowCheck(
    row.sequence,
    row.kind,
    row.boot_epoch,
    row.at,
    row.clock_trusted,
    row.session_id,
    row.destinations,
    row.previous_hash,
    row.hash,
    row.signature,
    row.body,
  );
