/** Viewers, and a real store in a folder of its own, for tests of what is recorded. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, Signal, silentLog, systemClock } from '#base';
import type { ViewerCounters } from '#hal';
import { openStore, type Store, type StoredEntry, type StoreReader } from '#storage';
import type { UsageRecord } from '../../../src/billing/index.ts';
import { TerminateCause } from '../../../src/protocol/index.ts';
import type { ViewerEnd, ViewerSummary } from '../../../src/session/index.ts';
import { origin, zero } from '../session/scripted.ts';

/** A folder of records, and whoever has it open. */
export class RecordsFolder implements AsyncDisposable {
  readonly path: string;
  store: Store;

  private constructor(path: string, store: Store) {
    this.path = path;
    this.store = store;
  }

  static async make(): Promise<RecordsFolder> {
    const path = await mkdtemp(join(tmpdir(), 'weir-test-'));
    return new RecordsFolder(path, await open(path, 'boot-1'));
  }

  /** As after a crash, or, with another boot id, after the power went. */
  async reopen(bootId = 'boot-1'): Promise<Store> {
    await this.store.close();
    this.store = await open(this.path, bootId);
    return this.store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await rm(this.path, { recursive: true });
  }
}

const open = (folder: string, bootId: string): Promise<Store> =>
  openStore({
    folder,
    bootId,
    clock: systemClock,
    log: silentLog,
    alarms: new Alarms({ clock: systemClock, log: silentLog }),
    ballastBytes: 4096,
  });

/** As a box finds it whose disk works at the start. */
export const openNow = (store: Store): { now: Store; opened: Signal<Store> } => ({
  now: store,
  opened: new Signal(() => {}),
});

/** A viewer as the session stage shows it; a test says what it got and how it ended. */
export class BilledViewer implements ViewerSummary {
  readonly sessionId: string;
  readonly facts: ViewerSummary['facts'];
  readonly transport = 'udp';
  state: ViewerSummary['state'] = 'playing';
  outcome: ViewerEnd | undefined;
  count: ViewerCounters = zero;

  constructor(sessionId: string, facts: Partial<ViewerSummary['facts']> = {}) {
    this.sessionId = sessionId;
    this.facts = {
      sessionId,
      protocol: 'rtsp',
      url: 'rtsp://203.0.113.10/live',
      origin,
      viewer: { address: '198.51.100.5', port: 40_000 },
      startedAt: 0,
      startedMonoNs: 0n,
      ...facts,
    };
  }

  counters(): ViewerCounters {
    return this.count;
  }

  gets(txBytes: bigint, txPackets: bigint): void {
    this.count = { ...this.count, txBytes, txPackets };
  }

  end(endedMonoNs: bigint, cause: TerminateCause = TerminateCause.userRequest): this {
    this.state = 'closed';
    this.outcome = { cause, endedAt: 0, endedMonoNs };
    return this;
  }
}

/** All entries, in order. */
export async function entriesOf({ ledger }: Pick<StoreReader, 'ledger'>): Promise<readonly StoredEntry[]> {
  return (await ledger.entries({ limit: 1000 })).entries;
}

/** All usage records, in order. */
export async function recordsOf(store: Pick<StoreReader, 'ledger'>): Promise<readonly UsageRecord[]> {
  const entries = await entriesOf(store);
  return entries.filter(({ kind }) => kind === 'usage').map(({ body }) => JSON.parse(body));
}
