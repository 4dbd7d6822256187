import { createHash } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { SigningKeys } from '../keys/keys.ts';
import { run } from '../program.ts';

export interface BundleContent {
  readonly slot: string;
  readonly version: string;
  readonly compatible: string;
  readonly keys: SigningKeys;
  /** The time all files in it carry. */
  readonly timeSeconds: number;
}

/**
 * The signed update for gateways in the field: one slot. Its payload is the same to the byte for the same content; the hash tree behind it
 * has a salt that RAUC draws, and the signature has the time in it.
 */
export async function writeBundle(file: string, content: BundleContent, folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // RAUC tells by the ending how an image is written.
  linkSync(content.slot, join(folder, 'rootfs.img'));
  const manifest = [
    '[update]',
    `compatible=${content.compatible}`,
    `version=${content.version}`,
    '',
    '[bundle]',
    'format=verity',
    '',
    '[image.rootfs]',
    'filename=rootfs.img',
    '',
  ];
  writeFileSync(join(folder, 'manifest.raucm'), manifest.join('\n'));
  rmSync(file, { force: true });
  const { key, certificate, keyring } = content.keys;
  const signer = [`--cert=${certificate}`, `--key=${key}`, `--keyring=${keyring}`];
  // For mksquashfs, which packs the payload: else it would carry the time it was made.
  const env = { SOURCE_DATE_EPOCH: String(content.timeSeconds) };
  await run('rauc', ['bundle', ...signer, folder, file], { env });
}

/** SHA-256 of what a bundle brings: its squashfs, which is all of it but the hash tree and the signature behind. */
export function payloadHash(bundle: string): string {
  const descriptor = openSync(bundle, 'r');
  try {
    const buffer = Buffer.alloc(1 << 20);
    const read = (at: number, most: number) =>
      buffer.subarray(0, readSync(descriptor, buffer, 0, Math.min(most, buffer.length), at));
    const superblock = read(0, 96);
    if (superblock.length < 96 || superblock.toString('latin1', 0, 4) !== 'hsqs') {
      throw new WeirError('IMAGE_FAILED', `no squashfs in ${bundle}`);
    }
    // Squashfs 4.0: at 40 how many bytes it has.
    const bytes = Number(superblock.readBigUInt64LE(40));
    const hash = createHash('sha256');
    for (let at = 0; at < bytes; ) {
      const chunk = read(at, bytes - at);
      if (chunk.length === 0) throw new WeirError('IMAGE_FAILED', `${bundle} is cut off`);
      hash.update(chunk);
      at += chunk.length;
    }
    return hash.digest('hex');
  } finally {
    closeSync(descriptor);
  }
}
