import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Alarms, silentLog, systemClock } from '#base';
import { openStore } from '#storage';
import { slotPartitionBytes } from '../../../image/boot/slot-partition.ts';
import { partitionOffset } from '../../../image/disk/layout.ts';
import type { SessionFacts } from '../../../src/billing/usage-record.ts';
import type { LedgerRecord } from '../../storm/books.ts';
import { provenLedger, weir } from '../../storm/export.ts';
import { SlotBox, type SlotState } from '../../unit/image/slot-box.ts';
import { DataPartition } from '../data-partition.ts';
import type { FlashedDisk } from '../gateway.ts';
import { type Bill, billOf } from './seen-session.ts';

/** The sandbox has a `/run` of its own. */
const mountPoint = '/run/weir-data';

/** What is on the disk of a gateway that is off. */
export interface Examination {
  readonly ledger: readonly LedgerRecord[];
  /** Sessions that have an end, or will get one at the next start, with what they will be billed for. */
  readonly bills: readonly Bill[];
  readonly slots: SlotState;
  /** Putting the file system right took more than the journal. */
  readonly repaired: boolean;
}

/**
 * Looks at a copy of the disk as the gateway does when it starts: puts the file system right, replays the journal, reads the ledger, which
 * must be proven by the key in `keyFile` (written there when there is none yet), and opens the store.
 *
 * @throws {Error} the file system cannot be put right, or the ledger not be proven, or the store not be opened without an alarm.
 */
export async function examineDisk(disk: FlashedDisk, folder: string, keyFile: string): Promise<Examination> {
  using copy = await disk.copy();
  await using partition = await DataPartition.of(copy);
  const repaired = await partition.repair();
  const dataDir = await partition.mount(mountPoint);
  const found = readdirSync(join(mountPoint, 'lost+found'));
  if (found.length > 0) throw new Error(`lost+found has ${found.join(' ')}`);
  await keepKey(keyFile, dataDir);
  const ledger = await provenLedger(dataDir, folder, keyFile);
  const bills = [...ledger.map(billOf), ...(await leftOpen(dataDir))];
  return { ledger, bills, slots: await slotsOf(copy), repaired };
}

async function leftOpen(dataDir: string): Promise<readonly Bill[]> {
  const alarms = new Alarms({ clock: systemClock, log: silentLog });
  await using store = await openStore({
    ...{ folder: dataDir, bootId: 'after the cut', clock: systemClock, log: silentLog, alarms },
  });
  const [alarm] = alarms.standing();
  if (alarm) throw new Error(`alarm ${alarm.name}: ${alarm.text}`);
  return store.leftOpen.map(({ facts, counters, sameBoot }) => {
    const { viewer } = facts as SessionFacts;
    const terminateCause = sameBoot ? 'nas-error' : 'nas-reboot';
    return {
      ...{ viewer: `${viewer.address} ${viewer.port}`, bytes: Number(counters.txBytes) },
      ...{ terminateCause, recovered: true },
    };
  });
}

async function keepKey(keyFile: string, dataDir: string): Promise<void> {
  try {
    await readFile(keyFile);
  } catch {
    await writeFile(keyFile, await weir('records', 'key', '--data', dataDir));
  }
}

const placeOfSlots = { at: partitionOffset('slots'), bytes: slotPartitionBytes } as const;

async function slotsOf(disk: FlashedDisk): Promise<SlotState> {
  using box = new SlotBox();
  box.write(await disk.read(placeOfSlots.at, placeOfSlots.bytes));
  return box.state();
}

/** Puts the system that is in the first slot into the second one as well, as good as that. */
export async function fillSecondSlot(disk: FlashedDisk): Promise<void> {
  const [a, b] = [partitionOffset('rootfs-a'), partitionOffset('rootfs-b')];
  await disk.write(b, await disk.read(a, b - a));
  using box = new SlotBox();
  box.write(await disk.read(placeOfSlots.at, placeOfSlots.bytes));
  const { status, text } = box.run(['set-state', 'b', 'good']);
  if (status !== 0) throw new Error(`the second slot is not taken for good: ${text}`);
  await disk.write(placeOfSlots.at, box.read());
}
