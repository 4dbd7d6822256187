import { existsSync, statSync } from 'node:fs';
import type { LeftOpenSession, UntrustedTimes } from '../face.ts';
import { type DeviceKey, keyError, loadDeviceKey } from './device-key.ts';
import type { StoreFiles } from './files.ts';
import { deviceOf, findDamage, isLogLost } from './inspection.ts';
import { LedgerFile } from './ledger-file.ts';
import type { Run } from './run-table.ts';
import { discardUnfinished, salvage } from './salvage.ts';
import { finishReplacing } from './set-aside.ts';
import { undoInterrupted } from './sqlite.ts';
import { StateFile } from './state-file.ts';

/** The database of this run, and what was found when it was opened. */
export interface OpenedLedger {
  readonly file: LedgerFile;
  readonly key: DeviceKey;
  readonly state: StateFile;
  readonly run: Run;
  readonly leftOpen: ReadonlyArray<Omit<LeftOpenSession, 'facts'> & { readonly facts: string }>;
  /** What earlier runs of this boot wrote before its clock was known. */
  readonly untrustedTimes: UntrustedTimes | undefined;
  /** What was lost or damaged, for a person; undefined when nothing was. */
  readonly damage: string | undefined;
}

/**
 * Opens the ledger, whatever state a power cut, a full disk or a broken one left it in. Made anew or salvaged when it is damaged.
 * `before`: the run that this process had begun already, when it opens again after an error of the disk.
 */
export function openLedger(
  files: StoreFiles,
  facts: { readonly bootId: string; readonly nowMs: number; readonly anchorDeliveries: readonly string[] },
  before?: OpenedLedger,
): OpenedLedger {
  finishReplacing(files);
  discardUnfinished(files);
  undoInterrupted(files.database);
  const state = new StateFile(files.state);
  // Made and not yet written when the power went, at the very first start: as if it were not there.
  const unborn = state.state === undefined && statSync(files.database, { throwIfNoEntry: false })?.size === 0;
  const exists = existsSync(files.database) && !unborn;
  const key = loadDeviceKey(files.deviceKey, exists || state.state !== undefined || before !== undefined);
  if (before !== undefined) assertSameFolder(files, before.key);
  let damage: string | undefined;
  let jumps = false;
  if (exists) {
    // First of all: looking into a database makes the log it lacks.
    const logLost = before === undefined && isLogLost(files, state.state?.clean ?? true);
    const owner = deviceOf(files.database);
    if (owner !== undefined && owner.publicKey !== key.publicKey) {
      throw keyError(files.deviceKey, `it is not that of ${owner.id}, which signed the records here`);
    }
    const complaint = findDamage(files.database);
    if (complaint !== undefined) {
      const saved = salvage(files, key, { ...facts, state });
      damage = `${complaint}; set aside as ${saved.aside}; ${saved.entries} entries and ${saved.sessions} open sessions saved`;
    } else if (logLost) {
      damage = 'the write-ahead log is gone, and what was last committed';
      jumps = true;
    }
  } else if (state.state !== undefined) {
    damage = 'the database is gone';
    jumps = true;
  }

  const file = LedgerFile.open(files.database, key, (sequence) => state.reserve(sequence));
  try {
    // Once more: a disk may be unmounted at any moment.
    assertSameFolder(files, key);
    const bootEpoch = state.epochOf(facts.bootId, file.runs.newest());
    const left = leftOpen(file, bootEpoch);
    const untrustedTimes = file.entries.untrustedTimes(bootEpoch);
    const run = file.transaction(() => {
      if (jumps) {
        const sequenceBelow = state.state?.sequenceBelow ?? 0;
        const { nowMs: at, anchorDeliveries: destinations } = facts;
        file.anchorDamage({ holes: [], sequenceBelow, bootEpoch, at, destinations });
      }
      if (before === undefined) return begin(file, { bootEpoch, bootId: facts.bootId });
      takeOver(file, before);
      return before.run;
    });
    state.begin({ bootEpoch, bootId: facts.bootId, nextSequence: (file.entries.head()?.sequence ?? 0) + 1 });
    return { file, key, state, run, leftOpen: left, untrustedTimes, damage };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Another disk may be mounted there by now, or the folder beneath be seen: nothing is written into that. */
function assertSameFolder(files: StoreFiles, key: DeviceKey): void {
  const seen = loadDeviceKey(files.deviceKey, true);
  if (seen.id !== key.id)
    throw keyError(files.deviceKey, `it was that of ${key.id}, and is that of ${seen.id}`);
}

function begin(file: LedgerFile, { bootEpoch, bootId }: { bootEpoch: number; bootId: string }): Run {
  return { run: file.runs.begin(bootEpoch, bootId), bootEpoch, bootId, aliveMonoNs: 0n };
}

/**
 * What this process has promised goes on: sessions whose start was acknowledged are open, and no others. A commit that
 * failed may have reached the disk nevertheless.
 */
function takeOver(file: LedgerFile, before: OpenedLedger): void {
  const promised = before.file.sessions.open;
  for (const session of [...file.sessions.open.values()]) {
    if (!promised.has(session.sessionId)) file.sessions.end(session.sessionId);
  }
  file.runs.restore(before.run);
  for (const session of promised.values()) {
    if (!file.sessions.open.has(session.sessionId)) file.adopt(session, before.run);
  }
}

function leftOpen(file: LedgerFile, bootEpoch: number): OpenedLedger['leftOpen'] {
  const runs = new Map(file.runs.all().map((run) => [run.run, run]));
  return [...file.sessions.open.values()].map(({ slot: _, run: number, counters, ...facts }) => {
    const run = runs.get(number);
    const alive = run?.aliveMonoNs ?? 0n;
    return {
      ...facts,
      bootEpoch: run?.bootEpoch ?? 0,
      sameBoot: run?.bootEpoch === bootEpoch,
      counters: counters ?? noCounters,
      aliveMonoNs: alive > facts.startedMonoNs ? alive : facts.startedMonoNs,
    };
  });
}

const noCounters = { txBytes: 0n, txPackets: 0n, droppedPackets: 0n, reportedLostPackets: 0n };
