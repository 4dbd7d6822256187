import { closeSync, openSync, readSync } from 'node:fs';
import { slotPartitionBytes } from '../../../image/boot/slot-partition.ts';
import { partitionOffset } from '../../../image/disk/layout.ts';
import { SlotBox, type SlotState } from '../../unit/image/slot-box.ts';

/** The partition `slots` of a disk, which may be in use. */
export function slotPartitionOf({ file }: { readonly file: string }): Buffer {
  const partition = Buffer.alloc(slotPartitionBytes);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, partition, 0, partition.length, partitionOffset('slots'));
  } finally {
    closeSync(descriptor);
  }
  return partition;
}

/** The slot state on a disk, as the gateway's own program reads it. */
export function readSlots(disk: { readonly file: string }): SlotState {
  using box = new SlotBox();
  box.write(slotPartitionOf(disk));
  return box.state();
}

/** The slot that is started next is a good one with all its tries: what a version says of itself when it is healthy. */
export function isHealthy(disk: { readonly file: string }): boolean {
  const slots = readSlots(disk);
  const { condition, tries } = slots[slots.primary];
  return condition === 'good' && tries === 3;
}
