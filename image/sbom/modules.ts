import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { repository } from '../workspace.ts';

/** One npm package, as package-lock.json has it. */
export interface LockedModule {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** SHA-512 of its archive, hexadecimal. */
  readonly sha512: string | undefined;
}

interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
}

/** What package-lock.json says of these, which are paths below `node_modules`. */
export function lockedModules(
  paths: readonly string[],
  file = join(repository, 'package-lock.json'),
): readonly LockedModule[] {
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as {
    packages: Readonly<Record<string, LockEntry>>;
  };
  return paths.map((path) => {
    const { version, license = 'NOASSERTION', integrity = '' } = packages[`node_modules/${path}`] ?? {};
    if (version === undefined) throw new WeirError('IMAGE_FAILED', `package-lock.json knows no ${path}`);
    const [kind, digest] = integrity.split('-');
    const sha512 = kind === 'sha512' && digest ? Buffer.from(digest, 'base64').toString('hex') : undefined;
    return { name: path.replace(/^.*node_modules\//, ''), version, licence: license, sha512 };
  });
}
