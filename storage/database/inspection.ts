import { existsSync, statSync } from 'node:fs';
import { describeError } from '#base';
import type { DeviceIdentity } from '../face.ts';
import { fromRow } from './entry-row.ts';
import { EntryTable } from './entry-table.ts';
import type { StoreFiles } from './files.ts';
import { checkVersion } from './migrations.ts';
import { SessionTable } from './session-table.ts';
import { type Database, isCorrupt, openForReading, sqliteCode } from './sqlite.ts';

/** What is wrong with the content of the database; undefined when nothing is. Changes nothing. */
export function findDamage(path: string): string | undefined {
  // SQLite would take an empty file for a new database and throw its write-ahead log away.
  if (statSync(path).size === 0) return 'the file is empty';
  let db: Database | undefined;
  try {
    db = openForReading(path);
    const version = checkVersion(db);
    const verdict = db.pragma('quick_check(1)', { simple: true });
    if (verdict !== 'ok') return String(verdict);
    return version === 0n ? undefined : findDamagedRow(db);
  } catch (error) {
    if (isCorrupt(error) || sqliteCode(error) === 'SQLITE_ERROR') return describeError(error);
    throw error;
  } finally {
    db?.close();
  }
}

/** The first row that is not as it was written. */
function findDamagedRow(db: Database): string | undefined {
  let damaged: string | undefined;
  const sessions = new SessionTable(db).read(({ table, key }) => {
    damaged ??= `checksum of ${table} ${key}`;
  });
  for (const _ of sessions) if (damaged !== undefined) return damaged;
  const entries = new EntryTable(db);
  for (let after = 0n; damaged === undefined; ) {
    const rows = entries.rows(after, 500);
    const last = rows.at(-1);
    if (last === undefined) return undefined;
    const bad = rows.find((row) => fromRow(row) === undefined);
    if (bad !== undefined) return `checksum of entry ${bad.sequence}`;
    after = last.sequence;
  }
  return damaged;
}

/**
 * True when the last run did not close the database and yet left no write-ahead log: SQLite removes it only at a close, so
 * it was lost, and what had been committed to it.
 */
export function isLogLost(files: StoreFiles, closedCleanly: boolean): boolean {
  if (closedCleanly) return false;
  const log = `${files.database}-wal`;
  return !existsSync(log) || statSync(log).size === 0;
}

/** Whose records these are; undefined when the database does not say. */
export function deviceOf(path: string): DeviceIdentity | undefined {
  let db: Database | undefined;
  try {
    db = openForReading(path);
    if (checkVersion(db) === 0n) return undefined;
    const row = db.prepare('SELECT id, public_key FROM device').get();
    if (row === undefined) return undefined;
    const { id, public_key: publicKey } = row as { id: string; public_key: string };
    return { id, publicKey };
  } catch (error) {
    if (isCorrupt(error) || sqliteCode(error) === 'SQLITE_ERROR') return undefined;
    throw error;
  } finally {
    db?.close();
  }
}
