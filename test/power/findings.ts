import type { LeftOpenSession, StoredEntry } from '#storage';
import { destinations } from './marks.ts';
import type { Promises } from './promises.ts';

/** What must hold after a power cut, by name. */
export const invariants = {
  opens: 'file system and store open, no alarm, database sound',
  identity: 'device key and boot epoch go on',
  chain: 'chain verified',
  record: 'no acknowledged record missing or changed',
  session: 'no started session without a record',
  once: 'no session with two records',
  metering: 'no checkpoint missing that was stored',
  delivery: 'no delivery lost, none settled that waits again',
} as const;
export type Invariant = keyof typeof invariants;

export interface Finding {
  readonly invariant: Invariant;
  readonly text: string;
}

/** The store as it was found. */
export interface Found {
  readonly entries: readonly StoredEntry[];
  readonly leftOpen: readonly LeftOpenSession[];
  /** By destination, the sequences that wait. */
  readonly waiting: ReadonlyMap<string, ReadonlySet<number>>;
}

export const sessionOf = (entry: StoredEntry): string | undefined =>
  entry.kind === 'usage' ? (JSON.parse(entry.body) as { session: string }).session : undefined;

/** Holds what was found against what had been promised. */
export function* compare(found: Found, promises: Promises): Generator<Finding> {
  yield* compareRecords(found.entries, promises);
  yield* compareSessions(found, promises);
  yield* compareDeliveries(found, promises);
}

function* compareRecords(entries: readonly StoredEntry[], promises: Promises): Generator<Finding> {
  const bySequence = new Map(entries.map((entry) => [entry.sequence, entry]));
  for (const [session, { sequence, hash }] of promises.recorded) {
    const entry = bySequence.get(sequence);
    if (entry === undefined) {
      if (promises.mayBeGone(session)) continue;
      yield { invariant: 'record', text: `record ${sequence} of ${session} is gone` };
    } else if (entry.hash !== hash) {
      yield { invariant: 'record', text: `record ${sequence} of ${session} is another` };
    }
  }
}

function* compareSessions({ entries, leftOpen }: Found, promises: Promises): Generator<Finding> {
  const recorded = new Set<string>();
  for (const entry of entries) {
    const session = sessionOf(entry);
    if (session === undefined) continue;
    if (recorded.has(session)) yield { invariant: 'once', text: `session ${session} has two records` };
    recorded.add(session);
  }
  const open = new Map(leftOpen.map((session) => [session.sessionId, session]));
  for (const session of promises.started) {
    if (!recorded.has(session) && !open.has(session) && !promises.mayBeGone(session)) {
      yield { invariant: 'session', text: `session ${session} is gone` };
    }
  }
  for (const [session, { counters }] of open) {
    if (recorded.has(session)) {
      yield { invariant: 'once', text: `session ${session} is recorded and open` };
    }
    const metered = promises.metered.get(session) ?? 0n;
    if (counters.txBytes < metered) {
      yield {
        invariant: 'metering',
        text: `session ${session} has ${counters.txBytes} bytes, ${metered} were stored`,
      };
    }
  }
}

function* compareDeliveries({ entries, waiting }: Found, promises: Promises): Generator<Finding> {
  for (const destination of destinations) {
    const waits = waiting.get(destination) ?? new Set();
    for (const sequence of promises.settled(destination)) {
      if (waits.has(sequence)) {
        yield { invariant: 'delivery', text: `${sequence} waits again for ${destination}` };
      }
    }
    for (const { kind, sequence } of entries) {
      if (kind === 'usage' && !waits.has(sequence) && !promises.maySettle(destination, sequence)) {
        yield { invariant: 'delivery', text: `${sequence} does not wait for ${destination}` };
      }
    }
  }
}
