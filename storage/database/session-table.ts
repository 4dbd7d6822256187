import { WeirError } from '#base';
import type { CounterSample, SessionCounters } from '../face.ts';
import { integer } from './bind.ts';
import { rowCheck } from './row-check.ts';
import type { Database, Statement } from './sqlite.ts';

/** A start row as it is stored: the facts are text already. */
export interface SessionFacts {
  readonly sessionId: string;
  readonly startedAt: number;
  readonly clockTrusted: boolean;
  readonly startedMonoNs: bigint;
  readonly facts: string;
}

export interface OpenSession extends SessionFacts {
  readonly slot: bigint;
  readonly run: bigint;
  /** Undefined when no checkpoint was made, or its row is damaged. */
  readonly counters: SessionCounters | undefined;
}

/** A stored row whose checksum is wrong. */
export interface DamagedRow {
  readonly table: 'session' | 'checkpoint' | 'entry';
  readonly key: bigint;
}

interface SessionRow {
  slot: bigint;
  session_id: string;
  run: bigint;
  started_at: bigint;
  clock_trusted: bigint;
  started_mono_ns: bigint;
  facts: string;
  crc: bigint;
}

interface CheckpointRow {
  slot: bigint;
  tx_bytes: bigint;
  tx_packets: bigint;
  dropped_packets: bigint;
  reported_lost_packets: bigint;
  crc: bigint;
}

/** Open sessions and their counters. The lowest free slot is taken, so that few pages are written again and again. */
export class SessionTable {
  readonly #insert: Statement;
  readonly #remove: Statement;
  readonly #write: Statement;
  readonly #removeCounters: Statement;
  readonly #rows: Statement;
  readonly #counters: Statement;
  readonly #open = new Map<string, OpenSession>();
  /** Free slots below `#slots`, descending: the lowest is the last. */
  readonly #free: bigint[] = [];
  /** One above the highest slot ever in use. */
  #slots = 0n;
  readonly #undo: Array<() => void> = [];

