import type { DestinationSummary, EntryPage, Settlement } from '../face.ts';
import type { EntryRow } from './entry-row.ts';
import { pageLimit, toPage } from './entry-table.ts';
import type { Database, Statement } from './sqlite.ts';

/** As stored. A delivery that was acknowledged has no row. */
export const DeliveryState = { waiting: 0n, unconfirmed: 1n, quarantined: 2n } as const;
export type DeliveryState = (typeof DeliveryState)[keyof typeof DeliveryState];

export interface Delivery {
  readonly destination: string;
  readonly sequence: number;
  readonly state: DeliveryState;
  readonly reason: string | undefined;
}

/** Deliveries not acknowledged, in sequence order for each destination and state. */
export class DeliveryTable {
  readonly #addName: Statement;
  readonly #idOf: Statement;
  readonly #names: Statement;
  readonly #add: Statement;
  readonly #take: Statement;
  readonly #put: Statement;
  readonly #page: Statement;
  readonly #count: Statement;
  readonly #oldest: Statement;
  readonly #newestReason: Statement;
  readonly #release: Statement;
  readonly #drop: Statement;
  readonly #first: Statement;
  readonly #removeTo: Statement;
  readonly #rows: Statement;

  constructor(db: Database) {
    this.#addName = db.prepare('INSERT INTO destination (name) VALUES (?) RETURNING id');
    this.#idOf = db.prepare('SELECT id FROM destination WHERE name = ?');
    this.#names = db.prepare('SELECT id, name FROM destination ORDER BY name');
    this.#add = db.prepare('INSERT INTO delivery VALUES (?, ?, ?, ?)');
    this.#take = db.prepare('DELETE FROM delivery WHERE destination = ? AND state = ? AND sequence = ?');
    this.#put = db.prepare('INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?)');
    this.#page = db.prepare(
      `SELECT entry.* FROM delivery CROSS JOIN entry USING (sequence)
       WHERE destination = ? AND state = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
    );
    this.#count = db.prepare(
      'SELECT state, count(*) AS count FROM delivery WHERE destination = ? GROUP BY state',
    );
    this.#oldest = db.prepare(
      `SELECT at FROM entry WHERE sequence =
         (SELECT min(sequence) FROM delivery WHERE destination = ? AND state = ${DeliveryState.waiting})`,
    );
    this.#newestReason = db.prepare(
      'SELECT reason FROM delivery WHERE destination = ? AND state = ? ORDER BY sequence DESC LIMIT 1',
    );
    this.#release = db.prepare(
      'UPDATE delivery SET state = ?, reason = NULL WHERE destination = ? AND state = ?',
    );
    this.#drop = db.prepare('DELETE FROM delivery WHERE destination = ?');
    this.#first = db.prepare(
      'SELECT min(sequence) AS sequence FROM delivery WHERE destination = ? AND state = ?',
    );
    this.#removeTo = db.prepare('DELETE FROM delivery WHERE destination = ? AND state = ? AND sequence <= ?');
    this.#rows = db.prepare(
      'SELECT sequence, reason FROM delivery WHERE destination = ? AND state = ? AND sequence > ? LIMIT 500',
    );
  }

  add({ destination, sequence, state, reason }: Delivery): void {
    this.#add.run(this.#id(destination), state, BigInt(sequence), reason ?? null);
  }

  /** Passed over when it does not wait any more: told twice is told once. */
  settle(destination: string, { sequence, outcome, reason }: Settlement): void {
    const id = this.#knownId(destination);
    if (id === undefined) return;
    const { changes } = this.#take.run(id, DeliveryState.waiting, BigInt(sequence));
    if (changes === 0 || outcome === 'acknowledged') return;
    this.#put.run(id, DeliveryState[outcome], BigInt(sequence), reason ?? null);
  }

  page(destination: string, state: DeliveryState, query: { after?: number; limit?: number }): EntryPage {
    const limit = pageLimit(query.limit);
    const id = this.#knownId(destination);
    const rows = id === undefined ? [] : this.#page.all(id, state, BigInt(query.after ?? 0), BigInt(limit));
    return toPage(rows as EntryRow[], limit);
  }

  requeue(destination: string): number {
    const id = this.#knownId(destination);
    if (id === undefined) return 0;
    return this.#release.run(DeliveryState.waiting, id, DeliveryState.quarantined).changes;
  }

  abandon(destination: string): number {
    const id = this.#knownId(destination);
    return id === undefined ? 0 : this.#drop.run(id).changes;
  }

  summary(): readonly DestinationSummary[] {
    return this.#destinations().map(({ id, name }) => {
      const counts = this.#count.all(id) as Array<{ state: bigint; count: bigint }>;
      const countOf = (state: bigint) => Number(counts.find((row) => row.state === state)?.count ?? 0n);
      const oldest = this.#oldest.get(id) as { at: bigint } | undefined;
      const refused = this.#newestReason.get(id, DeliveryState.quarantined) as
        | { reason: string | null }
        | undefined;
      return {
        destination: name,
        waiting: countOf(DeliveryState.waiting),
        waitingSince: oldest && Number(oldest.at),
        unconfirmed: countOf(DeliveryState.unconfirmed),
        quarantined: countOf(DeliveryState.quarantined),
        quarantineReason: refused?.reason ?? undefined,
      };
    });
  }

  /** The oldest sequence that must be kept for a destination's sake. */
  firstNeeded(): number | undefined {
    const firsts = this.#destinations().flatMap(({ id }) =>
      [DeliveryState.waiting, DeliveryState.quarantined].flatMap((state) => {
        const { sequence } = this.#first.get(id, state) as { sequence: bigint | null };
        return sequence === null ? [] : [Number(sequence)];
      }),
    );
    return firsts.length === 0 ? undefined : Math.min(...firsts);
  }

  /** Forgets what was told without being confirmed, up to `sequence`. */
  forgetUnconfirmed(sequence: number): void {
    for (const { id } of this.#destinations())
      this.#removeTo.run(id, DeliveryState.unconfirmed, BigInt(sequence));
  }

  /** Every delivery, as long as the rows can be read. */
  *all(): Generator<Delivery> {
    for (const { id, name } of this.#destinations()) {
      for (const state of Object.values(DeliveryState)) {
        for (let after = 0n; ; ) {
          const rows = this.#rows.all(id, state, after) as Array<{ sequence: bigint; reason: string | null }>;
          const last = rows.at(-1);
          if (last === undefined) break;
          for (const { sequence, reason } of rows) {
            yield { destination: name, sequence: Number(sequence), state, reason: reason ?? undefined };
          }
          after = last.sequence;
        }
      }
    }
  }

  #destinations(): Array<{ id: bigint; name: string }> {
    return this.#names.all() as Array<{ id: bigint; name: string }>;
  }

  #knownId(name: string): bigint | undefined {
    return (this.#idOf.get(name) as { id: bigint } | undefined)?.id;
  }

  #id(name: string): bigint {
    return this.#knownId(name) ?? (this.#addName.get(name) as { id: bigint }).id;
  }
}
