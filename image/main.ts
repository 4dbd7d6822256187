/**
 * `npm run image [-- OPTION...]`: builds what is flashed onto a gateway, from this checkout and Debian packages alone. See
 * docs/image.md.
 */
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describeError, isWeirError, systemClock, WeirError, weirVersion } from '#base';
import { type BuiltImage, buildImage, type ImageInputs } from './build.ts';
import { openKeys } from './keys/keys.ts';
import { Archive } from './lock/archive.ts';
import { fetchDebs, fetchDebsOrRenewed } from './lock/debs.ts';
import {
  lockChanges,
  lockFile,
  makeLock,
  type PackageLock,
  readLock,
  writeLock,
} from './lock/package-lock.ts';
import { type ImageOptions, parseOptions, usage } from './options.ts';
import { run } from './program.ts';
import { installModules } from './weir/modules.ts';
import { repository, Workspace } from './workspace.ts';

/** What is flashed, compressed; see docs/image.md for what it is made of. */
const imageLimitBytes = 128 * 2 ** 20;

async function main(args: readonly string[]): Promise<void> {
  const startedMs = systemClock.nowMs();
  const options = parseOptions(args);
  const workspace = new Workspace(options.out === undefined ? {} : { dist: options.out });
  workspace.prepare();
  let archive: Promise<Archive> | undefined;
  const openArchive = () => {
    archive ??= Archive.open(join(workspace.cache, 'apt'));
    return archive;
  };
  if (options.updateLock) return updateLock(await openArchive());

  const progress = (what: string) => {
    const seconds = Math.round((systemClock.nowMs() - startedMs) / 1000);
    console.error(`image: ${String(seconds).padStart(3)} s  ${what}`);
  };
  const inputs = await gatherInputs(options, { workspace, openArchive, progress });
  const built = await buildImage(inputs, workspace, progress);
  if (options.verify) await verify(built, inputs, workspace, progress);
  report(built, Math.round((systemClock.nowMs() - startedMs) / 1000));
}

async function gatherInputs(
  options: ImageOptions,
  ways: { workspace: Workspace; openArchive: () => Promise<Archive>; progress: (what: string) => void },
): Promise<ImageInputs> {
  const { workspace, openArchive, progress } = ways;
  const keys = await openKeys(options.keys ?? join(repository, 'build', 'image-keys'), {
    make: options.keys === undefined,
  });
  progress('packages');
  const sources = { cache: join(workspace.cache, 'debs'), kept: options.debs, openArchive };
  const fetch = options.renewIfDrifted ? fetchDebsOrRenewed : fetchDebs;
  const debs = await fetch(readLock(), sources, (line) => console.error(`image: ${line}`));
  const modules = await installModules(workspace.cache);
  const git = async (...args: string[]) => (await run('git', args, { cwd: repository })).trim();
  const changed = (await git('status', '--porcelain')) !== '';
  return {
    version: options.version ?? weirVersion,
    commit: `${await git('rev-parse', '--short=12', 'HEAD')}${changed ? '-changed' : ''}`,
    timeSeconds: Number(await git('log', '-1', '--format=%ct')),
    debs,
    modules,
    keys,
    replaced: options.replaced,
  };
}

async function updateLock(archive: Archive): Promise<void> {
  const renewed = makeLock(await archive.resolve());
  const before = lockOrNone();
  writeLock(renewed);
  for (const line of lockChanges(before, renewed)) console.log(line);
  console.log(`${relative(repository, lockFile)}: ${renewed.packages.length} packages`);
}

/** What is written down now, be it for another list of packages. */
function lockOrNone(): PackageLock | undefined {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')) as PackageLock;
  } catch {
    return undefined;
  }
}

/** The same again in other folders: nothing of where or when it was built may be in it. */
async function verify(
  built: BuiltImage,
  inputs: ImageInputs,
  workspace: Workspace,
  progress: (what: string) => void,
): Promise<void> {
  const again = new Workspace({
    cache: workspace.cache,
    build: join(repository, 'build', 'image-second', 'elsewhere'),
    dist: join(repository, 'build', 'image-second', 'dist'),
  });
  progress('the same again');
  const second = await buildImage(inputs, again, progress);
  const different = (['slot', 'image', 'payload', 'sbom'] as const).filter(
    (name) => built.hashes[name] !== second.hashes[name],
  );
  if (different.length > 0) {
    throw new WeirError('IMAGE_FAILED', `not the same when built again: ${different.join(', ')}`, {
      fields: { first: workspace.build, second: again.build },
    });
  }
  rmSync(join(repository, 'build', 'image-second'), { recursive: true });
  progress('built twice, the same both times');
}

function report(built: BuiltImage, seconds: number): void {
  const mebibytes = (file: string) => `${(statSync(file).size / 2 ** 20).toFixed(1)} MiB`;
  const name = (file: string) => relative(process.cwd(), file);
  console.log(`${name(built.compressed)}  ${mebibytes(built.compressed)}  sha256 ${built.hashes.image}`);
  console.log(`${name(built.bundle)}  ${mebibytes(built.bundle)}  payload sha256 ${built.hashes.payload}`);
  console.log(`${name(built.sbom)}  sha256 ${built.hashes.sbom}`);
  console.log(`slot  ${mebibytes(built.slot)}  sha256 ${built.hashes.slot}  root hash ${built.rootHash}`);
  console.log(`built in ${seconds} s`);
  const bytes = statSync(built.compressed).size;
  if (bytes > imageLimitBytes) {
    throw new WeirError('IMAGE_FAILED', 'the image has become too big', {
      fields: { bytes, limit: imageLimitBytes },
    });
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`image: ${describeError(error)}`);
  if (isWeirError(error, 'USAGE')) console.error(usage);
  else if (!isWeirError(error)) console.error((error as Error).stack);
  process.exitCode = isWeirError(error, 'USAGE') ? 2 : 1;
}
