import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';

/** These packages and all they need, as paths below `modules`: a package may have an own version of what others share. */
export function packageTree(names: readonly string[], modules: string): readonly string[] {
  const found = new Set<string>();
  const visit = (name: string, from: string) => {
    const path = resolve(name, from, modules);
    if (found.has(path)) return;
    found.add(path);
    const manifest = JSON.parse(readFileSync(join(modules, path, 'package.json'), 'utf8')) as {
      dependencies?: Readonly<Record<string, string>>;
    };
    for (const other of Object.keys(manifest.dependencies ?? {})) visit(other, path);
  };
  for (const name of names) visit(name, '');
  return [...found].sort();
}

/** Where Node finds `name` when the package at `from` asks for it: with that package, or further up. */
function resolve(name: string, from: string, modules: string): string {
  for (
    let folder = from;
    folder !== '';
    folder = folder.replace(/(^|\/node_modules\/)(@[^/]+\/)?[^/]+$/, '')
  ) {
    const own = join(folder, 'node_modules', name);
    if (existsSync(join(modules, own, 'package.json'))) return own;
  }
  if (existsSync(join(modules, name, 'package.json'))) return name;
  throw new WeirError('IMAGE_FAILED', `${name}, which ${from} needs, is not installed for the gateway`);
}
