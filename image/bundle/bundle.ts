import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SigningKeys } from '../keys/keys.ts';
import { run } from '../program.ts';

export interface BundleContent {
  readonly slot: string;
  readonly version: string;
  readonly compatible: string;
  readonly keys: SigningKeys;
}

/** The signed update for gateways in the field: one slot. Its payload is the slot to the byte; the signature has the time in it. */
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
  await run('rauc', [
    'bundle',
    `--cert=${certificate}`,
    `--key=${key}`,
    `--keyring=${keyring}`,
    folder,
    file,
  ]);
}
