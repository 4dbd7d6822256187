import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { WeirError } from '#base';
import type { LockedPackage } from '../lock/package-lock.ts';
import type { PackageUse } from '../packages.ts';
import { run } from '../program.ts';

export interface ExtractOptions {
  readonly uses: readonly PackageUse[];
  readonly root: string;
  /** A folder whose files take the place of those of a package. */
  readonly replaced: ReadonlyMap<string, string>;
}

/** Unpacks packages over each other. No script of theirs runs: `finish.ts` does what those would. */
export async function extractPackages(
  debs: ReadonlyMap<LockedPackage, string>,
  { uses, root, replaced }: ExtractOptions,
): Promise<void> {
  mkdirSync(root, { recursive: true });
  // base-files has the links /bin -> usr/bin, by which the others find their way.
  const first = (entry: LockedPackage) => (entry.name === 'base-files' ? 0 : 1);
  const chosen = [...debs].filter(([{ use }]) => uses.includes(use)).sort(([a], [b]) => first(a) - first(b));
  for (const [entry, deb] of chosen) {
    const folder = replaced.get(entry.name);
    if (folder === undefined) await extractDeb(deb, root);
    else if (existsSync(folder)) cpSync(folder, root, { recursive: true, verbatimSymlinks: true });
    else throw new WeirError('IMAGE_FAILED', `no folder ${folder}, which was to be ${entry.name}`);
  }
}

export async function extractDeb(deb: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await run('dpkg-deb', ['--extract', deb, folder]);
}
