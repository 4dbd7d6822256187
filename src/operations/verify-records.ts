import { createPublicKey, type KeyObject } from 'node:crypto';
import { WeirError } from '#base';
import { type ChainEntry, type ChainReport, entryKinds, verifyChain } from '#storage';
import type { ExportHeader } from './records.ts';

/** What the proof of an export came to. */
export interface Verification extends ChainReport {
  readonly deviceId: string;
  /**
   * `given`: the key came from elsewhere, so the export is this box's own. `export`: it came from the export itself,
   * which then only proves that nothing was changed since somebody signed it.
   */
  readonly keyFrom: 'given' | 'export';
}

/**
 * Proves an export: the lines of `weir records --json`. A missing, changed or reordered entry is named.
 *
 * @throws {WeirError} EXPORT_UNREADABLE when it is no export, or the key is none.
 */
export async function verifyRecords(
  lines: AsyncIterable<string>,
  givenKey: string | undefined,
): Promise<Verification> {
  const reading = lines[Symbol.asyncIterator]();
  const first = await reading.next();
  const header = parseHeader(first.done ? '' : first.value);
  const key = parseKey(givenKey ?? header.publicKey);
  const report = await verifyChain(entriesOf(reading), key);
  return { ...report, deviceId: header.deviceId, keyFrom: givenKey === undefined ? 'export' : 'given' };
}

async function* entriesOf(reading: AsyncIterator<string>): AsyncGenerator<ChainEntry> {
  let line = 1;
  for (let next = await reading.next(); !next.done; next = await reading.next()) {
    line += 1;
    if (next.value.trim() !== '') yield parseEntry(next.value, line);
  }
}

function parseHeader(text: string): Pick<ExportHeader, 'deviceId' | 'publicKey'> {
  const { deviceId, publicKey } = parseObject(text, 1);
  if (typeof deviceId !== 'string' || typeof publicKey !== 'string') throw unreadable(1, 'no export header');
  return { deviceId, publicKey };
}

function parseEntry(text: string, line: number): ChainEntry {
  const { sequence, kind, body, previousHash, hash, signature } = parseObject(text, line);
  const known = entryKinds.find((one) => one === kind);
  if (
    typeof sequence !== 'number' ||
    known === undefined ||
    typeof body !== 'string' ||
    typeof previousHash !== 'string' ||
    typeof hash !== 'string' ||
    typeof signature !== 'string'
  ) {
    throw unreadable(line, 'no entry of an export');
  }
  return { sequence, kind: known, body, previousHash, hash, signature };
}

function parseObject(text: string, line: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Named below, like JSON that is no object.
  }
  throw unreadable(line, 'no JSON object');
}

function parseKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(pem);
  } catch {
    // Named below, like a key of another kind.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new WeirError('EXPORT_UNREADABLE', 'the public key is no Ed25519 key in PEM', {
    advice: 'give the key of the box with --key',
  });
}

const unreadable = (line: number, what: string): WeirError =>
  new WeirError('EXPORT_UNREADABLE', `line ${line}: ${what}`, {
    fields: { line },
    advice: 'give a file that `weir records --json` wrote',
  });
