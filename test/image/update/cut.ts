import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { CloseStack } from '#base';
import { createLabWorld } from '../../lab/lab-world.ts';
import type { CutCount } from '../../power/volatile-disk.ts';
import { WriteLog } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';
import { type FlashedDisk, Gateway, type GatewayOptions, makeRoomForGateway } from '../gateway.ts';
import { PowerCuts } from '../power/recorded-disk.ts';
import { startsWithinMs } from '../technician.ts';
import { type Books, examineLedger } from './ledger.ts';
import { type Cut, chooseCuts, requireDue, shownBy, sumOf, textOf } from './moments.ts';
import type { Recording, Story } from './recording.ts';
import { stopwatch, until } from './rig.ts';
import { isHealthy, readSlots } from './slots-on-disk.ts';
import type { Result } from './take.ts';
import { Technician } from './technician.ts';

export interface CutOptions {
  readonly cuts: number;
  /** The first that is done; those before it are not. */
  readonly from: number;
  readonly seed: number;
  /** So many gateways start at a time. */
  readonly parallel: number;
  readonly machine: GatewayOptions;
  readonly folder: string;
  readonly say: (text: string) => void;
  /** What was shown by now, after each. */
  readonly onResults: (results: readonly Result[]) => void;
}

interface Outcome extends Cut {
  readonly count: CutCount;
  readonly slot: 'a' | 'b';
  readonly seconds: number;
}

/**
 * Cuts the power of what was recorded at random moments, and starts a gateway with each disk that is left: it must come up with the version
 * that was due, get healthy by itself, and have everything it had shown.
 */
export async function cutUpdates(recording: Recording, options: CutOptions): Promise<readonly Result[]> {
  const { say, seed, parallel, cuts: wanted } = options;
  using power = new PowerCuts(recording.before, recording.variables, new WriteLog(recording.log));
  const { story } = recording;
  const cuts = chooseCuts(power, story, wanted, randomOf(seed));
  const outcomes: Outcome[] = [];
  const failures: string[] = [];
  let next = options.from;
  const work = async (worker: number) => {
    await using parts = new CloseStack();
    const world = parts.use(await createLabWorld({ prefix: `w${worker}-` }));
    await makeRoomForGateway(world);
    for (let index = next++; index <= cuts.length; index = next++) {
      const cut = cuts[index - 1] as Cut;
      const loggedBytes = power.loggedBytesAt(cut.position);
      const random = () => randomOf(seed + index);
      const { disk, count } = await power.cut(cut.position, random());
      const name = `${index} of ${cuts.length}, ${cut.moment}, at ${cut.position}, ${textOf(count)}`;
      const promised = { deviceId: story.deviceId, entries: shownBy(story, loggedBytes) };
      const mountPoint = join(options.folder, `data-${worker}`);
      const booksOf = (examined: FlashedDisk) => examineLedger(examined, mountPoint, promised);
      const left = await disk.copy();
      const took = stopwatch();
      await using gateway = await Gateway.start(world.box, disk, options.machine);
      const technician = new Technician(gateway);
      try {
        // Meanwhile: what the cut has left, before the gateway has done anything about it.
        const before = await booksOf(left);
        const slot = await comesBack(technician, disk, { story, loggedBytes });
        const seconds = took();
        await gateway.cutPower();
        const after = await booksOf(disk);
        requireBilled(before, after);
        outcomes.push({ ...cut, count, slot, seconds });
        options.onResults(resultsOf(outcomes, seed));
        const sessions = `${after.entries} entries of the ledger proven, ${before.open.size} sessions closed`;
        say(`${name}: healthy on ${slot} after ${seconds} s, ${sessions}`);
      } catch (error) {
        // As the cut left it; the other one has been started from.
        const { disk: kept } = await power.cut(cut.position, random());
        failures.push(name);
        say(`${name}: FAILED: ${(error as Error).message}; the disk: ${kept.file}`);
        say(technician.transcript.slice(-1500));
      } finally {
        disk[Symbol.dispose]();
        left[Symbol.dispose]();
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, (_, worker) => work(worker)));
  assert.deepEqual(failures, [], 'cuts after which it was not as it must be');
  return resultsOf(outcomes, seed);
}

/** The slot that it came to run from and got healthy on. */
async function comesBack(
  technician: Technician,
  disk: FlashedDisk,
  { story, loggedBytes }: { story: Story; loggedBytes: number },
): Promise<'a' | 'b'> {
  // Three starts of one version, and one of the other, at the very most.
  await technician.sawStart(4 * startsWithinMs);
  // The disk is asked: to ask the gateway would cost it time. Only the version that runs gives the slot all tries back.
  await until('it gets healthy', () => isHealthy(disk), startsWithinMs);
  const { primary } = readSlots(disk);
  requireDue(primary, story, loggedBytes);
  const alarms = () => technician.commandAnew('show alarms | no-more');
  const quiet = async () => !/(storage|config|relay|health)\.\w+/.test(await alarms());
  await until('no alarm stands', quiet, startsWithinMs);
  return primary;
}

/** All that was in the ledger has a record now, and nothing is open. */
function requireBilled(before: Books, after: Books): void {
  const missing = [...before.billed, ...before.open].filter((session) => !after.billed.has(session));
  assert.deepEqual(missing, [], 'sessions without a record');
  assert.deepEqual([...after.open], [], 'sessions that were not closed');
}

function resultsOf(outcomes: readonly Outcome[], seed: number): readonly Result[] {
  const on = (slot: 'a' | 'b') => outcomes.filter((one) => one.slot === slot).length;
  const times = outcomes.map(({ seconds }) => seconds).sort((a, b) => a - b);
  return [
    [
      `power cuts, seed ${seed}`,
      `${outcomes.length}; all healthy, ${on('a')} on a, ${on('b')} on b; ledger proven`,
    ],
    ['writes at these cuts', sumOf(outcomes.map(({ count }) => count))],
    ['power to healthy', `median ${times[times.length >> 1] ?? 0} s, at most ${times.at(-1) ?? 0} s`],
  ];
}
