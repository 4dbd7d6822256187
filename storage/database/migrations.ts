import { WeirError } from '#base';
import type { Database } from './sqlite.ts';

/** "WEIR": says whose database this is. */
const applicationId = 0x57454952n;

/** Number n is at place n - 1. Never changed once released; a change is a further one. */
const migrations: readonly string[] = [
  `
  CREATE TABLE device (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    public_key TEXT NOT NULL
  ) STRICT;

  -- One row each time the daemon starts.
  CREATE TABLE run (
    run INTEGER PRIMARY KEY,
    boot_epoch INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    alive_mono_ns INTEGER NOT NULL
  ) STRICT;

  -- Open sessions: written once, at the start.
  CREATE TABLE session (
    slot INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES run (run),
    started_at INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    started_mono_ns INTEGER NOT NULL,
    facts TEXT NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT;

  -- Their counters: as narrow as can be and without a second index, for these pages are written every few seconds.
  CREATE TABLE checkpoint (
    slot INTEGER PRIMARY KEY REFERENCES session (slot),
    tx_bytes INTEGER NOT NULL,
    tx_packets INTEGER NOT NULL,
    dropped_packets INTEGER NOT NULL,
    reported_lost_packets INTEGER NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT;

  -- The chain.
  CREATE TABLE entry (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('usage', 'clock', 'anchor')),
    boot_epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    session_id TEXT CHECK ((session_id IS NOT NULL) = (kind = 'usage')),
    destinations TEXT NOT NULL,
    previous_hash BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    crc INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX entry_session ON entry (session_id) WHERE session_id IS NOT NULL;
  -- Few: what was written before the clock of a boot was known, and by how much that was wrong.
  CREATE INDEX entry_clock ON entry (boot_epoch, sequence) WHERE clock_trusted = 0 OR kind = 'clock';
  CREATE TRIGGER entry_is_final BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'entries only grow'); END;

  CREATE TABLE correction (boot_epoch INTEGER PRIMARY KEY, offset_ms INTEGER NOT NULL) STRICT;

  CREATE TABLE destination (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  -- What is not acknowledged. No reference to entry: removing old entries would search all of this for each.
  CREATE TABLE delivery (
    destination INTEGER NOT NULL REFERENCES destination (id),
    state INTEGER NOT NULL CHECK (state IN (0, 1, 2)),
    sequence INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (destination, state, sequence)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** The version this Weir reads and writes. */
export const schemaVersion = BigInt(migrations.length);

/** Brings the database to this version, each step in a transaction of its own. */
export function migrate(db: Database): void {
  const version = checkVersion(db);
  for (let number = Number(version) + 1; number <= migrations.length; number += 1) {
    db.transaction(() => {
      db.exec(migrations[number - 1] ?? '');
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${number}`);
    }).immediate();
  }
}

/** The version of the database; 0 for an empty one. Throws when it is somebody else's or newer than this Weir. */
export function checkVersion(db: Database): bigint {
  const version = db.pragma('user_version', { simple: true }) as bigint;
  const owner = db.pragma('application_id', { simple: true }) as bigint;
  if (version === 0n && owner === 0n) return version;
  if (owner !== applicationId || version > schemaVersion) {
    throw new WeirError('STORAGE_FAILED', 'the database was made by another program or a newer Weir', {
      fields: { version, newestKnown: schemaVersion },
      advice: 'start the Weir that made it, or move the database away',
    });
  }
  return version;
}
