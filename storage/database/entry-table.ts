import type { ChainHead, ClockCorrection, EntryPage, EntryQuery, UntrustedTimes } from '../face.ts';
import { type EntryRow, fromRow, type LedgerEntry, toRow, toStored } from './entry-row.ts';
import type { Database, Statement } from './sqlite.ts';

const defaultLimit = 500;
const maxLimit = 1_000;
/** How many entries one search by time looks at: a commit that waits behind it waits for some milliseconds. */
const searchSpan = 5_000n;

/** Time of the fact as far as it is known: corrected when the clock was not trusted and its error is known since. */
const trueTime = 'e.at + iif(e.clock_trusted, 0, coalesce(c.offset_ms, 0))';

/** The entries of the chain, by sequence. */
export class EntryTable {
  readonly #insert: Statement;
  readonly #page: Statement;
  readonly #search: Statement;
  readonly #next: Statement;
  readonly #head: Statement;
  readonly #ofSession: Statement;
  readonly #corrections: Statement;
  readonly #correct: Statement;
  readonly #firstNotBefore: Statement;
  readonly #hashOf: Statement;
  readonly #remove: Statement;
  readonly #fact: Statement;
  readonly #newestUntrusted: Statement;
  readonly #clockAfter: Statement;
  readonly #untrustedFor: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare(
      `INSERT INTO entry VALUES (@sequence, @kind, @boot_epoch, @at, @clock_trusted, @session_id, @destinations,
         @previous_hash, @hash, @signature, @crc, @body)`,
    );
    this.#page = db.prepare('SELECT * FROM entry WHERE sequence > ? ORDER BY sequence LIMIT ?');
    this.#search = db.prepare(
      `SELECT e.* FROM entry e LEFT JOIN correction c USING (boot_epoch)
       WHERE e.sequence > ? AND e.sequence <= ? AND ${trueTime} >= ? AND ${trueTime} < ?
       ORDER BY e.sequence LIMIT ?`,
    );
    this.#next = db.prepare('SELECT min(sequence) AS sequence FROM entry WHERE sequence > ?');
    this.#head = db.prepare('SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1');
    this.#ofSession = db.prepare('SELECT * FROM entry WHERE session_id = ?');
    this.#corrections = db.prepare('SELECT boot_epoch, offset_ms FROM correction ORDER BY boot_epoch');
    this.#correct = db.prepare('INSERT OR REPLACE INTO correction VALUES (?, ?)');
    this.#firstNotBefore = db.prepare(
      `SELECT e.sequence FROM entry e LEFT JOIN correction c USING (boot_epoch)
       WHERE e.sequence <= ? AND ${trueTime} >= ? ORDER BY e.sequence LIMIT 1`,
    );
    this.#hashOf = db.prepare(
      'SELECT sequence, hash FROM entry WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1',
    );
    this.#fact = db.prepare("SELECT 1 FROM entry WHERE sequence <= ? AND kind <> 'anchor' LIMIT 1");
    this.#remove = db.prepare('DELETE FROM entry WHERE sequence <= ?');
    this.#newestUntrusted = db.prepare(
      `SELECT * FROM entry WHERE boot_epoch = ? AND clock_trusted = 0 AND kind = 'usage'
       ORDER BY sequence DESC LIMIT 1`,
    );
    this.#clockAfter = db.prepare(
      "SELECT 1 FROM entry WHERE boot_epoch = ? AND sequence > ? AND kind = 'clock' LIMIT 1",
    );
    this.#untrustedFor = db.prepare(
      `SELECT DISTINCT name.value AS name FROM entry, json_each(entry.destinations) AS name
       WHERE boot_epoch = ? AND clock_trusted = 0 AND kind = 'usage'`,
    );
  }

  insert(entry: LedgerEntry): void {
    this.#insert.run(toRow(entry));
  }

  head(): ChainHead | undefined {
    return asHead(this.#head.get());
  }

  /** The last entry at or before `sequence`. */
  headAt(sequence: number): ChainHead | undefined {
    return asHead(this.#hashOf.get(BigInt(sequence)));
  }

  /** The lowest sequence above `after`. */
  next(after: number): number | undefined {
    const { sequence } = this.#next.get(BigInt(after)) as { sequence: bigint | null };
    return sequence === null ? undefined : Number(sequence);
  }

  ofSession(sessionId: string): LedgerEntry | undefined {
    const row = this.#ofSession.get(sessionId) as EntryRow | undefined;
    return row && fromRow(row);
  }

  page(query: EntryQuery): EntryPage {
    const limit = pageLimit(query.limit);
    const after = BigInt(query.after ?? 0);
    if (query.since === undefined && query.until === undefined) {
      return toPage(this.rows(after, limit), limit);
    }
    const first = this.next(Number(after));
    if (first === undefined) return emptyPage;
    const last = BigInt(first) + searchSpan;
    const rows = this.#search.all(
      after,
      last,
      BigInt(query.since ?? Number.MIN_SAFE_INTEGER),
      BigInt(query.until ?? Number.MAX_SAFE_INTEGER),
      BigInt(limit),
    ) as EntryRow[];
    const page = toPage(rows, limit);
    if (page.next !== undefined) return page;
    return { ...page, next: this.next(Number(last)) === undefined ? undefined : Number(last) };
  }

  /** Rows as they are stored, not checked. */
  rows(after: bigint, limit: number): EntryRow[] {
    return this.#page.all(after, BigInt(limit)) as EntryRow[];
  }

  correct({ bootEpoch, offsetMs }: ClockCorrection): void {
    this.#correct.run(BigInt(bootEpoch), BigInt(offsetMs));
  }

  corrections(): readonly ClockCorrection[] {
    const rows = this.#corrections.all() as Array<{ boot_epoch: bigint; offset_ms: bigint }>;
    return rows.map((row) => ({ bootEpoch: Number(row.boot_epoch), offsetMs: Number(row.offset_ms) }));
  }

  /** What that boot wrote before its clock was known. */
  untrustedTimes(bootEpoch: number): UntrustedTimes | undefined {
    const epoch = BigInt(bootEpoch);
    const row = this.#newestUntrusted.get(epoch) as EntryRow | undefined;
    const newest = row && fromRow(row);
    if (newest === undefined) return undefined;
    const names = this.#untrustedFor.all(epoch) as Array<{ name: string }>;
    return {
      newest: toStored(newest),
      destinations: names.map(({ name }) => name),
      corrected: this.#clockAfter.get(epoch, BigInt(newest.sequence)) !== undefined,
    };
  }

  /** The first entry up to `until` whose time is not before `time`. */
  firstNotBefore(time: number, until: number): number | undefined {
    const row = this.#firstNotBefore.get(BigInt(until), BigInt(time)) as { sequence: bigint } | undefined;
    return row && Number(row.sequence);
  }

  /** True when there is no fact up to `sequence`, only anchors of what was removed before. */
  isAllAnchors(sequence: number): boolean {
    return this.#fact.get(BigInt(sequence)) === undefined;
  }

  removeTo(sequence: number): number {
    return this.#remove.run(BigInt(sequence)).changes;
  }
}

export const emptyPage: EntryPage = { entries: [], damaged: [], next: undefined };

export const pageLimit = (wanted: number | undefined): number =>
  Math.min(Math.max(1, wanted ?? defaultLimit), maxLimit);

/** What can be told of rows that were asked for in sequence order, at most `limit`. */
export function toPage(rows: readonly EntryRow[], limit: number): EntryPage {
  const read = rows.map((row) => ({ sequence: Number(row.sequence), entry: fromRow(row) }));
  return {
    entries: read.flatMap(({ entry }) => (entry === undefined ? [] : [toStored(entry)])),
    damaged: read.filter(({ entry }) => entry === undefined).map(({ sequence }) => sequence),
    next: rows.length < limit ? undefined : read.at(-1)?.sequence,
  };
}

function asHead(row: unknown): ChainHead | undefined {
  if (row === undefined) return undefined;
  const { sequence, hash } = row as { sequence: bigint; hash: Uint8Array };
  return { sequence: Number(sequence), hash: Buffer.from(hash).toString('hex') };
}
