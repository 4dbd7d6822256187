import { strict as assert } from 'node:assert';
import { Alarms, silentLog, systemClock } from '#base';
import { openReader, openStore } from '#storage';
import { all, assertProven } from '../../unit/storage/box.ts';
import { DataPartition } from '../data-partition.ts';
import type { ShownEntry } from './recording.ts';

/** What the ledger of a disk has. */
export interface Books {
  /** The file system needed more than what `e2fsck -p` puts right. */
  readonly repaired: boolean;
  readonly entries: number;
  /** Of these sessions there is a record, each once. */
  readonly billed: ReadonlySet<string>;
  /** These get theirs at the next start. */
  readonly open: ReadonlySet<string>;
}

interface Promised {
  readonly deviceId: string;
  readonly entries: readonly ShownEntry[];
}

/**
 * Opens the ledger of a gateway's disk whose power is off, as the gateway would at its next start: every link is proven, what was shown is
 * still there as it was, no session is there twice, and nothing calls for an alarm.
 */
export async function examineLedger(
  disk: { readonly file: string },
  mountPoint: string,
  promised: Promised,
): Promise<Books> {
  await using partition = await DataPartition.of(disk);
  const repaired = await partition.repair();
  const folder = await partition.mount(mountPoint);
  const { entries, billed } = await readLedger(folder, promised);
  const open = await leftOpen(folder);
  assert.equal(new Set([...billed, ...open]).size, billed.length + open.length, 'a session is there twice');
  return { repaired, entries, billed: new Set(billed), open: new Set(open) };
}

async function readLedger(folder: string, { deviceId, entries: shown }: Promised) {
  await using reader = await openReader(folder);
  assert.equal(reader.device.id, deviceId, 'the key of the box is another');
  await assertProven(reader);
  const entries = await all(reader.ledger);
  const hashes = new Map(entries.map(({ sequence, hash }) => [sequence, hash]));
  for (const { sequence, hash } of shown) {
    assert.equal(hashes.get(sequence), hash, `entry ${sequence} is gone, or is another`);
  }
  const billed = entries
    .filter(({ kind }) => kind === 'usage')
    .map(({ body }) => (JSON.parse(body) as { readonly sessionId: string }).sessionId);
  return { entries: entries.length, billed };
}

async function leftOpen(folder: string): Promise<readonly string[]> {
  const alarms = new Alarms({ clock: systemClock, log: silentLog });
  const options = { folder, bootId: 'after the cut', clock: systemClock, log: silentLog, alarms };
  await using store = await openStore(options);
  assert.deepEqual(alarms.standing(), [], 'alarms when the store is opened');
  return store.leftOpen.map(({ sessionId }) => sessionId);
}
