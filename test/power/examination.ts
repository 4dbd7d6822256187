import { createPublicKey } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Alarms, describeError, silentLog, systemClock } from '#base';
import { openStore, type Store, type StoredEntry, verifyChain } from '#storage';
import { compare, type Finding, type Found, sessionOf } from './findings.ts';
import { run, runStatus } from './guest/program.ts';
import { destinations } from './marks.ts';
import type { Promises } from './promises.ts';

/** e2fsck's exit status, bits. 1: it had something to put right, and did. */
const mended = [0, 1];
/** 4: more than it may put right unasked. 8: it could not even begin. */
const needsMore = [...mended, 4, 8, 12];

export interface Examination {
  /** The file system needed more than what is put right without asking: a torn superblock. */
  readonly repaired: boolean;
  /** Everything that is not as it was promised. */
  readonly findings: readonly Finding[];
}

/**
 * What a box does when power is back, with the disk image that the cut left: checks the file system, mounts it at `mountPoint`,
 * opens the store, closes the sessions that were open.
 */
export async function examine(image: string, mountPoint: string, promises: Promises): Promise<Examination> {
  let repaired = false;
  try {
    repaired = await repair(image);
    await run('mount', ['-o', 'loop', image, mountPoint]);
  } catch (error) {
    return { repaired, findings: [opens(error)] };
  }
  try {
    return { repaired, findings: await Array.fromAsync(examineStore(join(mountPoint, 'weir'), promises)) };
  } catch (error) {
    return { repaired, findings: [opens(error)] };
  } finally {
    await run('umount', [mountPoint]);
  }
}

/** As an unattended box has to: with yes to every question, where the careful way does not do. */
async function repair(image: string): Promise<boolean> {
  const { status } = await runStatus('e2fsck', ['-p', image], { fine: needsMore });
  if (mended.includes(status)) return false;
  await run('e2fsck', ['-y', image], { fine: mended });
  return true;
}

const opens = (error: unknown): Finding => ({ invariant: 'opens', text: describeError(error) });

async function* examineStore(folder: string, promises: Promises): AsyncGenerator<Finding> {
  // The cut may have come before the folder was there.
  mkdirSync(folder, { recursive: true });
  const alarms = new Alarms({ clock: systemClock, log: silentLog });
  {
    await using store = await openStore({
      ...{ folder, bootId: 'after the cut', clock: systemClock, log: silentLog, alarms },
    });
    yield* identity(store, promises);
    const found = await look(store);
    yield* compare(found, promises);
    yield* chain(store, found.entries, promises);

    await Promise.all(store.leftOpen.map((session) => recover(store, session.sessionId)));
    const recovered = await look(store);
    yield* chain(store, recovered.entries, promises);
    yield* oneEach(recovered.entries, promises);
  }
  for (const { name, text } of alarms.standing()) yield opens(`alarm ${name}: ${text}`);
  yield* soundness(join(folder, 'weir.db'));
}

function* identity({ device, bootEpoch }: Store, { device: before }: Promises): Generator<Finding> {
  if (before === undefined) return;
  if (device.id !== before.id) yield { invariant: 'identity', text: `another device: ${device.id}` };
  if (bootEpoch <= before.bootEpoch) {
    yield { invariant: 'identity', text: `boot epoch ${bootEpoch} after ${before.bootEpoch}` };
  }
}

async function look({ ledger, outbox, leftOpen }: Store): Promise<Found> {
  const entries = await allPages((after) => ledger.entries({ after }));
  const waiting = await Promise.all(
    destinations.map(async (destination) => {
      const waits = await allPages((after) => outbox.waiting(destination, { ...(after && { after }) }));
      return [destination, new Set(waits.map((entry) => entry.sequence))] as const;
    }),
  );
  return { entries, leftOpen, waiting: new Map(waiting) };
}

type Page = Awaited<ReturnType<Store['ledger']['entries']>>;

async function allPages(read: (after: number | undefined) => Promise<Page>): Promise<readonly StoredEntry[]> {
  const all: StoredEntry[] = [];
  let after: number | undefined;
  do {
    const page = await read(after);
    if (page.damaged.length > 0) throw new Error(`damaged entries: ${page.damaged.join(', ')}`);
    all.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return all;
}

async function* chain(
  { device }: Store,
  entries: readonly StoredEntry[],
  { retaining }: Promises,
): AsyncGenerator<Finding> {
  const report = await verifyChain(entries, createPublicKey(device.publicKey));
  for (const { kind, sequence } of report.faults) {
    yield { invariant: 'chain', text: `${kind} at ${sequence}` };
  }
  const proven = report.start === 'first' || (retaining && report.start === 'anchored');
  if (entries.length > 0 && !proven) yield { invariant: 'chain', text: 'the start is missing' };
  for (const { from, to } of report.declaredMissing) {
    yield { invariant: 'chain', text: `declared missing: ${from} to ${to}` };
  }
}

async function recover({ ledger }: Store, sessionId: string): Promise<void> {
  await ledger.finish({
    ...{ sessionId, endedAt: systemClock.nowMs(), clockTrusted: false, deliveries: destinations },
    record: { session: sessionId, recovered: true },
  });
}

/** After the recovery every session that was promised has one record, and no session has two. */
function* oneEach(entries: readonly StoredEntry[], promises: Promises): Generator<Finding> {
  const records = Map.groupBy(entries, sessionOf);
  for (const [session, of] of records) {
    if (session !== undefined && of.length > 1) {
      yield { invariant: 'once', text: `session ${session} has ${of.length} records after recovery` };
    }
  }
  for (const session of promises.started) {
    if (!records.has(session) && !promises.mayBeGone(session)) {
      yield { invariant: 'session', text: `session ${session} has no record after recovery` };
    }
  }
}

/** By another build of SQLite than the store's. */
function* soundness(path: string): Generator<Finding> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    for (const { integrity_check: verdict } of db.prepare('PRAGMA integrity_check').all()) {
      if (verdict !== 'ok') yield opens(`integrity_check: ${verdict}`);
    }
  } finally {
    db.close();
  }
}
