import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, isWeirError, WeirError } from '#base';
import type { Archive } from './archive.ts';
import { debName, type LockedPackage, lockChanges, makeLock, type PackageLock } from './package-lock.ts';

export interface DebSources {
  /** Kept from build to build. */
  readonly cache: string;
  /** A folder of kept packages, for when the archive has them no more. */
  readonly kept: string | undefined;
  readonly openArchive: () => Promise<Pick<Archive, 'offers' | 'download' | 'resolve'>>;
}

/**
 * The file of every package that is locked, each with the SHA-256 it is locked with. The network is touched only for what is
 * neither cached nor kept. When the archive has gone on to other versions, that is an error which names them.
 */
export async function fetchDebs(
  lock: PackageLock,
  sources: DebSources,
): Promise<ReadonlyMap<LockedPackage, string>> {
  if (sources.kept !== undefined && !existsSync(sources.kept)) {
    throw new WeirError('IMAGE_LOCK', `there is no folder ${sources.kept} of kept packages`);
  }
  mkdirSync(sources.cache, { recursive: true });
  const files = new Map(lock.packages.map((entry) => [entry, join(sources.cache, debName(entry))]));
  const missing = [...files].filter(
    ([entry, file]) => !isThere(entry, file) && !takeKept(entry, file, sources.kept),
  );
  if (missing.length === 0) return files;

  const archive = await sources.openArchive();
  const offers = await archive.offers(missing.map(([{ name }]) => name));
  const offered = (entry: LockedPackage) => offers.filter(({ name }) => name === entry.name);
  const gone = missing
    .map(([entry]) => entry)
    .filter(
      (entry) =>
        !offered(entry).some(({ version, sha256 }) => version === entry.version && sha256 === entry.sha256),
    );
  if (gone.length > 0) {
    const named = gone.map((entry) => {
      const now = offered(entry).map(({ version }) => version);
      return `${entry.name} ${entry.version} (there: ${now.join(', ') || 'none'})`;
    });
    throw new WeirError('IMAGE_DRIFT', `the archive has no more what is locked: ${named.join('; ')}`, {
      advice:
        'name a folder of kept packages with --debs DIR, or renew the lock: npm run image -- --update-lock',
    });
  }
  await archive.download(
    missing.map(([entry]) => entry),
    sources.cache,
    debName,
  );
  for (const [entry, file] of missing) {
    if (!isThere(entry, file)) throw new WeirError('IMAGE_DRIFT', `${file} is not what is locked`);
  }
  return files;
}

/**
 * As above; where the archive has gone on, what it has now, for this time alone: `report` gets what is gone and what comes in its place.
 * For builds that are tried out, never for one that is given to somebody.
 */
export async function fetchDebsOrRenewed(
  lock: PackageLock,
  sources: DebSources,
  report: (line: string) => void,
): Promise<ReadonlyMap<LockedPackage, string>> {
  try {
    return await fetchDebs(lock, sources);
  } catch (error) {
    if (!isWeirError(error, 'IMAGE_DRIFT')) throw error;
    report(describeError(error));
  }
  const archive = await sources.openArchive();
  const renewed = makeLock(await archive.resolve());
  for (const line of lockChanges(lock, renewed)) report(`for this build alone: ${line}`);
  return await fetchDebs(renewed, sources);
}

/** True when the file is there and is the one; another of its name is taken away. */
function isThere(entry: LockedPackage, file: string): boolean {
  if (!existsSync(file)) return false;
  if (sha256(file) === entry.sha256) return true;
  rmSync(file);
  return false;
}

function takeKept(entry: LockedPackage, file: string, folder: string | undefined): boolean {
  const kept = folder === undefined ? undefined : join(folder, debName(entry));
  if (kept === undefined || !existsSync(kept)) return false;
  if (sha256(kept) !== entry.sha256) {
    throw new WeirError('IMAGE_DRIFT', `${kept} is not the file that is locked`, {
      fields: { locked: entry.sha256 },
      advice: 'take that file away',
    });
  }
  copyFileSync(kept, `${file}.part`);
  renameSync(`${file}.part`, file);
  return true;
}

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
