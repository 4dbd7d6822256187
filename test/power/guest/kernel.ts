import { globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WeirError } from '#base';
import { run } from './program.ts';

/** Depends on the newest of its kind. Its ext4 is built in, its drivers for virtual disks are modules. */
const metaPackage = 'linux-image-cloud-amd64';

export interface Kernel {
  readonly image: string;
  /** Drivers for the guest's disk, in the order in which they can be loaded. */
  readonly modules: readonly string[];
}

/**
 * Debian's kernel, out of its package, which is unpacked in `folder` and not installed: no boot loader is touched. What is
 * there already is used.
 */
export async function unpackKernel(folder: string): Promise<Kernel> {
  const there = globSync('linux-image-*/boot/vmlinuz-*', { cwd: folder }).sort().at(-1);
  const root = there === undefined ? await download(folder) : join(folder, there, '..', '..');
  const image = globSync('boot/vmlinuz-*', { cwd: root })[0];
  if (image === undefined) {
    throw new WeirError('MISSING_PROGRAM', `no kernel in ${root}`, { advice: 'remove that folder' });
  }
  const files = globSync('lib/modules/*/kernel/drivers/**/*.ko', { cwd: root }).map((path) =>
    join(root, path),
  );
  return { image: join(root, image), modules: loadOrder(['virtio_pci', 'virtio_blk'], files) };
}

async function download(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const depends = await run('apt-cache', ['depends', '--important', metaPackage]);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) {
    throw new WeirError('MISSING_PROGRAM', `apt knows no ${metaPackage}`, { advice: 'apt-get update' });
  }
  const unpacking = mkdtempSync(join(folder, 'unpacking-'));
  try {
    await run('apt-get', ['download', '-qq', name], { cwd: unpacking });
    const [archive = ''] = globSync('*.deb', { cwd: unpacking });
    await run('dpkg-deb', ['--extract', archive, 'root'], { cwd: unpacking });
    const root = join(folder, name);
    renameSync(join(unpacking, 'root'), root);
    return root;
  } finally {
    rmSync(unpacking, { recursive: true });
  }
}

/** A package has no list of what needs what; each module names what it needs itself. */
function loadOrder(wanted: readonly string[], files: readonly string[]): readonly string[] {
  const nameOf = (path: string) => basename(path, '.ko').replaceAll('-', '_');
  const byName = new Map(files.map((path) => [nameOf(path), path]));
  const order = new Set<string>();
  const visit = (name: string) => {
    const path = byName.get(name);
    if (path === undefined) throw new WeirError('MISSING_PROGRAM', `the kernel has no module ${name}`);
    if (order.has(path)) return;
    const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
    for (const other of depends.split(',').filter(Boolean)) visit(other);
    order.add(path);
  };
  for (const name of wanted) visit(name);
  return [...order];
}
