import { copyFileSync, globSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { WeirError } from '#base';
import { run } from '../program.ts';
import { droppedFolders, initrdFolders, initrdModules, keptFolders } from './module-names.ts';

/** Debian's kernel, as unpacked from its package. */
export class Kernel {
  readonly release: string;
  readonly #folder: string;
  /** Path of a module → paths of what it needs; all from the folder of modules. */
  readonly #dependencies: ReadonlyMap<string, readonly string[]>;

  private constructor(folder: string, release: string) {
    this.#folder = folder;
    this.release = release;
    this.#dependencies = parseDependencies(readFileSync(join(this.#modules, 'modules.dep'), 'utf8'));
  }

  /** The kernel whose package was unpacked in `folder`. The list of what needs what is made first: a package has none. */
  static async open(folder: string): Promise<Kernel> {
    const image = globSync('boot/vmlinuz-*', { cwd: folder })[0];
    if (image === undefined)
      throw new WeirError('IMAGE_FAILED', 'the package of the kernel has no kernel in it');
    const release = basename(image).slice('vmlinuz-'.length);
    await indexModules(join(folder, 'usr'), folder, release);
    return new Kernel(folder, release);
  }

  /** Puts the kernel, and the modules a gateway may need, into the root filesystem. */
  async install(root: string): Promise<void> {
    mkdirSync(join(root, 'boot'), { recursive: true });
    copyFileSync(join(this.#folder, 'boot', `vmlinuz-${this.release}`), join(root, 'boot', 'vmlinuz'));
    const target = join(root, 'usr');
    this.#copy(target, (path) => isIn(path, keptFolders) && !isIn(path, droppedFolders));
    await this.#index(target);
  }

  /** Puts what finds the slot into the tree of the initrd. */
  async installForInitrd(root: string): Promise<void> {
    const builtIn = readFileSync(join(this.#modules, 'modules.builtin'), 'utf8').split('\n').map(moduleName);
    const known = new Set([...builtIn, ...[...this.#dependencies.keys()].map(moduleName)]);
    const unknown = initrdModules.filter((name) => !known.has(name));
    if (unknown.length > 0)
      throw new WeirError('IMAGE_FAILED', `the kernel has no modules ${unknown.join(', ')}`);
    const chosen = this.#copy(root, (path) => {
      const bySort = isIn(path, initrdFolders) && !isIn(path, droppedFolders);
      return bySort || initrdModules.includes(moduleName(path));
    });
    // busybox loads them as they are, and together they compress better than each by itself.
    await run('xz', ['--decompress', '--quiet', ...chosen.filter((path) => path.endsWith('.xz'))]);
    await this.#index(root);
  }

  get #modules(): string {
    return join(this.#folder, 'usr', 'lib', 'modules', this.release);
  }

  /** Copies the modules that are wanted, and what they need; gives the paths of the copies. */
  #copy(target: string, wanted: (path: string) => boolean): readonly string[] {
    const chosen = new Set<string>();
    for (const [path, needs] of this.#dependencies) {
      if (wanted(path)) for (const one of [path, ...needs]) chosen.add(one);
    }
    const folder = join(target, 'lib', 'modules', this.release);
    const copy = (path: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      copyFileSync(join(this.#modules, path), join(folder, path));
      return join(folder, path);
    };
    for (const path of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) copy(path);
    return [...chosen].sort().map(copy);
  }

  #index(target: string): Promise<string> {
    return indexModules(target, this.#folder, this.release);
  }
}

/** Makes modules.dep and its like for `target`/lib/modules. */
const indexModules = (target: string, package_: string, release: string): Promise<string> =>
  run('depmod', ['-b', target, '-F', join(package_, 'boot', `System.map-${release}`), release]);

/** `a.ko.xz: b.ko.xz c.ko.xz`, a line per module, with what the needed ones need. */
function parseDependencies(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const [path = '', needs = ''] = line.split(':');
        return [path, needs.trim().split(' ').filter(Boolean)] as const;
      }),
  );
}

/** One of these modules, or in one of these folders, below `kernel/`. */
const isIn = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === `kernel/${folder}.ko.xz` || path.startsWith(`kernel/${folder}/`));

/** As the kernel knows it: `a/b-c.ko.xz` → `b_c`. */
const moduleName = (path: string): string =>
  basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
