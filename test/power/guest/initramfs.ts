import { createWriteStream, globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CpioEntry, cpio } from '../../../image/initrd/cpio.ts';
import type { Kernel } from './kernel.ts';
import { run } from './program.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/** What the workload is made of, out of this repository. */
const projectFiles = [
  'package.json',
  '{src/base,storage}/**/*.ts',
  'test/random.ts',
  'test/power/*.ts',
  'node_modules/better-sqlite3/{package.json,lib/**/*.js,prebuilds/linux-x64.node}',
];

/** The last line of the console when the workload ran as planned. */
export const guestDone = 'weir-power: done';

/**
 * The guest's first process. The kernel hands it the parameters it does not know itself as environment: RUNS, SEED,
 * PRELOAD. Each page is a write of its own, so that a power cut can take it alone. 137 is the status of a run that ended
 * itself by SIGKILL.
 */
const init = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
for module in /modules/*; do insmod "$module"; done
echo 4 > /sys/block/vda/queue/max_sectors_kb
echo 2 > /sys/block/vda/queue/nomerges
mount -t ext4 /dev/vda /data || poweroff -f
cd /weir
outcome='${guestDone}'
run=1
while [ "$run" -le "$RUNS" ]; do
  node $PRELOAD test/power/workload.ts "$run" "$SEED"
  status=$?
  echo "weir-power: run $run ended with $status"
  case $status in 0 | 137) ;; *) outcome='weir-power: failed' ;; esac
  run=$((run + 1))
done
umount /data && echo "$outcome"
poweroff -f
`;

/** Writes the guest's whole root: a shell, Node with its libraries, the store, the workload. */
export async function writeInitramfs(path: string, kernel: Kernel): Promise<void> {
  const files = new Map<string, { data: Buffer; executable: boolean }>();
  const add = (at: string, data: Buffer, executable = false) => files.set(at, { data, executable });

  add('init', Buffer.from(init), true);
  add('bin/busybox', readFileSync('/bin/busybox'), true);
  add('bin/node', readFileSync(process.execPath), true);
  for (const library of await librariesOf(process.execPath)) {
    add(library.slice(1), readFileSync(library), true);
  }
  for (const [index, module] of kernel.modules.entries()) {
    add(`modules/${String(index).padStart(2, '0')}-${basename(module)}`, readFileSync(module));
  }
  for (const file of globSync(projectFiles, { cwd: root })) {
    if (statSync(join(root, file)).isFile()) add(`weir/${file}`, readFileSync(join(root, file)));
  }

  const entries: CpioEntry[] = [
    ...foldersOf([...files.keys(), 'proc/-', 'sys/-', 'dev/-', 'tmp/-', 'data/-']),
  ]
    .sort()
    .map((folder) => ({ kind: 'folder', path: folder }));
  for (const [at, file] of files) entries.push({ kind: 'file', path: at, ...file });
  await pipeline(Readable.from(cpio(entries)), createWriteStream(path));
}

/** Where the dynamic loader finds them here, it finds them there. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const printed = await run('ldd', [program]);
  return [...printed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

function foldersOf(paths: Iterable<string>): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) folders.add(at);
  }
  return folders;
}
