/**
 * `node hal/setup/setup.ts run|bench|test|power|image|image-test`: what npm does before `npm start`, `npm run bench`, `npm test`,
 * `npm run power` and `npm run image`. Installs the system programs that are missing, builds the native addons; on a machine that is ready it
 * only looks and touches no network.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describeError, WeirError } from '#base';
import { addons, buildAddon, isStale } from './addons.ts';
import {
  installCommand,
  missingPackages,
  type SetupMode,
  type SystemPackage,
  setupModes,
} from './packages.ts';

const lockFile = join(import.meta.dirname, '..', '..', 'node_modules', '.weir-setup.lock');
const lockedFlag = '--locked';

async function main(args: readonly string[]): Promise<number> {
  const mode = setupModes.find((name) => name === args[0]);
  if (mode === undefined) {
    throw new WeirError('USAGE', 'setup wants to know what for', {
      advice: `node hal/setup/setup.ts ${setupModes.join('|')}`,
    });
  }
  const missing = missingPackages(mode);
  if (missing.length === 0 && !addons.some(isStale)) return 0;
  const unlockable = missing.some((entry) => entry.name === 'util-linux');
  return unlockable || args.includes(lockedFlag) ? finish(mode) : underLock(mode);
}

/**
 * Runs this again while holding the lock; a second set-up waits, then finds nothing left to do. flock(1) because
 * the kernel lets go of its lock however its holder ends.
 */
function underLock(mode: SetupMode): number {
  const self = [process.execPath, import.meta.filename, mode, lockedFlag];
  const { status } = spawnSync('flock', [lockFile, ...self], { stdio: 'inherit' });
  return status ?? 1;
}

async function finish(mode: SetupMode): Promise<number> {
  install(missingPackages(mode));
  for (const addon of addons.filter(isStale)) {
    console.error(`setup: building ${addon.name}`);
    await buildAddon(addon);
  }
  return 0;
}

function install(missing: readonly SystemPackage[]): void {
  const required = missing.filter((entry) => !entry.optional);
  const administrator = process.getuid?.() === 0 && apt(['--version']).status === 0;
  if (required.length > 0 && !administrator) {
    throw new WeirError('MISSING_PROGRAM', `missing: ${namesOf(required)}`, {
      advice: `as root: ${installCommand(missing)}`,
    });
  }
  if (missing.length === 0 || !administrator) return;

  console.error(`setup: installing ${namesOf(missing)}`);
  apt(['update', '-qq']); // When it fails, installing fails too, or works from what is known already.
  const optional = missing.filter((entry) => entry.optional);
  for (const group of [required, optional].filter((entries) => entries.length > 0)) {
    const names = group.map((entry) => entry.name);
    const { status, stderr } = apt(['install', '-qq', '-y', '--no-install-recommends', ...names]);
    if (status === 0) continue;
    const said = stderr.trim().split('\n').at(-1) ?? '';
    if (group === optional) console.error(`setup: goes on without ${namesOf(group)}: ${said}`);
    else {
      throw new WeirError('MISSING_PROGRAM', `apt-get could not install ${namesOf(group)}: ${said}`, {
        advice: `as root: ${installCommand(group)}`,
      });
    }
  }
}

function apt(args: readonly string[]) {
  return spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
}

const namesOf = (entries: readonly SystemPackage[]): string => entries.map((entry) => entry.name).join(' ');

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`setup: ${describeError(error)}`);
  process.exitCode = 1;
}
