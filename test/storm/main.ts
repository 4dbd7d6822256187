/**
 * `npm run storm [-- --kills N] [--seed N] [--check-every N] [--viewers N] [--collector flaky|steady] [--json]`: the
 * daemon is killed over and over while viewers come and go and its receivers go away and come back. Ends with status 1,
 * and keeps its folder, at the first thing that does not add up.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WeirError } from '#base';
import { percentile } from '../bench/figures.ts';
import { below, type Report, renderReport } from '../bench/report.ts';
import { runCommand, wholeNumber } from '../command.ts';
import { type StormResult, storm } from './storm.ts';

const usage =
  'usage: npm run storm [-- --kills N] [--seed N] [--check-every N] [--viewers N] [--collector flaky|steady] [--json]';

function reportOf(result: StormResult, seed: number): Report {
  const { startMs, ...rest } = result;
  const at = (share: number, times: readonly number[]) =>
    percentile(
      times.toSorted((a, b) => a - b),
      share,
    ).toFixed(0);
  const tenth = Math.max(1, Math.floor(startMs.length / 10));
  const [first, last] = [startMs.slice(0, tenth), startMs.slice(-tenth)];
  const row = (name: string, value: number | string) => [name, String(value)];
  return {
    title: `storm: ${rest.kills} kills in ${rest.seconds.toFixed(0)} s (seed ${seed}).`,
    table: [
      ['what', 'how many'],
      row('kills', rest.kills),
      row('of them while starting', rest.killsWhileStarting),
      row('viewers that got media', rest.sessions),
      row('records', rest.records),
      row('of them recovered', rest.recovered),
      row('records the collector got again', rest.duplicates),
      row('records the origin got again', rest.doubleNotices),
      row('RADIUS rows', rest.radiusRows),
      row('absences of collector and RADIUS server', rest.absences),
      row('longest metering gap, ms', rest.worstGapMs),
      row(
        'start to ready, p50 / p95 / max, ms',
        [0.5, 0.95, 1].map((share) => at(share, startMs)).join(' / '),
      ),
      row('the same, p50 of the first and the last tenth', `${at(0.5, first)} / ${at(0.5, last)}`),
      row('outbox empty after, ms', rest.drainedMs.toFixed(0)),
      row('errors logged', rest.errors.length),
    ],
    goals: [below('metering gap', rest.worstGapMs, 2000, ' ms')],
    notes: [
      'no record lost, doubled or changed; all of them at the collector, the origin and the RADIUS server',
      ...[...new Set(rest.errors.map(withoutTime))].slice(0, 5),
    ],
    figures: [result],
  };
}

/** A line of the log, so that the same trouble is the same text. */
const withoutTime = (line: string): string => line.replace(/"at":"[^"]*",/, '').slice(0, 300);

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly checkEvery: number;
  readonly viewers: number;
  readonly flaky: boolean;
  readonly json: boolean;
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      'check-every': { type: 'string', default: '50' },
      viewers: { type: 'string', default: '30' },
      collector: { type: 'string', default: 'flaky' },
      json: { type: 'boolean', default: false },
    },
  });
  if (!['flaky', 'steady'].includes(values.collector)) {
    throw new WeirError('USAGE', `--collector takes flaky or steady, not "${values.collector}"`);
  }
  return {
    kills: wholeNumber('kills', values.kills),
    seed: wholeNumber('seed', values.seed),
    checkEvery: wholeNumber('check-every', values['check-every']),
    viewers: wholeNumber('viewers', values.viewers),
    flaky: values.collector === 'flaky',
    json: values.json,
  };
}

async function run({ json, ...options }: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-storm-'));
  // Two thirds of a start from sources are spent on reading TypeScript. A box has it done; so have all lives but the first.
  process.env.NODE_COMPILE_CACHE = join(folder, 'code');
  const progress = (text: string) => console.error(`storm: ${text}`);
  try {
    const report = reportOf(await storm({ ...options, folder, progress }), options.seed);
    console.log(json ? JSON.stringify(report) : renderReport(report));
  } catch (error) {
    console.error(`storm: seed ${options.seed}, everything is kept in ${folder}`);
    throw error;
  }
  await rm(folder, { recursive: true });
}

await runCommand({ name: 'storm', usage, prepare: parseOptions, run });
