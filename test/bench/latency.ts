import { systemClock } from '#base';
import { mustBeWhole, whileOnTime } from './checks.ts';
import type { BusyReport } from './daemon.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { dropMedia, type Latency, Load } from './load/index.ts';
import { steerReceiving } from './pinned-world.ts';
import { below, type Report } from './report.ts';
import { feed, openScene, type Place, type Scene } from './scene.ts';

export interface LatencyBenchOptions {
  readonly viewers: number;
  /** The kernel clones. */
  readonly clones: boolean;
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** One way from the source to its viewers, with the daemon's JavaScript idle, then busy. */
interface Way {
  readonly idle: Latency;
  readonly busy: Latency;
  readonly javascript: BusyReport;
}

interface Round {
  /** Past Weir: the box forwards the packets in the kernel. */
  readonly direct: Way;
  /** Through it; all viewers receive, in the sender's time. */
  readonly relayed: Way;
  /** The same, taken in by the viewers' own processor; undefined where there is one for all. */
  readonly steered: Way | undefined;
  /** Through it; one viewer in ten receives, and the media of the others is dropped where it enters their host. */
  readonly sampled: Way | undefined;
}

const keys = { p50: 'p50Ns', p99: 'p99Ns', 'p99.9': 'p999Ns' } as const;
type Percentile = keyof typeof keys;

/** Who takes in what the viewers get. */
type Taking = 'steered' | 'receive' | 'sampled';

interface Row {
  readonly viewers: Taking;
  readonly javascript: 'idle' | 'busy';
  readonly percentile: Percentile;
  readonly directMs: Spread;
  readonly relayedMs: Spread;
  /** Of the same round. */
  readonly addedMs: Spread;
}

/** Joined, in step with the feed, and the engine knows its rhythm. */
const settleMs = 6000;
/** Its heap has grown, old pieces are collected. */
const busyWarmUpMs = 1000;
/** A wake-up of the receiver is none of the box's work, but would be charged to it for every packet. */
const napMs = 5;
/** Of so many viewers in a row, as they are served, the one in the middle receives. */
const sampleOf = 10;

/** What lies between the source's send time in each packet and the kernel's receive time at the viewer. */
export async function benchLatency(options: LatencyBenchOptions): Promise<Report> {
  const { viewers, clones, seconds, rounds, progress } = options;
  await using scene = await openScene({ relay: { cloneInKernel: clones } });
  await dropMedia(scene.world.viewer.host, 'eth0');
  const measured: Round[] = [];
  let repeated = 0;
  for (let number = 1; number <= rounds; number++) {
    const round = await whileOnTime(
      () => measureRound(scene, viewers, seconds),
      (why) => {
        repeated += 1;
        progress(`latency: repeated, ${why}`);
      },
    );
    measured.push(round);
    const p50 = ({ p50Ns }: Latency) => `${(p50Ns / 1e6).toFixed(3)} ms`;
    progress(
      `latency: round ${number}: p50 direct ${p50(round.direct.idle)}, relayed ${p50((round.steered ?? round.relayed).idle)}, while busy ${p50((round.steered ?? round.relayed).busy)}`,
    );
  }
  const rows = (['steered', 'receive', 'sampled'] as const)
    .filter((who) => measured.every((round) => wayOf(round, who)))
    .flatMap((who) =>
      (['idle', 'busy'] as const).flatMap((javascript) =>
        (Object.keys(keys) as Percentile[]).map((percentile) => rowOf(who, javascript, percentile, measured)),
      ),
    );
  const stalls = spreadOf(measured.map(({ relayed }) => relayed.javascript.longestStallMs));
  const collections = spreadOf(measured.map(({ relayed }) => relayed.javascript.collections));
  const transactions = spreadOf(measured.map(({ relayed }) => relayed.javascript.transactions));
  const slowest = spreadOf(measured.map(({ relayed }) => relayed.javascript.slowestTransactionMs));
  return {
    title: `latency: source to viewer, ms, over all packets of all viewers. One ${feed.bitsPerSecond / 1e6} Mbit/s feed, UDP, ${viewers} viewers; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [['viewers', 'JavaScript', '', 'past Weir', 'through Weir', 'added'], ...rows.map(cells)],
    goals: rows
      .filter(({ percentile }) => percentile === 'p50')
      .map(({ viewers: who, javascript, addedMs }) =>
        below(`added p50, ${whoText[who]}, JavaScript ${javascript}`, addedMs.median, 0.2, ' ms'),
      ),
    notes: [
      `the source stamps each packet right before it sends it; it has arrived when the viewers' NIC hands it to their kernel (SO_TIMESTAMPNS), whoever works for that host then`,
      `${whoText.steered}: their host's processor takes the packets in, as with machines of their own; ${whoText.receive}: veth lets the box do it; ${whoText.sampled}: so too, but the others' media is dropped where it enters their host`,
      `busy: ${spreadText(collections, 0)} garbage collections in ${seconds + busyWarmUpMs / 1000} s, the event loop stalled for up to ${spreadText(stalls, 0)} ms; a thread of the daemon made ${spreadText(transactions, 0)} SQLite transactions durable, the slowest in ${spreadText(slowest, 0)} ms`,
      ...(repeated > 0 ? [`${repeated} rounds were taken again, because the source was held up`] : []),
    ],
    figures: rows,
  };
}

