/**
 * `npm run bench [-- NAME...] [OPTION...]`: measures what Weir promises, in a sandbox of its own. Exit status 0 whether or
 * not a goal is met; 1 when it could not be measured, or when a record is wrong.
 */
import { parseArgs } from 'node:util';
import { WeirError } from '#base';
import { insideSandbox } from '../../src/demo/world/index.ts';
import { runCommand, wholeNumber } from '../command.ts';
import { backlogReceivers, benchBacklog } from './billing/backlog.ts';
import { benchLedger } from './billing/ledger.ts';
import { benchStall } from './billing/stall.ts';
import { benchChurn } from './churn.ts';
import { benchConsole } from './console.ts';
import { benchFanout } from './fanout.ts';
import { benchJoin } from './join.ts';
import { benchLatency } from './latency.ts';
import { benchMemory } from './memory.ts';
import { benchMetering } from './metering.ts';
import { benchOutage } from './outage.ts';
import { installPeers } from './peer.ts';
import { benchPeers } from './peers.ts';
import { type Report, renderReport } from './report.ts';
import { benchSlow } from './slow.ts';

const usage = `usage: npm run bench [-- NAME...] [OPTION...]
  fanout    CPU time per packet and viewer and per Gbit/s, beside plain C loops
  latency   what Weir adds between source and viewer, also while JavaScript is busy
  join      from PLAY to the first whole picture, for a viewer of a feed that runs
  peers     whole processes: Weir, other RTSP servers in its place, and the source itself
  slow      what viewers who do not keep up are to those who do
  outage    the source is killed for ten seconds
  console   how soon the console answers to a key while viewers are served
Only by name, as they take minutes:
  memory    resident set with many viewers
  churn     resident set after many joins and leaves
  metering  records of sessions beside a packet capture, to the byte
  stall     answers to viewers while each sync of the disk takes half a second
  ledger    bytes written for 1,000 sessions and their ends; when starts and records are durable
  backlog   a receiver of records is away for a month and comes back

  --viewers N[,N]      fanout: 1,10,100,500,1000,2000; latency, slow: 100; peers, outage: 200; console: 1000;
                       memory: 500,2000
  --transport udp|tcp  fanout, peers: both
  --threads N[,N]      of the engine; fanout: 1,2
  --offload on|off     of segmentation; fanout: both
  --clones on|off      in the kernel, at the access NIC; fanout, latency, peers, metering: on
  --rate N             of the feed, Mbit/s; fanout: 8; peers: 4; console: 2
  --seconds N          of one measurement; 2
  --rounds N           3
  --joins N            join: 200; churn: 50000; metering: 200; console, keys: 200
  --records N          backlog: 100000 by HTTPS, a tenth by the others
  --receiver NAME      backlog: only https, radius, radsec or mqtt
  --json               the same for programs`;

const optionTypes = {
  viewers: { type: 'string' },
  transport: { type: 'string' },
  threads: { type: 'string' },
  offload: { type: 'string' },
  clones: { type: 'string' },
  rate: { type: 'string' },
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  joins: { type: 'string' },
  records: { type: 'string' },
  receiver: { type: 'string' },
  json: { type: 'boolean' },
} as const;

interface Options {
  readonly viewers: readonly number[] | undefined;
  readonly transports: readonly ('udp' | 'tcp')[] | undefined;
  readonly threads: readonly number[] | undefined;
  readonly offload: readonly boolean[] | undefined;
  readonly clones: boolean;
  readonly megabitsPerSecond: number | undefined;
  /** Everything was asked for: as little of each as shows the goals. */
  readonly brief: boolean;
  readonly seconds: number;
  readonly rounds: number;
  readonly joins: number | undefined;
  readonly records: number | undefined;
  readonly receiver: string | undefined;
  readonly progress: (line: string) => void;
}

