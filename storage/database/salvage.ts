import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AnchorBody, SequenceRange } from '../chain.ts';
import type { ClockCorrection } from '../face.ts';
import { type Delivery, DeliveryState, DeliveryTable } from './delivery-table.ts';
import type { DeviceKey } from './device-key.ts';
import { fromRow, type LedgerEntry } from './entry-row.ts';
import { EntryTable } from './entry-table.ts';
import type { StoreFiles } from './files.ts';
import { LedgerFile } from './ledger-file.ts';
import { RunTable } from './run-table.ts';
import { type OpenSession, SessionTable } from './session-table.ts';
import { replaceDamaged } from './set-aside.ts';
import { type Database, isCorrupt, openForReading, sqliteCode } from './sqlite.ts';
import { type StateFile, sequenceReserve } from './state-file.ts';

export interface Salvage {
  /** Where the damaged database is now. */
  readonly aside: string;
  readonly entries: number;
  readonly sessions: number;
}

/** More than can be open: where slots are tried one by one. */
const maxSlots = 65_536n;
const maxHoles = 1_000;
/** Where entries are looked for when nothing says how many were written. */
const unknownSequenceBelow = 1_000_000;

/**
 * Copies what is as it was written, row by row, into a new database, and puts that in the damaged one's place. Whatever the
 * deliveries do not tell any more waits again: rather told twice than never.
 */
export function salvage(
  files: StoreFiles,
  key: DeviceKey,
  facts: {
    readonly state: StateFile;
    readonly bootId: string;
    readonly nowMs: number;
    readonly anchorDeliveries: readonly string[];
  },
): Salvage {
  const sequenceBelow = facts.state.state?.sequenceBelow;
  discardUnfinished(files);
  const finished = unfinished(files);
  const target = LedgerFile.open(finished, key, () => {});
  let saved: { entries: number; sessions: number };
  try {
    saved = target.transaction(() => {
      const { holes, ...counts } = copyReadable(
        files.database,
        target,
        sequenceBelow ?? unknownSequenceBelow,
      );
      target.anchorDamage({
        holes,
        sequenceBelow: sequenceBelow ?? (target.entries.head()?.sequence ?? 0) + sequenceReserve,
        bootEpoch: facts.state.epochOf(facts.bootId, target.runs.newest()),
        at: facts.nowMs,
        destinations: facts.anchorDeliveries,
      });
      return counts;
    });
  } catch (error) {
    target.close();
    discardUnfinished(files);
    throw error;
  }
  target.close();
  return { ...saved, aside: replaceDamaged(files, finished, facts.nowMs) };
}

const unfinished = (files: StoreFiles): string => join(files.folder, 'weir-salvage.tmp');

/** What a salvage left that was interrupted or found no room. */
export function discardUnfinished(files: StoreFiles): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(unfinished(files) + suffix, { force: true });
}

interface Copied {
  readonly entries: number;
  readonly sessions: number;
  readonly holes: readonly SequenceRange[];
}

function copyReadable(path: string, target: LedgerFile, sequenceBelow: number): Copied {
  const nothing: Copied = { entries: 0, sessions: 0, holes: [] };
  return whileReadable(nothing, () => {
    const source = openForReading(path);
    try {
      for (const run of whileReadable([], () => new RunTable(source).all())) target.runs.restore(run);
      const sessions = copySessions(source, target);
      return { sessions, ...copyEntries(source, target, sequenceBelow) };
    } finally {
      source.close();
    }
  });
}

function copySessions(source: Database, target: LedgerFile): number {
  const seen = new Set<bigint>();
  const copy = (session: OpenSession | undefined) => {
    if (session === undefined || seen.has(session.slot) || target.sessions.open.has(session.sessionId))
      return;
    seen.add(session.slot);
    // Its run may be lost: then it is one of an unknown boot.
    target.runs.restore({ run: session.run, bootEpoch: 0, bootId: '', aliveMonoNs: 0n });
    target.sessions.insert(session);
  };
  whileReadable(undefined, () => {
    const table = new SessionTable(source);
    const all = whileReadable(false, () => {
      for (const session of table.read()) copy(session);
      return true;
    });
    for (let slot = 0n; !all && slot < maxSlots; slot += 1n) {
      copy(whileReadable(undefined, () => table.at(slot, () => {})));
    }
  });
  return seen.size;
}