  constructor(db: Database) {
    this.#insert = db.prepare('INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#remove = db.prepare('DELETE FROM session WHERE slot = ?');
    this.#write = db.prepare(
      `INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (slot) DO UPDATE SET
         tx_bytes = excluded.tx_bytes, tx_packets = excluded.tx_packets, dropped_packets = excluded.dropped_packets,
         reported_lost_packets = excluded.reported_lost_packets, crc = excluded.crc`,
    );
    this.#removeCounters = db.prepare('DELETE FROM checkpoint WHERE slot = ?');
    this.#rows = db.prepare('SELECT * FROM session WHERE slot > ? ORDER BY slot LIMIT ?');
    this.#counters = db.prepare('SELECT * FROM checkpoint WHERE slot = ?');
  }

  /** Takes into memory what the table holds. Damaged rows are not among it. */
  load(): this {
    for (const session of this.read()) this.#occupy(session);
    this.keep();
    return this;
  }

  get open(): ReadonlyMap<string, OpenSession> {
    return this.#open;
  }

  /** What was done is committed. */
  keep(): void {
    this.#undo.length = 0;
  }

  /** What was done since the last commit is not there; without asking a disk that may have failed. */
  undo(): void {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) step();
  }

  start(session: SessionFacts, run: bigint): void {
    if (this.#open.has(session.sessionId)) {
      throw new WeirError('STORAGE_BAD_ARGUMENT', 'this session is open already', {
        fields: { sessionId: session.sessionId },
      });
    }
    this.insert({ ...session, slot: this.#free.at(-1) ?? this.#slots, run, counters: undefined });
  }

  /** Writes a session into the slot it says. */
  insert(session: OpenSession): void {
    const { slot, run } = session;
    const columns = sessionColumns(session);
    this.#insert.run(
      slot,
      session.sessionId,
      run,
      ...columns,
      rowCheck(slot, session.sessionId, run, ...columns),
    );
    if (session.counters !== undefined) this.#writeCounters(slot, session.counters);
    this.#occupy(session);
    this.#undo.push(() => this.#vacate(session));
  }

  /** The counters of a session that is open; nothing is written when they did not move. */
  checkpoint({ sessionId, ...counters }: CounterSample): void {
    const session = this.#open.get(sessionId);
    if (session === undefined || (session.counters !== undefined && isSame(session.counters, counters)))
      return;
    this.#writeCounters(session.slot, counters);
    this.#open.set(sessionId, { ...session, counters });
    this.#undo.push(() => this.#open.set(sessionId, session));
  }

  /** The session has ended: its slot is free. Returns what was known of it. */
  end(sessionId: string): OpenSession | undefined {
    const session = this.#open.get(sessionId);
    if (session === undefined) return undefined;
    this.#removeCounters.run(session.slot);
    this.#remove.run(session.slot);
    this.#vacate(session);
    this.#undo.push(() => this.#occupy(session));
    return session;
  }

  /** Every row that is as it was written; the others are told. */
  *read(damaged: (row: DamagedRow) => void = () => {}): Generator<OpenSession> {
    const page = 200;
    for (let after = -1n; ; ) {
      const rows = this.#rows.all(after, page) as SessionRow[];
      for (const row of rows) {
        const session = this.#parse(row, damaged);
        if (session !== undefined) yield session;
        after = row.slot;
      }
      if (rows.length < page) return;
    }
  }

  /** The row of one slot, where the others can no longer be walked through. */
  at(slot: bigint, damaged: (row: DamagedRow) => void): OpenSession | undefined {
    const [row] = this.#rows.all(slot - 1n, 1) as SessionRow[];
    return row?.slot === slot ? this.#parse(row, damaged) : undefined;
  }

  #occupy(session: OpenSession): void {
    for (; this.#slots <= session.slot; this.#slots += 1n) this.#free.unshift(this.#slots);
    const place = this.#free.lastIndexOf(session.slot);
    if (place !== -1) this.#free.splice(place, 1);
    this.#open.set(session.sessionId, session);
  }

  #vacate(session: OpenSession): void {
    this.#open.delete(session.sessionId);
    const place = this.#free.findLastIndex((slot) => slot > session.slot);
    this.#free.splice(place + 1, 0, session.slot);
  }

  #parse(row: SessionRow, damaged: (row: DamagedRow) => void): OpenSession | undefined {
    const columns = [row.started_at, row.clock_trusted, row.started_mono_ns, row.facts];
    if (rowCheck(row.slot, row.session_id, row.run, ...columns) !== row.crc) {
      damaged({ table: 'session', key: row.slot });
      return undefined;
    }
    return {
      slot: row.slot,
      run: row.run,
      sessionId: row.session_id,
      startedAt: Number(row.started_at),
      clockTrusted: row.clock_trusted === 1n,
      startedMonoNs: row.started_mono_ns,
      facts: row.facts,
      counters: this.#readCounters(row.slot, damaged),
    };
  }

  #readCounters(slot: bigint, damaged: (row: DamagedRow) => void): SessionCounters | undefined {
    const row = this.#counters.get(slot) as CheckpointRow | undefined;
    if (row === undefined) return undefined;
    const counters = {
      txBytes: row.tx_bytes,
      txPackets: row.tx_packets,
      droppedPackets: row.dropped_packets,
      reportedLostPackets: row.reported_lost_packets,
    };
    if (rowCheck(slot, ...counterColumns(counters)) === row.crc) return counters;
    damaged({ table: 'checkpoint', key: slot });
    return undefined;
  }

  #writeCounters(slot: bigint, counters: SessionCounters): void {
    const columns = counterColumns(counters);
    this.#write.run(slot, ...columns, rowCheck(slot, ...columns));
  }
}

const sessionColumns = (session: SessionFacts): readonly [bigint, bigint, bigint, string] => [
  integer('startedAt', session.startedAt),
  session.clockTrusted ? 1n : 0n,
  session.startedMonoNs,
  session.facts,
];

const counterColumns = (counters: SessionCounters): readonly bigint[] => [
  counters.txBytes,
  counters.txPackets,
  counters.droppedPackets,
  counters.reportedLostPackets,
];

const isSame = (a: SessionCounters, b: SessionCounters): boolean =>
  a.txBytes === b.txBytes &&
  a.txPackets === b.txPackets &&
  a.droppedPackets === b.droppedPackets &&
  a.reportedLostPackets === b.reportedLostPackets;
