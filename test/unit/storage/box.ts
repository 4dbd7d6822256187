import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, silentLog, systemClock } from '#base';
import {
  type EntryQuery,
  type LedgerReader,
  openStore,
  type SessionEnd,
  type SessionStartRow,
  type Store,
  type StoredEntry,
  type StoreOptions,
  type StoreReader,
  verifyChain,
} from '#storage';

/** A data folder of its own, gone afterwards. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'weir-storage-'));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const newAlarms = (): Alarms => new Alarms({ clock: systemClock, log: silentLog });

/** Opens the store as the daemon does, with short waits. */
export function open(folder: string, options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({
    folder,
    bootId: 'boot-a',
    clock: systemClock,
    log: silentLog,
    alarms: newAlarms(),
    endGroupMs: 5,
    ballastBytes: 64 * 1024,
    watchMs: 20,
    ...options,
  });
}

export const session = (sessionId: string, more: Partial<SessionStartRow> = {}): SessionStartRow => ({
  sessionId,
  startedAt: 1_790_000_000_000,
  clockTrusted: true,
  startedMonoNs: 5_000_000_000n,
  facts: { url: 'rtsp://198.51.100.7/live', terms: { tariff: 'basic', version: 3 } },
  ...more,
});

export const end = (sessionId: string, more: Partial<SessionEnd> = {}): SessionEnd => ({
  sessionId,
  endedAt: 1_790_000_060_000,
  clockTrusted: true,
  record: { recordId: `record-of-${sessionId}`, bytes: '18446744073709551616' },
  deliveries: ['https:collector'],
  ...more,
});

/** Starts and ends sessions `prefix-0` … and returns their entries. */
export async function bill(store: Store, count: number, prefix = 'session'): Promise<readonly StoredEntry[]> {
  const ids = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  await Promise.all(ids.map((id) => store.ledger.start(session(id))));
  return Promise.all(ids.map((id) => store.ledger.finish(end(id))));
}

/** All pages of a query. */
export async function all(ledger: LedgerReader, query: EntryQuery = {}): Promise<readonly StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for (let after = query.after; ; ) {
    const page = await ledger.entries({ ...query, after });
    entries.push(...page.entries);
    if (page.next === undefined) return entries;
    after = page.next;
  }
}

/** The whole chain as it is stored, proven. */
export async function prove(store: StoreReader) {
  return verifyChain(await all(store.ledger), createPublicKey(store.device.publicKey));
}

/** As `prove`, and it must hold. */
export async function assertProven(store: StoreReader): Promise<void> {
  assert.deepEqual((await prove(store)).faults, []);
}

/** Waits for what is seen by looking, not told. */
export async function until(what: string, seen: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await seen()); tries += 1) {
    if (tries === 2_000) throw new Error(`never: ${what}`);
    await systemClock.sleep(5);
  }
}

/** The sequences and kinds of a chain, for comparing. */
export const outline = (entries: readonly StoredEntry[]): readonly string[] =>
  entries.map(({ sequence, kind }) => `${sequence} ${kind}`);
