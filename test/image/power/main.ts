/**
 * `npm run image:cuts [-- --cuts N] [--seed N] [--viewers N] [--looks N]`: boots what was built by `npm run image` in QEMU, and cuts its power
 * while viewers are billed, or while it starts; what the disk had not been told to keep is lost in part. After each cut it starts again by
 * UEFI, and everything that had been acknowledged must be there. Ends with status 1, and keeps the disk, at the first thing that is
 * not; stopped before its end, it tells what was shown by then.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CloseStack, systemClock, WeirError } from '#base';
import { percentile } from '../../bench/figures.ts';
import { type Report, renderReport } from '../../bench/report.ts';
import { runCommand, wholeNumber } from '../../command.ts';
import type { CutCount } from '../../power/volatile-disk.ts';
import { randomOf } from '../../random.ts';
import { flashBoth, openLab } from './lab.ts';
import { type Control, type Cut, Series } from './series.ts';

interface Options {
  readonly cuts: number;
  readonly seed: number;
  readonly viewers: number;
  readonly looks: number;
}

function prepare(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      cuts: { type: 'string', default: '50' },
      seed: { type: 'string', default: '1' },
      viewers: { type: 'string', default: '20' },
      looks: { type: 'string', default: '4' },
    },
  });
  if (process.getuid?.() !== 0) {
    throw new WeirError('MISSING_RIGHTS', 'only root may mount what a cut has left', {
      advice: 'run it as root',
    });
  }
  return {
    cuts: wholeNumber('cuts', values.cuts),
    seed: wholeNumber('seed', values.seed),
    viewers: wholeNumber('viewers', values.viewers),
    looks: wholeNumber('looks', values.looks, 0),
  };
}

const began = systemClock.monoNs();
const seconds = (): number => Math.round(Number(systemClock.monoNs() - began) / 1e9);
const say = (text: string): void => console.error(`${seconds().toString().padStart(5)} s  ${text}`);

function lineOf({ when, count, cutOff, acknowledged, repaired, backMs, worstGapMs, slot }: Cut): string {
  return [
    `${when}: ${count.loose} loose, ${count.lost} lost, ${count.torn} torn`,
    `${cutOff} viewers cut off, ${acknowledged} records acknowledged`,
    `back after ${Math.round(backMs / 1000)} s${repaired ? ', file system repaired' : ''}, slot ${slot}`,
    `all there, ${worstGapMs} ms not billed at most`,
  ].join('; ');
}

const writesOf = (counts: readonly CutCount[]): string =>
  (['kept', 'torn', 'lost'] as const)
    .map((what) => counts.reduce((total, count) => total + count[what], 0))
    .join(' / ');

interface Done {
  readonly cuts: Cut[];
  readonly looks: CutCount[];
}

function reportOf({ cuts, looks }: Done, control: Control | undefined, { seed, viewers }: Options): Report {
  const sum = (of: (cut: Cut) => number) => cuts.reduce((total, cut) => total + of(cut), 0);
  const times = (of: (cut: Cut) => number) => cuts.map(of).sort((a, b) => a - b);
  const back = times(({ backMs }) => backMs / 1000);
  const at = (share: number) => percentile(back, share).toFixed(0);
  const row = (what: string, value: number | string) => [what, String(value)];
  return {
    title: 'Power cuts of a gateway that relays',
    table: [
      ['what', 'how many'],
      row('cuts, the gateway started after each', cuts.length),
      row('of them while it started', cuts.filter(({ when }) => when === 'starting').length),
      row('more cuts, the disk examined after each', looks.length),
      row(
        'writes that no flush had covered, kept / torn / lost',
        writesOf([...looks, ...cuts.map(({ count }) => count)]),
      ),
      row(
        'viewers cut off',
        sum(({ cutOff }) => cutOff),
      ),
      row('records acknowledged at the last cut', cuts.at(-1)?.acknowledged ?? 0),
      row('file systems that needed more than their journal', cuts.filter(({ repaired }) => repaired).length),
      row(
        'media not billed of a viewer cut off, at most, ms',
        times(({ worstGapMs }) => worstGapMs).at(-1) ?? 0,
      ),
      row('from power to the console, p50 / p95 / max, s', [0.5, 0.95, 1].map(at).join(' / ')),
    ],
    goals: [],
    notes: [
      'no acknowledged record lost, doubled or changed; each viewer that got media has one; both slots good',
      `seed ${seed}, ${viewers} viewers, ${new Date(systemClock.nowMs()).toISOString().slice(0, 10)}, ${seconds()} s`,
      `the same with a disk that does not do what it is told to flush: a loss was seen at ${control?.seen} of ${control?.cuts} cuts`,
    ],
    figures: [...cuts],
  };
}

async function cutPower(options: Options, onStop: (last: () => void) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-image-cuts-'));
  // Disks as well, so that all is gone with it, however this ends.
  process.env.TMPDIR = folder;
  let keep = false;
  process.once('exit', () => {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  });
  const random = randomOf(options.seed);
  await using parts = new CloseStack();
  const lab = await openLab(parts, { folder, seed: options.seed });
  const disk = await flashBoth();
  const done: Done = { cuts: [], looks: [] };
  const onCut = (cut: Cut) => {
    done.cuts.push(cut);
    say(`${done.cuts.length} of ${options.cuts}: ${lineOf(cut)}`);
  };
  const onLook = (count: CutCount) => void done.looks.push(count);
  await using series = new Series(lab, disk, { ...options, folder, random, onCut, onLook, say });
  const report = () => console.log(renderReport(reportOf(done, series.control, options)));
  onStop(() => {
    if (done.cuts.length > 0) report();
  });
  try {
    await series.run();
  } catch (error) {
    keep = true;
    say(`after ${done.cuts.length} cuts; the disk before the last start is ${series.keepDisk()}`);
    throw error;
  }
  report();
}

await runCommand({
  name: 'image:cuts',
  usage: 'usage: npm run image:cuts [-- --cuts N] [--seed N] [--viewers N] [--looks N]',
  prepare,
  run: cutPower,
});