function copyEntries(source: Database, target: LedgerFile, sequenceBelow: number): Omit<Copied, 'sessions'> {
  const known = readDeliveries(source);
  const holes: SequenceRange[] = [];
  let entries = 0;
  let last: number | undefined;
  for (const entry of readEntries(source, sequenceBelow)) {
    target.entries.insert(entry);
    if (entry.kind === 'clock') target.entries.correct(JSON.parse(entry.body) as ClockCorrection);
    for (const delivery of deliveriesOf(entry, known)) target.deliveries.add(delivery);
    if (last !== undefined && entry.sequence > last + 1 && holes.length < maxHoles) {
      holes.push({ from: last + 1, to: entry.sequence - 1 });
    }
    last = entry.sequence;
    entries += 1;
  }
  const first = target.entries.next(0);
  const removed = removedTo(target);
  if (first !== undefined && first > removed + 1) holes.unshift({ from: removed + 1, to: first - 1 });
  return { entries, holes };
}

/** Entries in sequence order; where a page is broken, one by one around it. */
function* readEntries(source: Database, sequenceBelow: number): Generator<LedgerEntry> {
  const table = whileReadable(undefined, () => new EntryTable(source));
  if (table === undefined) return;
  const step = 100n;
  for (let after = 0n; ; ) {
    const rows = whileReadable(undefined, () => table.rows(after, Number(step)));
    if (rows === undefined) {
      for (let sequence = after; sequence < after + step; sequence += 1n) {
        const [row] = whileReadable([], () => table.rows(sequence, 1));
        const entry = row?.sequence === sequence + 1n ? fromRow(row) : undefined;
        if (entry !== undefined) yield entry;
      }
      after += step;
    } else {
      for (const row of rows) {
        const entry = fromRow(row);
        if (entry !== undefined) yield entry;
      }
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.sequence;
    }
    if (after >= sequenceBelow) return;
  }
}

interface KnownDeliveries {
  /** All that there were: an entry that is not among them was acknowledged. */
  readonly complete: boolean;
  readonly of: ReadonlyMap<number, readonly Delivery[]>;
}

function readDeliveries(source: Database): KnownDeliveries {
  const of = new Map<number, Delivery[]>();
  const complete = whileReadable(false, () => {
    for (const delivery of new DeliveryTable(source).all()) {
      const others = of.get(delivery.sequence);
      if (others === undefined) of.set(delivery.sequence, [delivery]);
      else if (!others.some(({ destination }) => destination === delivery.destination)) others.push(delivery);
    }
    return true;
  });
  return { complete, of };
}

function deliveriesOf(entry: LedgerEntry, known: KnownDeliveries): readonly Delivery[] {
  const read = known.of.get(entry.sequence) ?? [];
  if (known.complete) return read;
  const { sequence } = entry;
  const unread = entry.destinations.filter((name) => !read.some(({ destination }) => destination === name));
  return [
    ...read,
    ...unread.map((destination) => ({
      destination,
      sequence,
      state: DeliveryState.waiting,
      reason: undefined,
    })),
  ];
}

/** Up to where retention has removed entries, as the anchors that are there say. */
function removedTo(target: LedgerFile): number {
  let removed = 0;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = target.entries.page({ after, limit: 1_000 });
    for (const entry of page.entries) {
      if (entry.kind !== 'anchor') continue;
      const { reason, last } = JSON.parse(entry.body) as AnchorBody;
      if (reason === 'retention') removed = Math.max(removed, last?.sequence ?? 0);
    }
    after = page.next;
  }
  return removed;
}

/** `fallback` when the damage hinders; any other error, of the disk or ours, is thrown. */
function whileReadable<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isCorrupt(error) || sqliteCode(error) === 'SQLITE_ERROR') return fallback;
    throw error;
  }
}
