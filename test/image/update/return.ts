import { strict as assert } from 'node:assert';
import type { UpdateStatus } from '../../../src/operations/update-status.ts';
import { startsWithinMs } from '../technician.ts';
import { bootLoader, runningOf, stopwatch, type UpdateRig, until } from './rig.ts';
import type { Result } from './take.ts';
import type { Technician } from './technician.ts';
import { badVersions, provideVersion } from './versions.ts';

/** `weir-slot-deadline.timer`. */
export const deadlineMinutes = 20;
/** Three starts of the version that fails, until each is given up, and one of the other version. */
const wayBackMs = 4 * startsWithinMs;

/** Versions that never get healthy, each in its own way: the one before is back, without anybody's doing. */
export async function returnFromBadVersions(
  rig: UpdateRig,
  {
    ways,
    minutes,
  }: {
    /** Names of `badVersions`. */
    readonly ways: readonly string[];
    /** After so many minutes those give up that run, instead of after twenty. */
    readonly minutes: number | undefined;
  },
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const before = runningOf(await rig.technician.sawHealthy());
  for (const version of ways.flatMap((name) => badVersions[name] ?? [])) {
    const bundle = await provideVersion(rig.depot, version, minutes);
    // Some are older than the version that runs.
    assert.match(await rig.install(bundle, 'force'), new RegExp(`version ${version.version} is installed`));
    const from = rig.technician.transcript.length;
    const took = stopwatch();
    await rig.activate();
    if (version.hasConsole) await seesThatItIsNotHealthy(rig.technician);
    const running = await rig.comesBack((minutes ?? deadlineMinutes) * 60_000 + wayBackMs);
    const { slots } = await rig.technician.asks<UpdateStatus>('show update');
    const failed = slots.find(({ slot }) => slot !== running.slot);
    assert.deepEqual([running.slot, running.version], [before.slot, before.version], 'it did not come back');
    assert.deepEqual([failed?.condition, failed?.triesLeft], ['bad', 0]);
    const starts = rig.technician.transcript.slice(from).split(bootLoader).length - 1;
    const result = `back after ${took()} s, ${starts - 1} starts of it`;
    results.push([`a version that ${version.what}`, result]);
    rig.say(`${version.what}: ${result}`);
  }
  return results;
}

/** An operator who looks meanwhile is told. */
async function seesThatItIsNotHealthy(technician: Technician): Promise<void> {
  await technician.sees(bootLoader, startsWithinMs);
  await technician.sawStart();
  await technician.logIn();
  await until(
    'the self-test fails',
    async () => (await technician.command('show alarms | no-more')).includes('health.unproven'),
    startsWithinMs,
  );
}
