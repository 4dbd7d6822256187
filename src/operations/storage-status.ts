import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store, StoreHealth } from '#storage';

/** Where records are kept and how much room there is. */
export interface StorageStatus {
  readonly folder: string;
  readonly health: StoreHealth;
  readonly deviceId: string;
  readonly bootEpoch: number;
  readonly sizeBytes: number;
  readonly freeBytes: number;
  readonly usedPercent: number;
  /** Sequence number of the last entry of the ledger; 0: it is empty. */
  readonly lastSequence: number;
  /** SHA-256 of the last entry: whoever has seen it once can tell that nothing before it was changed. */
  readonly lastHash: string | null;
  /** Deliveries that no receiver has taken yet. */
  readonly waitingDeliveries: number;
  /** Files of the data folder. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/** Other things may lie in that folder: so many are told. */
const mostFiles = 100;

export async function storageStatus(store: Store): Promise<StorageStatus> {
  const { folder, health, device, bootEpoch, ledger, outbox } = store;
  const [disk, files, head, destinations] = await Promise.all([
    statfs(folder),
    filesOf(folder),
    ledger.head(),
    outbox.summary(),
  ]);
  const sizeBytes = disk.blocks * disk.bsize;
  // As `df` says it: what only root may still write is neither used nor free.
  const used = disk.blocks - disk.bfree;
  return {
    folder,
    health,
    deviceId: device.id,
    bootEpoch,
    sizeBytes,
    freeBytes: disk.bavail * disk.bsize,
    usedPercent: Math.ceil((100 * used) / Math.max(1, used + disk.bavail)),
    lastSequence: head?.sequence ?? 0,
    lastHash: head?.hash ?? null,
    waitingDeliveries: destinations.reduce((sum, { waiting }) => sum + waiting, 0),
    files,
  };
}

async function filesOf(folder: string): Promise<StorageStatus['files']> {
  const names = (await readdir(folder)).sort().slice(0, mostFiles);
  const files = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined);
      return found?.isFile() ? { name, bytes: found.size } : undefined;
    }),
  );
  return files.filter((file) => file !== undefined);
}
