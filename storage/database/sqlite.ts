import { chmodSync, existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

export type Database = Sqlite.Database;
export type Statement = Sqlite.Statement<unknown[], unknown>;

/** How long another connection's lock is waited for. */
const busyTimeoutMs = 2_000;

/**
 * `synchronous` is the one that matters most: a WAL database is re-opened with NORMAL, and then a commit is not on the disk
 * when it says so. Each is set at every open and read back.
 */
const pragmas: ReadonlyArray<readonly [name: string, set: string, reads: string | bigint]> = [
  ['journal_mode', 'WAL', 'wal'],
  ['synchronous', 'FULL', 2n],
  ['wal_autocheckpoint', '1000', 1000n],
  ['foreign_keys', 'ON', 1n],
  ['trusted_schema', 'OFF', 0n],
  ['temp_store', 'MEMORY', 2n],
  ['mmap_size', '0', 0n],
];

/** For reading beside the writer: nothing of it changes the files. */
const readerPragmas = pragmas.filter(([name]) =>
  ['trusted_schema', 'temp_store', 'mmap_size'].includes(name),
);

/** Opens or makes a database that keeps what it has committed through a power cut. Nobody else may read it. */
export function openForWriting(path: string): Database {
  const isNew = !existsSync(path);
  const db = new Sqlite(path, { timeout: busyTimeoutMs });
  // The write-ahead log gets the rights of the database.
  if (isNew) chmodSync(path, 0o600);
  return configure(db, pragmas);
}

/**
 * Undoes what was interrupted while the database was made: it had no write-ahead log yet, but a rollback journal. Who
 * opens it for reading is refused until that is done.
 */
export function undoInterrupted(path: string): void {
  if (!existsSync(`${path}-journal`) || !existsSync(path)) return;
  const db = new Sqlite(path, { timeout: busyTimeoutMs });
  try {
    // Any read does it.
    db.pragma('schema_version');
  } catch (error) {
    if (!isCorrupt(error)) throw error;
  } finally {
    db.close();
  }
}

/** Opens what is there, beside its writer or without it. Closing leaves the write-ahead log as it is. */
export function openForReading(path: string): Database {
  return configure(
    new Sqlite(path, { timeout: busyTimeoutMs, readonly: true, fileMustExist: true }),
    readerPragmas,
  );
}

/**
 * Takes the lock at `path` until the returned database is closed or the process dies; undefined when another holds it.
 * The transaction never writes, so it needs no space.
 */
export function takeLock(path: string): Database | undefined {
  const db = new Sqlite(path, { timeout: 0 });
  try {
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    if (sqliteCode(error)?.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
}

function configure(db: Database, wanted: typeof pragmas): Database {
  try {
    db.defaultSafeIntegers(true);
    for (const [name, set, reads] of wanted) {
      db.pragma(`${name} = ${set}`);
      const is: unknown = db.pragma(name, { simple: true });
      // A build without memory mapping has nothing to read back.
      if (is !== reads && is !== undefined) throw new Error(`pragma ${name} is ${is}, wanted ${reads}`);
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** SQLite's extended result code; undefined when the error is not SQLite's. */
export const sqliteCode = (error: unknown): string | undefined =>
  error instanceof Sqlite.SqliteError ? error.code : undefined;

/** The content, not the disk, is what is wrong. */
export const isCorrupt = (error: unknown): boolean =>
  /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error) ?? '');
