import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { WeirError } from '#base';
import { compatible } from '../../../image/build.ts';
import { writeBundle } from '../../../image/bundle/bundle.ts';
import { openKeys } from '../../../image/keys/keys.ts';
import { run } from '../../../image/program.ts';
import { sha256, writeSlot } from '../../../image/slot/slot.ts';
import { repository } from '../../../image/workspace.ts';

const built = join(repository, 'build', 'image');
const keysFolder = join(repository, 'build', 'image-keys');
/** Bundles that were made of an image are kept for as long as that is the last one built. */
const shelf = join(repository, 'build', 'image-bundles');

/** A version that differs from the built one. */
export interface Version {
  readonly version: string;
  readonly change: (root: string) => void;
}

/** The same system, as the next version. */
export const nextVersion: Version = { version: '9.0.0', change: named('9.0.0') };

/** A version that never gets healthy. */
export interface BadVersion extends Version {
  /** What is wrong with it. */
  readonly what: string;
  /** Its console comes up all the same. */
  readonly hasConsole?: boolean;
}

/** How a version can fail, each in a way of its own. */
export const badVersions: Readonly<Record<string, BadVersion>> = {
  panics: {
    what: 'has no init, so that the kernel panics',
    version: '9.1.0',
    change: (root) => {
      withoutNode(root);
      rmSync(join(root, 'usr/lib/systemd/systemd'));
    },
  },
  hangs: {
    what: 'hangs before anything is started',
    version: '9.2.0',
    change: (root) => {
      withoutNode(root);
      place(root, 'usr/lib/systemd/systemd', '#!/bin/sh\nexec sleep infinity\n', 0o755);
    },
  },
  silent: {
    what: 'has a Weir that never answers',
    version: '9.3.0',
    change: (root) => {
      place(root, 'usr/lib/weir/weir.mjs', 'setInterval(() => {}, 2 ** 30);\n', 0o644);
    },
  },
  unproven: {
    what: 'runs, and relays nothing inside the box',
    version: '9.4.0',
    hasConsole: true,
    change: (root) => {
      named('9.4.0')(root);
      place(root, 'usr/lib/systemd/system/nothing-inside.service', nothingInside, 0o644);
      const wants = join(root, 'usr/lib/systemd/system/multi-user.target.wants');
      mkdirSync(wants, { recursive: true });
      symlinkSync('../nothing-inside.service', join(wants, 'nothing-inside.service'));
    },
  },
};

/** Everything is as it should be, but that media of viewers by UDP on this machine gets lost: the self-test's. */
const nothingInside = `[Unit]
Before=weir.service
[Service]
Type=oneshot
ExecStart=/usr/sbin/nft "add table inet fault; add chain inet fault input { type filter hook input priority 0; }; add rule inet fault input iifname lo meta l4proto udp drop"
`;

/** A version waits so long for its health before it gives itself up, instead of the twenty minutes of the image. */
function impatient(root: string, minutes: number): void {
  place(
    root,
    'usr/lib/systemd/system/weir-slot-deadline.timer.d/sooner.conf',
    `[Timer]\nOnBootSec=\nOnBootSec=${minutes}min\n`,
    0o644,
  );
}

function named(version: string): (root: string) => void {
  return (root) => {
    const release = join(root, 'usr/lib/os-release');
    const before = /^VERSION_ID=(.*)$/m.exec(readFileSync(release, 'utf8'))?.[1] ?? '';
    const replace = (file: string, from: string, to: string) => {
      const text = readFileSync(file, 'utf8');
      if (!text.includes(from)) throw new Error(`${file} does not name its version ${before}`);
      writeFileSync(file, text.replaceAll(from, to));
    };
    replace(release, before, version);
    replace(join(root, 'usr/lib/weir/weir.mjs'), `"${before}"`, `"${version}"`);
  };
}

/** It does not get that far, and is a third smaller so. */
const withoutNode = (root: string): void => rmSync(join(root, 'usr/bin/node'));

function place(root: string, path: string, text: string, mode: number): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  // The file below is not to be written.
  rmSync(file, { force: true });
  writeFileSync(file, text, { mode });
}

