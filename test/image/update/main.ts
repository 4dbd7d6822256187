/**
 * `npm run image:update [-- OPTION...]`: boots what was built by `npm run image` in QEMU, and updates it: to a version as it should be, under
 * load; to bundles that are not for it; to versions that never get healthy; and with power cuts at random moments. Ends with status 1
 * when something is not as it must be.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError, systemClock, WeirError } from '#base';
import { renderReport } from '../../bench/report.ts';
import { runCommand, wholeNumber } from '../../command.ts';
import type { GatewayOptions } from '../gateway.ts';
import { cutUpdates } from './cut.ts';
import { type Recording, recordingIn, recordUpdate } from './recording.ts';
import { refuseBundles } from './refuse.ts';
import { returnFromBadVersions } from './return.ts';
import { preparedDisk, stopwatch, UpdateRig } from './rig.ts';
import { surveyCuts } from './survey.ts';
import { type Result, takeNextVersion } from './take.ts';
import { badVersions } from './versions.ts';

const series = ['refuse', 'take', 'return', 'survey', 'cut'] as const;
type Series = (typeof series)[number];

const ways = Object.keys(badVersions);

const usage = `usage: npm run image:update [-- OPTION...]
  --only SERIES,...    of ${series.join(', ')}
  --ways WAY,...       in which versions of \`return\` fail, of ${ways.join(', ')}
  --deadline MINUTES   after which versions that run without being healthy give up, not 20
  --surveys N          disks left by power cuts that are looked at, 200
  --cuts N             disks left by power cuts that are started from, 50
  --seed S             which ones, 1
  --from K             goes on with number K
  --parallel P         gateways that start at a time after cuts, 2
  --own-clock          on a machine that has other things to do: no watchdog bites, and it takes twice as long
  --work FOLDER        keeps the gateway that was set up and what was recorded there, and takes what is there already`;

interface Options {
  readonly only: readonly Series[];
  readonly ways: readonly string[];
  readonly deadlineMinutes: number | undefined;
  readonly surveys: number;
  readonly cuts: number;
  readonly seed: number;
  readonly from: number;
  readonly parallel: number;
  readonly machine: GatewayOptions;
  readonly work: string | undefined;
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: series.join(',') },
      ways: { type: 'string', default: ways.join(',') },
      deadline: { type: 'string' },
      surveys: { type: 'string', default: '200' },
      cuts: { type: 'string', default: '50' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '1' },
      parallel: { type: 'string', default: '2' },
      'own-clock': { type: 'boolean', default: false },
      work: { type: 'string' },
    },
  });
  const someOf = <T extends string>(name: string, all: readonly T[], text: string): readonly T[] => {
    const names = text.split(',');
    const known = all.filter((name) => names.includes(name));
    if (known.length === names.length) return known;
    throw new WeirError('USAGE', `--${name} takes some of ${all.join(', ')}, not "${text}"`);
  };
  return {
    only: someOf('only', series, values.only),
    ways: someOf('ways', ways, values.ways),
    deadlineMinutes: values.deadline === undefined ? undefined : wholeNumber('deadline', values.deadline),
    surveys: wholeNumber('surveys', values.surveys),
    cuts: wholeNumber('cuts', values.cuts),
    seed: wholeNumber('seed', values.seed),
    from: wholeNumber('from', values.from),
    parallel: wholeNumber('parallel', values.parallel),
    machine: { ownClock: values['own-clock'] },
    work: values.work && resolve(values.work),
  };
}

const seconds = stopwatch();
const say = (text: string): void => console.error(`${seconds().toString().padStart(5)} s  ${text}`);

async function update(options: Options, onStop: (last: () => void) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-update-'));
  // Disks are made where temporary files go.
  process.env.TMPDIR = folder;
  let keep = false;
  process.once('exit', () => {
    if (keep) say(`kept: ${folder}`);
    else rmSync(folder, { recursive: true });
  });
  const kept = options.work ?? join(folder, 'work');
  const results: Result[] = [];
  let soFar: readonly Result[] = [];
  onStop(() => {
    if (results.length + soFar.length > 0) report([...results, ...soFar], options);
  });
  const onResults = (shown: readonly Result[]) => {
    soFar = shown;
  };
  try {
    results.push(...(await atOneGateway(options, folder, kept)));
    results.push(...(await atManyDisks(options, { folder, kept, onResults })));
  } catch (error) {
    keep = true;
    throw error;
  }
  report(results, options);
}

function report(results: readonly Result[], { deadlineMinutes }: Options): void {
  const notes = [
    new Date(systemClock.nowMs()).toISOString().slice(0, 10),
    ...(deadlineMinutes === undefined ? [] : [`versions that run gave up after ${deadlineMinutes} minutes`]),
  ];
  const table = [['what', 'result'], ...results];
  console.log(renderReport({ title: 'Updates of a flashed gateway', table, goals: [], notes, figures: [] }));
}

/** All that is shown at one gateway, one after the other. */
async function atOneGateway(
  { only, ways, deadlineMinutes: minutes, machine }: Options,
  folder: string,
  kept: string,
): Promise<readonly Result[]> {
  const work: Partial<Record<Series, (rig: UpdateRig) => Promise<readonly Result[]>>> = {
    refuse: refuseBundles,
    take: takeNextVersion,
    return: (rig) => returnFromBadVersions(rig, { ways, minutes }),
  };
  const chosen = only.flatMap((name) => work[name] ?? []);
  if (chosen.length === 0) return [];
  using disk = await (await preparedDisk(kept, { say, machine })).copy();
  await using rig = await UpdateRig.start({ folder, say, machine, disk });
  const results: Result[] = [];
  const failed: unknown[] = [];
  for (const show of chosen) {
    await show(rig).then(
      (shown) => results.push(...shown),
      (error: unknown) => {
        failed.push(error);
        say(`FAILED: ${describeError(error)}\n${rig.technician.transcript.slice(-3000)}`);
      },
    );
  }
  if (failed.length > 0) throw failed[0];
  return results;
}

async function atManyDisks(
  options: Options,
  made: {
    readonly folder: string;
    readonly kept: string;
    /** What a long series has shown by now. */
    readonly onResults: (results: readonly Result[]) => void;
  },
): Promise<readonly Result[]> {
  const { folder, kept, onResults } = made;
  const work: Partial<Record<Series, (recording: Recording) => Promise<readonly Result[]>>> = {
    survey: (recording) => surveyCuts(recording, { ...options, folder, say }),
    cut: (recording) => cutUpdates(recording, { ...options, folder, say, onResults }),
  };
  const chosen = options.only.flatMap((name) => work[name] ?? []);
  if (chosen.length === 0) return [];
  if (!recordingIn(kept)) await recordUpdate(kept, { work: folder, say, machine: options.machine });
  const recording = recordingIn(kept);
  if (!recording) throw new Error(`nothing was recorded in ${kept}`);
  const results: Result[] = [];
  for (const show of chosen) results.push(...(await show(recording)));
  return results;
}

await runCommand({ name: 'image:update', usage, prepare: parseOptions, run: update });
