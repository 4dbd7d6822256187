import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { architecture, type PackageUse, packageUses, suite, unwanted, wanted } from '../packages.ts';

/** One Debian package, to the byte. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly use: PackageUse;
  readonly sha256: string;
  readonly bytes: number;
}

/** Every package of the image, and from which wishes the list was made. */
export interface PackageLock {
  readonly suite: string;
  readonly wanted: Readonly<Record<PackageUse, readonly string[]>>;
  readonly unwanted: readonly string[];
  readonly packages: readonly LockedPackage[];
}

export const lockFile = join(import.meta.dirname, '..', 'packages.lock.json');

/** `lineWidth` in biome.json. */
const formatterColumns = 110;

const advice = 'npm run image -- --update-lock';

/** The name of a package's file, as in Debian's pools but with the epoch. */
export const debName = (entry: { name: string; version: string; architecture: string }): string =>
  `${entry.name}_${entry.version.replaceAll(':', '%3a')}_${entry.architecture}.deb`;

/** The lock of what `packages.ts` asks for now. */
export function makeLock(packages: readonly LockedPackage[]): PackageLock {
  const order = (entry: LockedPackage) => `${packageUses.indexOf(entry.use)} ${entry.name}`;
  const sorted = packages.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  return { suite, wanted, unwanted: [...unwanted].sort(), packages: sorted };
}

export function readLock(file = lockFile): PackageLock {
  let lock: PackageLock;
  try {
    lock = JSON.parse(readFileSync(file, 'utf8')) as PackageLock;
  } catch (cause) {
    throw new WeirError('IMAGE_LOCK', `cannot read ${file}`, { cause, advice });
  }
  for (const entry of lock.packages) {
    const known = packageUses.includes(entry.use) && [architecture, 'all'].includes(entry.architecture);
    if (known && /^[0-9a-f]{64}$/.test(entry.sha256) && /^[a-z0-9][a-z0-9+.-]+$/.test(entry.name)) continue;
    throw new WeirError('IMAGE_LOCK', `${file} has an entry that is none: ${JSON.stringify(entry)}`, {
      advice,
    });
  }
  const { packages, ...wishes } = makeLock([]);
  const { packages: _, ...locked } = lock;
  if (JSON.stringify(wishes) !== JSON.stringify(locked)) {
    throw new WeirError('IMAGE_LOCK', `${file} was made for another list of packages than packages.ts`, {
      advice,
    });
  }
  return lock;
}

export function writeLock(lock: PackageLock, file = lockFile): void {
  writeFileSync(file, `${withShortLists(JSON.stringify(lock, undefined, 2))}\n`);
}

/** As the formatter wants it, so that a renewed lock can be committed as it is: a list that fits in a line is in one. */
function withShortLists(json: string): string {
  return json.replace(/^(.*\[)\s+([^[\]{}]+?)\s+(\],?)$/gm, (long, start, items, end) => {
    const short = `${start}${items.replace(/\n */g, ' ')}${end}`;
    return short.length <= formatterColumns ? short : long;
  });
}

/** What a renewed lock changes, a line per package. */
export function lockChanges(before: PackageLock | undefined, after: PackageLock): readonly string[] {
  const versions = (lock: PackageLock | undefined) =>
    new Map(lock?.packages.map(({ use, name, version }) => [`${use} ${name}`, version]));
  const old = versions(before);
  const now = versions(after);
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((key) => old.get(key) !== now.get(key))
    .map((key) => `${key}: ${old.get(key) ?? 'none'} -> ${now.get(key) ?? 'none'}`);
}
