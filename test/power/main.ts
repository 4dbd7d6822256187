/**
 * `npm run power [-- --cuts N] [--seed N] [--replay FOLDER]`: a guest with a volatile disk cache runs the store under load;
 * the power is cut at random moments of what it wrote, and each time the store must have kept what it promised. The same with
 * a store that does not wait for the disk, which must be caught. Ends with status 1 when a promise was broken or the control
 * was not caught.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock, WeirError } from '#base';
import { type Goal, none, type Report, renderReport } from '../bench/report.ts';
import { runCommand, wholeNumber } from '../command.ts';
import { type Cut, cutPower } from './cuts.ts';
import { type Invariant, invariants } from './findings.ts';
import { writeInitramfs } from './guest/initramfs.ts';
import { type Kernel, unpackKernel } from './guest/kernel.ts';
import { findAccelerator } from './guest/machine.ts';
import { type Recording, record, recordingIn } from './recording.ts';
import { WriteLog } from './write-log.ts';

const kernelFolder = join(import.meta.dirname, '..', '..', 'build', 'power');
/** The sandbox has a `/run` of its own. */
const mountPoint = '/run/weir-power';
const runs = 4;
const controlRuns = 1;
const controlCuts = 20;
/** Acknowledged, and gone. */
const losses: ReadonlySet<Invariant> = new Set(['record', 'session', 'metering', 'delivery']);

interface Options {
  readonly cuts: number;
  readonly seed: number;
  /** What to cut: a new recording by guests with this kernel, or the folder of an earlier one. */
  readonly from: { readonly kernel: Kernel } | { readonly replay: string };
}

const storeFolder = (folder: string): string => join(folder, 'store');
const controlFolder = (folder: string): string => join(folder, 'control');

async function recordBoth(folder: string, kernel: Kernel, seed: number): Promise<string> {
  const initramfs = join(folder, 'initramfs');
  await writeInitramfs(initramfs, kernel);
  const accelerator = await findAccelerator(kernel);
  say(`guests by ${accelerator}; recording`);
  for (const made of [storeFolder(folder), controlFolder(folder)]) mkdirSync(made);
  const guest = { kernel, initramfs, accelerator, seed };
  await record(storeFolder(folder), { ...guest, runs });
  say('recorded; recording the control');
  await record(controlFolder(folder), {
    ...guest,
    runs: controlRuns,
    preload: './test/power/not-durable.ts',
  });
  rmSync(initramfs);
  return accelerator;
}

async function cutRecording(name: string, folder: string, options: { cuts: number; seed: number }) {
  const { base, log: path }: Recording = recordingIn(folder);
  using log = new WriteLog(path);
  mkdirSync(mountPoint, { recursive: true });
  let done = 0;
  return await cutPower(log, readFileSync(base), {
    ...{ ...options, folder, mountPoint },
    onCut: ({ findings }) => {
      done++;
      if (done % 20 === 0 || findings.length > 0) say(`${name}: ${done} of ${options.cuts}`);
      for (const { invariant, text } of findings.slice(0, 3)) say(`  ${invariant}: ${text}`);
    },
  });
}

const hasLost = ({ findings }: Cut): boolean => findings.some(({ invariant }) => losses.has(invariant));

/** The table, the promises, and what the control shows. */
function reportOf(cuts: readonly Cut[], control: readonly Cut[], note: string): Report {
  const names = Object.keys(invariants) as Invariant[];
  const broken = (name: Invariant) =>
    cuts.filter(({ findings }) => findings.some(({ invariant }) => invariant === name)).length;
  const goals: readonly Goal[] = names.map((name) =>
    none(`cuts that broke "${invariants[name]}"`, broken(name)),
  );
  return {
    title: 'Power cuts',
    table: [
      ['store', 'cuts', 'loose p50', 'loose max', 'kept', 'torn', 'lost', 'repaired', 'promises', 'broken'],
      row('as it is', cuts),
      row('synchronous=NORMAL', control),
    ],
    goals,
    notes: [
      note,
      `the control lost what it had acknowledged at ${control.filter(hasLost).length} of ${control.length} cuts`,
      'loose: writes since the last flush, at a cut; repaired: e2fsck -p was not enough',
      'promises: sessions started and records finished that were asked for; broken: cuts that broke anything',
    ],
    figures: [...cuts, ...control],
  };
}

function row(name: string, cuts: readonly Cut[]): string[] {
  const loose = cuts.map(({ count }) => count.loose).sort((a, b) => a - b);
  const sum = (field: 'kept' | 'torn' | 'lost') => cuts.reduce((total, { count }) => total + count[field], 0);
  const found = cuts.filter(({ findings }) => findings.length > 0).length;
  const figures = [
    cuts.length,
    loose[Math.floor(loose.length / 2)] ?? 0,
    loose.at(-1) ?? 0,
    sum('kept'),
    sum('torn'),
    sum('lost'),
    cuts.filter(({ repaired }) => repaired).length,
    cuts.reduce((total, { promised }) => total + promised, 0),
    found,
  ];
  return [name, ...figures.map(String)];
}

const began = systemClock.monoNs();
const say = (text: string): void => {
  console.error(`${((Number(systemClock.monoNs() - began) / 1e9) | 0).toString().padStart(4)} s  ${text}`);
};

async function power({ cuts, seed, from }: Options): Promise<boolean> {
  const replays = 'replay' in from;
  const folder = replays ? from.replay : mkdtempSync(join(tmpdir(), 'weir-power-'));
  let keep = false;
  process.once('exit', () => {
    if (keep) say(`kept: ${folder}; again with --replay ${folder} --seed ${seed} --cuts ${cuts}`);
    else if (!replays) rmSync(folder, { recursive: true });
  });
  try {
    const how = replays ? 'replayed' : await recordBoth(folder, from.kernel, seed);
    const control = await cutRecording('control', controlFolder(folder), { cuts: controlCuts, seed });
    if (!control.some(hasLost)) {
      throw new WeirError('COMMAND_FAILED', 'the control lost nothing: this rig does not see a loss', {
        fields: { seed },
      });
    }
    const found = await cutRecording('store', storeFolder(folder), { cuts, seed });
    const date = new Date(systemClock.nowMs()).toISOString().slice(0, 10);
    console.log(renderReport(reportOf(found, control, `seed ${seed}, ${date}, ${how}`)));
    keep = found.some(({ findings }) => findings.length > 0);
    return !keep;
  } catch (error) {
    keep = true;
    throw error;
  }
}

async function prepare(args: string[]): Promise<Options> {
  const { values } = parseArgs({
    args,
    options: {
      cuts: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      replay: { type: 'string' },
    },
  });
  const [cuts, seed] = [wholeNumber('cuts', values.cuts), wholeNumber('seed', values.seed)];
  if (process.arch !== 'x64') throw new WeirError('USAGE', 'the guest is an x86-64 one, and gets this Node');
  if (process.getuid?.() !== 0) {
    throw new WeirError('MISSING_RIGHTS', 'only root may mount the images', { advice: 'run it as root' });
  }
  const { replay } = values;
  return {
    cuts,
    seed,
    from: replay === undefined ? { kernel: await unpackKernel(kernelFolder) } : { replay },
  };
}

await runCommand({
  name: 'power',
  usage: 'usage: npm run power [-- --cuts N] [--seed N] [--replay FOLDER]',
  prepare,
  run: async (options) => {
    if (!(await power(options))) process.exitCode = 1;
  },
});