/** Puts the bundle of a version into `folder`; its name there. `deadlineMinutes`: not the image's own. */
export async function provideVersion(
  folder: string,
  { version, change }: Version,
  deadlineMinutes?: number,
): Promise<string> {
  const recipe = createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .update(await sha256(builtSlot()))
    .update(String(deadlineMinutes))
    .digest('hex');
  const name = `weir-${version}.raucb`;
  const kept = join(shelf, recipe.slice(0, 16), name);
  if (!existsSync(kept)) {
    mkdirSync(dirname(kept), { recursive: true });
    const work = mkdtempSync(`${dirname(kept)}/making-`);
    const slot = join(work, 'slot.img');
    await writeChangedSlot(slot, work, (root) => {
      change(root);
      if (deadlineMinutes !== undefined) impatient(root, deadlineMinutes);
    });
    const keys = await openKeys(keysFolder, { make: false });
    await writeBundle(
      join(work, name),
      { slot, version, compatible, keys, timeSeconds: 0 },
      join(work, 'content'),
    );
    renameSync(join(work, name), kept);
    rmSync(work, { recursive: true });
  }
  copyFileSync(kept, join(folder, name));
  return name;
}

function builtSlot(): string {
  const slot = join(built, 'slot.img');
  if (existsSync(slot)) return slot;
  throw new WeirError('MISSING_PROGRAM', `no ${slot}`, { advice: 'npm run image' });
}

/** The root filesystem of the last build, under a layer that takes the change: the build stays as it is. */
async function writeChangedSlot(slot: string, work: string, change: (root: string) => void): Promise<void> {
  const [root, upper, scratch] = ['root', 'upper', 'scratch'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [root, upper, scratch]) mkdirSync(folder);
  const layers = `lowerdir=${join(built, 'root')},upperdir=${upper},workdir=${scratch}`;
  await run('mount', ['-t', 'overlay', '-o', layers, 'overlay', root]);
  try {
    change(root);
    await writeSlot(slot, root, 0);
  } finally {
    await run('umount', [root]);
  }
}

/** What a gateway must refuse, and why. Nothing in these could be started. */
export interface UnfitBundle {
  readonly what: string;
  readonly version: string;
  readonly compatible?: string;
  readonly signedByOthers?: boolean;
  /** What becomes of the file after it was signed. */
  readonly spoil?: (file: string) => void;
  /** What the console says. */
  readonly said: RegExp;
}

export const unfitBundles: readonly UnfitBundle[] = [
  {
    what: 'signed by somebody else',
    version: '9.5.0',
    signedByOthers: true,
    said: /not signed with the key of this box/,
  },
  {
    what: 'one byte of the system in it is another',
    version: '9.5.1',
    spoil: (file) => turnByte(file, 0.5),
    said: /damaged or cut off/,
  },
  {
    what: 'one byte of its signature is another',
    version: '9.5.2',
    spoil: (file) => turnByte(file, 1),
    said: /not signed with the key of this box|damaged or cut off/,
  },
  {
    what: 'cut off',
    version: '9.5.3',
    spoil: (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    said: /damaged or cut off/,
  },
  { what: 'for other hardware', version: '9.5.4', compatible: 'weir-riscv64', said: /for other hardware/ },
  { what: 'an older version', version: '0.0.1', said: /older than the version that runs/ },
];

/** Of the signature, which is behind everything else, the part that is the signature itself comes last. */
const signatureTail = 24;

function turnByte(file: string, place: number): void {
  const bytes = readFileSync(file);
  const at = place === 1 ? bytes.length - signatureTail : Math.floor(bytes.length * place);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

/** Puts such a bundle into `folder`; its name there. */
export async function provideUnfit(folder: string, bundle: UnfitBundle): Promise<string> {
  const { version, signedByOthers = false, spoil } = bundle;
  const work = mkdtempSync(join(folder, 'making-'));
  const slot = join(work, 'slot.img');
  writeFileSync(slot, randomBytes(1 << 20));
  const keys = await openKeys(signedByOthers ? join(work, 'keys') : keysFolder, { make: signedByOthers });
  const name = `weir-${version}.raucb`;
  const content = { slot, version, compatible: bundle.compatible ?? compatible, keys, timeSeconds: 0 };
  await writeBundle(join(folder, name), content, join(work, 'content'));
  rmSync(work, { recursive: true });
  spoil?.(join(folder, name));
  return name;
}
