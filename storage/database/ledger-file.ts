import type { AnchorBody } from '../chain.ts';
import { ChainWriter } from './chain-writer.ts';
import { DeliveryTable } from './delivery-table.ts';
import type { DeviceKey } from './device-key.ts';
import { EntryTable } from './entry-table.ts';
import { migrate } from './migrations.ts';
import { type Run, RunTable } from './run-table.ts';
import { type OpenSession, SessionTable } from './session-table.ts';
import { type Database, openForWriting } from './sqlite.ts';

/** A database open for writing: its tables, its chain. */
export class LedgerFile {
  readonly sessions: SessionTable;
  readonly entries: EntryTable;
  readonly deliveries: DeliveryTable;
  readonly runs: RunTable;
  readonly chain: ChainWriter;
  readonly #db: Database;

  /** Makes the database when it is not there. `reserve` is called before a sequence is given out. */
  static open(path: string, key: DeviceKey, reserve: (sequence: number) => void): LedgerFile {
    const db = openForWriting(path);
    try {
      migrate(db);
      return new LedgerFile(db, key, reserve);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  private constructor(db: Database, key: DeviceKey, reserve: (sequence: number) => void) {
    this.#db = db;
    this.sessions = new SessionTable(db).load();
    this.entries = new EntryTable(db);
    this.deliveries = new DeliveryTable(db);
    this.runs = new RunTable(db);
    this.chain = new ChainWriter(this.entries, key, reserve);
    db.prepare('INSERT OR IGNORE INTO device VALUES (1, ?, ?)').run(key.id, key.publicKey);
  }

  /** All of `work` or nothing of it, in memory as in the file; on the disk when this returns. */
  transaction<T>(work: () => T): T {
    try {
      const result = this.#db.transaction(work).immediate();
      this.sessions.keep();
      this.chain.keep();
      return result;
    } catch (error) {
      this.sessions.undo();
      this.chain.undo();
      throw error;
    }
  }

  /** Opens a session again that this database does not know: it was lost with the one before. */
  adopt(session: OpenSession, run: Run): void {
    this.runs.restore(run);
    this.sessions.start(session, session.run);
    if (session.counters !== undefined) {
      this.sessions.checkpoint({ sessionId: session.sessionId, ...session.counters });
    }
  }

  /** Goes on above every sequence that may have been given out, and says so in the chain. */
  anchorDamage(options: {
    holes: AnchorBody['missing'];
    sequenceBelow: number;
    bootEpoch: number;
    at: number;
  }): void {
    const last = this.entries.head();
    const next = Math.max(options.sequenceBelow, (last?.sequence ?? 0) + 1);
    const tail = { from: (last?.sequence ?? 0) + 1, to: next - 1 };
    const missing = [...options.holes, ...(tail.from <= tail.to ? [tail] : [])];
    const { bootEpoch, at } = options;
    const body = { reason: 'damage', last: last ?? null, missing } as const;
    this.chain.appendAnchor(body, { bootEpoch, at, clockTrusted: false }, next);
  }

  /** The last connection's close moves everything from the write-ahead log into the database. */
  close(): void {
    this.#db.close();
  }
}
