import type { Database, Statement } from './sqlite.ts';

export interface Run {
  readonly run: bigint;
  readonly bootEpoch: number;
  readonly bootId: string;
  /** The last moment it is known to have lived, by its boot's monotonic clock. */
  readonly aliveMonoNs: bigint;
}

/** The starts of the daemon: what became of its sessions is told by the run that opened them. */
export class RunTable {
  readonly #insert: Statement;
  readonly #all: Statement;
  readonly #one: Statement;
  readonly #alive: Statement;
  readonly #forget: Statement;
  readonly #restore: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare(
      'INSERT INTO run (boot_epoch, boot_id, alive_mono_ns) VALUES (?, ?, 0) RETURNING run',
    );
    this.#all = db.prepare('SELECT * FROM run ORDER BY run');
    this.#one = db.prepare('SELECT * FROM run WHERE run = ?');
    this.#alive = db.prepare('UPDATE run SET alive_mono_ns = ? WHERE run = ?');
    this.#forget = db.prepare('DELETE FROM run WHERE run <> ? AND run NOT IN (SELECT run FROM session)');
    this.#restore = db.prepare('INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?)');
  }

  all(): readonly Run[] {
    return (this.#all.all() as RunRow[]).map(fromRow);
  }

  of(run: bigint): Run | undefined {
    const row = this.#one.get(run);
    return row === undefined ? undefined : fromRow(row as RunRow);
  }

  newest(): Run | undefined {
    return this.all().at(-1);
  }

  /** A new run, and those before it without open sessions are forgotten. */
  begin(bootEpoch: number, bootId: string): bigint {
    const { run } = this.#insert.get(BigInt(bootEpoch), bootId) as { run: bigint };
    this.#forget.run(run);
    return run;
  }

  /** A run known from elsewhere, unless it is here. */
  restore(run: Run): void {
    this.#restore.run(run.run, BigInt(run.bootEpoch), run.bootId, run.aliveMonoNs);
  }

  alive(run: bigint, monoNs: bigint): void {
    this.#alive.run(monoNs, run);
  }
}

interface RunRow {
  run: bigint;
  boot_epoch: bigint;
  boot_id: string;
  alive_mono_ns: bigint;
}

const fromRow = (row: RunRow): Run => ({
  run: row.run,
  bootEpoch: Number(row.boot_epoch),
  bootId: row.boot_id,
  aliveMonoNs: row.alive_mono_ns,
});
