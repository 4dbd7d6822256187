import type { AnchorBody } from '../chain.ts';
import { ChainWriter, type Fact } from './chain-writer.ts';
import { DeliveryState, DeliveryTable } from './delivery-table.ts';
import type { DeviceKey } from './device-key.ts';
import type { LedgerEntry } from './entry-row.ts';
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

  /** Appends to the chain; it waits for whom it is for. Only inside a transaction. */
  append(fact: Fact): LedgerEntry {
    return this.#deliver(this.chain.append(fact));
  }

  /** As well for an anchor; with `sequence` the chain goes on there. */
  appendAnchor(body: AnchorBody, fact: Omit<Fact, 'kind' | 'body'>, sequence?: number): LedgerEntry {
    return this.#deliver(this.chain.appendAnchor(body, fact, sequence));
  }

  #deliver(entry: LedgerEntry): LedgerEntry {
    const { sequence, destinations } = entry;
    const waits = { sequence, state: DeliveryState.waiting, reason: undefined };
    for (const destination of destinations) this.deliveries.add({ destination, ...waits });
    return entry;
  }

  /** Goes on above every sequence that may have been given out, and says so in the chain. */
  anchorDamage(options: {
    holes: AnchorBody['missing'];
    sequenceBelow: number;
    bootEpoch: number;
    at: number;
    destinations: readonly string[];
  }): void {
    const last = this.entries.head();
    const next = Math.max(options.sequenceBelow, (last?.sequence ?? 0) + 1);
    const tail = { from: (last?.sequence ?? 0) + 1, to: next - 1 };
    const missing = [...options.holes, ...(tail.from <= tail.to ? [tail] : [])];
    const { bootEpoch, at, destinations } = options;
    const body = { reason: 'damage', last: last ?? null, missing } as const;
    this.appendAnchor(body, { bootEpoch, at, clockTrusted: false, destinations }, next);
  }

  /** The last connection's close moves everything from the write-ahead log into the database. */
  close(): void {
    this.#db.close();
  }
}