async function measureRound(scene: Scene, viewers: number, seconds: number): Promise<Round> {
  // One viewer past Weir: the source would serve more of them one after the other.
  const direct = await measureWay(scene, scene.direct, seconds, async (load) => void (await load.add(1)));
  const all = async (load: Load): Promise<void> => void (await load.add(viewers));
  const relayed = await measureWay(scene, scene.relayed, seconds, all);
  const { host } = scene.world.viewer;
  let steered: Way | undefined;
  if (await steerReceiving(host, 'eth0', 'receiver')) {
    try {
      steered = await measureWay(scene, scene.relayed, seconds, all);
    } finally {
      await steerReceiving(host, 'eth0', 'sender');
    }
  }
  const sampled =
    viewers < sampleOf
      ? undefined
      : await measureWay(scene, scene.relayed, seconds, async (load) => {
          for (let tenth = 0; tenth < Math.floor(viewers / sampleOf); tenth++) {
            await load.addDropped(sampleOf / 2);
            await load.add(1);
            await load.addDropped(sampleOf / 2 - 1);
          }
        });
  return { direct, relayed, steered, sampled };
}

async function measureWay(
  scene: Scene,
  place: Place,
  seconds: number,
  join: (load: Load) => Promise<void>,
): Promise<Way> {
  const { daemon } = scene;
  await using load = await Load.start(scene.world.viewer, { ...place, transport: 'udp' });
  await join(load);
  load.receiver.nap(napMs);
  await systemClock.sleep(settleMs);
  const idle = await latencyOf(load, seconds);
  await daemon.busy();
  let javascript: BusyReport;
  let busy: Latency;
  try {
    await systemClock.sleep(busyWarmUpMs);
    busy = await latencyOf(load, seconds);
  } finally {
    javascript = await daemon.calm();
  }
  return { idle, busy, javascript };
}

async function latencyOf(load: Load, seconds: number): Promise<Latency> {
  load.reset();
  await systemClock.sleep(seconds * 1000);
  const { viewers, latency } = await load.report();
  mustBeWhole(
    viewers.flatMap(({ tracks }) => tracks),
    'latency',
  );
  return latency;
}

const wayOf = (round: Round, viewers: Taking): Way | undefined =>
  ({ steered: round.steered, receive: round.relayed, sampled: round.sampled })[viewers];

function rowOf(
  viewers: Taking,
  javascript: Row['javascript'],
  percentile: Percentile,
  rounds: readonly Round[],
): Row {
  const key = keys[percentile];
  const through = (round: Round) => wayOf(round, viewers) ?? round.relayed;
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map((round) => value(round) / 1e6));
  return {
    viewers,
    javascript,
    percentile,
    directMs: spread(({ direct }) => direct[javascript][key]),
    relayedMs: spread((round) => through(round)[javascript][key]),
    addedMs: spread((round) => through(round)[javascript][key] - round.direct[javascript][key]),
  };
}

const whoText = {
  steered: 'all receive by themselves',
  receive: "all receive in the box's time",
  sampled: `1 of ${sampleOf} receives`,
} as const;

const cells = ({ viewers, javascript, percentile, directMs, relayedMs, addedMs }: Row): readonly string[] => [
  whoText[viewers],
  javascript,
  percentile,
  ...[directMs, relayedMs].map((spread) => spreadText(spread, 3)),
  `**${spreadText(addedMs, 3)}**`,
];