const benchmarks: Readonly<Record<string, (options: Options) => Promise<Report>>> = {
  fanout: ({ megabitsPerSecond = 8, ...options }) => benchFanout({ megabitsPerSecond, ...options }),
  latency: ({ viewers: [viewers = 100] = [], ...options }) => benchLatency({ viewers, ...options }),
  join: ({ joins = 200, ...options }) => benchJoin({ joins, ...options }),
  peers: ({ viewers: [viewers = 200] = [], megabitsPerSecond = 4, ...options }) =>
    benchPeers({
      viewers,
      megabitsPerSecond,
      ...options,
      ...(options.brief && { rounds: Math.min(2, options.rounds) }),
    }),
  slow: ({ viewers: [viewers = 100] = [], ...options }) => benchSlow({ viewers, ...options }),
  outage: ({ viewers: [viewers = 200] = [], ...options }) => benchOutage({ viewers, ...options }),
  console: ({ viewers: [viewers = 1000] = [], megabitsPerSecond = 2, joins = 200, progress }) =>
    benchConsole({ viewers, megabitsPerSecond, keys: joins, progress }),
  memory: ({ viewers = [500, 2000], ...options }) => benchMemory({ viewers, ...options }),
  metering: ({ joins = 200, clones, progress }) => benchMetering({ sessions: joins, clones, progress }),
  stall: ({ viewers: [viewers = 10] = [], seconds, ...options }) =>
    benchStall({ viewers, seconds: 10 * seconds, ...options }),
  ledger: (options) => benchLedger(options),
  backlog: ({ records = 100_000, ...options }) => benchBacklog({ records, ...options }),
  churn: ({ joins = 50_000, ...options }) => benchChurn({ joins, ...options }),
};

/** They take minutes. */
const longOnes: readonly string[] = ['memory', 'churn', 'metering', 'stall', 'ledger', 'backlog'];
const shortOnes = Object.keys(benchmarks).filter((name) => !longOnes.includes(name));

interface Wish {
  readonly names: readonly string[];
  readonly options: Options;
  readonly json: boolean;
}

async function prepare(args: string[]): Promise<Wish> {
  const { values, positionals } = parseArgs({ args, options: optionTypes, allowPositionals: true });
  const unknown = positionals.find((name) => !Object.hasOwn(benchmarks, name));
  if (unknown !== undefined) throw new WeirError('USAGE', `no benchmark "${unknown}"`);
  const brief = positionals.length === 0;
  const names = brief ? shortOnes : positionals;
  const options: Options = {
    viewers: wholeList('viewers', values.viewers),
    transports:
      values.transport === undefined ? undefined : [oneOf('transport', ['udp', 'tcp'], values.transport)],
    threads: wholeList('threads', values.threads),
    offload:
      values.offload === undefined ? undefined : [oneOf('offload', ['on', 'off'], values.offload) === 'on'],
    clones: oneOf('clones', ['on', 'off'], values.clones ?? 'on') === 'on',
    megabitsPerSecond: values.rate === undefined ? undefined : wholeNumber('rate', values.rate),
    brief,
    seconds: wholeNumber('seconds', values.seconds ?? '2'),
    rounds: wholeNumber('rounds', values.rounds ?? '3'),
    joins: values.joins === undefined ? undefined : wholeNumber('joins', values.joins),
    records: values.records === undefined ? undefined : wholeNumber('records', values.records),
    receiver:
      values.receiver === undefined ? undefined : oneOf('receiver', backlogReceivers, values.receiver),
    progress: (line) => console.error(line),
  };
  // Inside there is no network.
  if (names.includes('peers') && !insideSandbox()) await installPeers(options.progress);
  return { names, options, json: values.json ?? false };
}

async function run({ names, options, json }: Wish): Promise<void> {
  const reports: Record<string, Report> = {};
  for (const name of names) {
    const report = await benchmarks[name]?.(options);
    if (!report) continue;
    reports[name] = report;
    if (report.failed) process.exitCode = 1;
    if (!json) console.log(`\n${renderReport(report)}`);
  }
  if (json) console.log(JSON.stringify(reports, null, 2));
}

const wholeList = (name: string, text: string | undefined): readonly number[] | undefined =>
  text?.split(',').map((part) => wholeNumber(name, part));

function oneOf<T extends string>(name: string, words: readonly T[], text: string): T {
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw new WeirError('USAGE', `--${name} takes ${words.join(' or ')}, not "${text}"`);
}

await runCommand({ name: 'bench', usage, prepare, run });
