import { WeirError } from '#base';

export const slotBlockBytes = 4096;

/** How the content of a slot is checked. `verity-open.c` in the initrd reads it. */
export interface SlotTrailer {
  /** Of content, 4096 bytes each; the hash tree begins right behind them. */
  readonly blocks: number;
  readonly rootHash: string;
  readonly salt: string;
}

/** The last block of a slot: text, then zeros. */
export function renderTrailer({ blocks, rootHash, salt }: SlotTrailer): Buffer {
  const block = Buffer.alloc(slotBlockBytes);
  block.write(`weir-slot 1\nblocks ${blocks}\nroot-hash ${rootHash}\nsalt ${salt}\n`, 'latin1');
  return block;
}

export function parseTrailer(block: Buffer): SlotTrailer {
  const text = block.toString('latin1');
  const found = /^weir-slot 1\nblocks (\d+)\nroot-hash ([0-9a-f]{64})\nsalt ([0-9a-f]{64})\n\0*$/.exec(text);
  const [, blocks, rootHash, salt] = found ?? [];
  if (blocks === undefined || rootHash === undefined || salt === undefined) {
    throw new WeirError('IMAGE_FAILED', 'no trailer of a slot');
  }
  return { blocks: Number(blocks), rootHash, salt };
}

/** Blocks of the hash tree above `blocks` of content: 128 hashes of 32 bytes each, up to one block (Linux, dm-verity). */
export function hashBlocks(blocks: number): number {
  let total = 0;
  for (let level = blocks; level > 1; ) {
    level = Math.ceil(level / (slotBlockBytes / 32));
    total += level;
  }
  return total;
}
