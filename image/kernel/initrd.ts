import { copyFileSync, globSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { type CpioEntry, cpio } from '../initrd/cpio.ts';
import { run } from '../program.ts';
import type { Kernel } from './kernel.ts';

const sources = join(import.meta.dirname, '..', 'initrd');
/** Programs of the project's own that the script calls. */
const programs = ['verity-open', 'watchdog-start'];
const folders = ['bin', 'dev', 'etc', 'proc', 'slot', 'sys'];

/**
 * Builds the initrd: busybox, a script that opens the slot, what finds its disk. Like everything in the image it is the same to the
 * byte each time.
 */
export async function writeInitrd(
  file: string,
  { kernel, busybox, folder }: { kernel: Kernel; busybox: string; folder: string },
): Promise<void> {
  for (const name of folders) mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(join(busybox, 'usr', 'bin', 'busybox'), join(folder, 'bin', 'busybox'));
  copyFileSync(join(sources, 'init'), join(folder, 'init'));
  for (const name of programs) {
    const output = join(folder, 'bin', name);
    const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-s', '-Wl,--build-id=none'];
    await run('aarch64-linux-gnu-gcc', [...flags, '-o', output, `${name}.c`], { cwd: sources });
  }
  await kernel.installForInitrd(folder);
  const archive = Buffer.concat([...cpio(entriesIn(folder))]);
  writeFileSync(file, zstdCompressSync(archive, { params: { [constants.ZSTD_c_compressionLevel]: 15 } }));
}

function* entriesIn(folder: string): Generator<CpioEntry> {
  for (const path of globSync('**', { cwd: folder })
    .filter((name) => name !== '.' && name !== '')
    .sort()) {
    const file = join(folder, path);
    if (lstatSync(file).isDirectory()) yield { kind: 'folder', path };
    else
      yield { kind: 'file', path, data: readFileSync(file), executable: (statSync(file).mode & 0o100) !== 0 };
  }
}
