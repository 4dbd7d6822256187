import { createHash } from 'node:crypto';
import { appendFileSync, createReadStream, statSync, truncateSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { WeirError } from '#base';
import { run } from '../program.ts';
import { hashBlocks, renderTrailer, type SlotTrailer, slotBlockBytes } from './trailer.ts';

/** What a slot may take, so that its partition has room for what comes. */
export const slotLimitBytes = 160 * 2 ** 20;

/**
 * Makes the content of a slot: the root filesystem as a squashfs, its hash tree, and a trailer with the root hash. gzip, because
 * GRUB reads the kernel out of it, and GRUB knows no zstd in a squashfs.
 */
export async function writeSlot(file: string, root: string, timeSeconds: number): Promise<SlotTrailer> {
  await run('mksquashfs', [
    root,
    file,
    ...['-comp', 'gzip', '-Xcompression-level', '9', '-b', '256K'],
    ...['-all-root', '-no-xattrs', '-no-exports', '-noappend', '-no-progress', '-quiet'],
    ...['-mkfs-time', String(timeSeconds), '-all-time', String(timeSeconds)],
  ]);
  const blocks = Math.ceil(statSync(file).size / slotBlockBytes);
  truncateSync(file, blocks * slotBlockBytes);
  // From the content: the same content gives the same slot.
  const salt = await sha256(file);
  const told = await run('veritysetup', [
    'format',
    ...['--no-superblock', '--hash', 'sha256', '--salt', salt, `--data-blocks=${blocks}`],
    ...[`--data-block-size=${slotBlockBytes}`, `--hash-block-size=${slotBlockBytes}`],
    `--hash-offset=${blocks * slotBlockBytes}`,
    ...[file, file],
  ]);
  const rootHash = /^Root hash:\s+([0-9a-f]{64})$/m.exec(told)?.[1];
  const bytes = (blocks + hashBlocks(blocks)) * slotBlockBytes;
  if (rootHash === undefined || statSync(file).size !== bytes) {
    throw new WeirError('IMAGE_FAILED', 'veritysetup made another hash tree than the initrd expects', {
      fields: { bytes: statSync(file).size, expected: bytes },
    });
  }
  const trailer = { blocks, rootHash, salt };
  appendFileSync(file, renderTrailer(trailer));
  const slotBytes = bytes + slotBlockBytes;
  if (slotBytes > slotLimitBytes) {
    throw new WeirError('IMAGE_FAILED', 'the root filesystem has become too big for a slot', {
      fields: { bytes: slotBytes, limit: slotLimitBytes },
    });
  }
  return trailer;
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
