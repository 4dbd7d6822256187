import { systemClock } from '#base';
import { mustBeWhole, whileOnTime } from './checks.ts';
import type { BusyReport } from './daemon.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { type Latency, Load } from './load/index.ts';
import { below, type Report } from './report.ts';
import { feed, openScene, type Place, type Scene } from './scene.ts';

export interface LatencyBenchOptions {
  readonly viewers: number;
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
  readonly relayed: Way;
}

interface Row {
  readonly javascript: 'idle' | 'busy';
  readonly percentile: 'p50' | 'p99';
  readonly directMs: Spread;
  readonly relayedMs: Spread;
  /** Of the same round. */
  readonly addedMs: Spread;
}

/** Joined, and in step with the feed. */
const settleMs = 1500;
/** Its heap has grown, old pieces are collected. */
const busyWarmUpMs = 1000;

/** What lies between the source's send time in each packet and the kernel's receive time at the viewer. */
export async function benchLatency(options: LatencyBenchOptions): Promise<Report> {
  const { viewers, seconds, rounds, progress } = options;
  await using scene = await openScene();
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
      `latency: round ${number}: p50 direct ${p50(round.direct.idle)}, relayed ${p50(round.relayed.idle)}, while busy ${p50(round.relayed.busy)}`,
    );
  }
  const rows = (['idle', 'busy'] as const).flatMap((javascript) =>
    (['p50', 'p99'] as const).map((percentile) => rowOf(javascript, percentile, measured)),
  );
  const stalls = spreadOf(measured.map(({ relayed }) => relayed.javascript.longestStallMs));
  const collections = spreadOf(measured.map(({ relayed }) => relayed.javascript.collections));
  return {
    title: `latency: source to viewer, ms. One ${feed.bitsPerSecond / 1e6} Mbit/s feed, UDP, ${viewers} viewers; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [['JavaScript', '', 'past Weir', 'through Weir', 'added'], ...rows.map(cells)],
    goals: rows
      .filter(({ percentile }) => percentile === 'p50')
      .map(({ javascript, addedMs }) =>
        below(`added p50, JavaScript ${javascript}`, addedMs.median, 0.5, ' ms'),
      ),
    notes: [
      `busy: ${spreadText(collections, 0)} garbage collections in ${seconds + busyWarmUpMs / 1000} s, the event loop stalled for up to ${spreadText(stalls, 0)} ms`,
      ...(repeated > 0 ? [`${repeated} rounds were taken again, because the source was held up`] : []),
    ],
    figures: rows,
  };
}

async function measureRound(scene: Scene, viewers: number, seconds: number): Promise<Round> {
  // One viewer past Weir: the source would serve more of them one after the other.
  const direct = await measureWay(scene, { place: scene.direct, viewers: 1, seconds });
  const relayed = await measureWay(scene, { place: scene.relayed, viewers, seconds });
  return { direct, relayed };
}

async function measureWay(
  scene: Scene,
  options: { readonly place: Place; readonly viewers: number; readonly seconds: number },
): Promise<Way> {
  const { place, viewers, seconds } = options;
  const { daemon } = scene;
  await using load = await Load.start(scene.world.viewer, { ...place, transport: 'udp' });
  await load.add(viewers);
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

function rowOf(javascript: Row['javascript'], percentile: Row['percentile'], rounds: readonly Round[]): Row {
  const key = percentile === 'p50' ? 'p50Ns' : 'p99Ns';
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map((round) => value(round) / 1e6));
  return {
    javascript,
    percentile,
    directMs: spread(({ direct }) => direct[javascript][key]),
    relayedMs: spread(({ relayed }) => relayed[javascript][key]),
    addedMs: spread(({ direct, relayed }) => relayed[javascript][key] - direct[javascript][key]),
  };
}

const cells = ({ javascript, percentile, directMs, relayedMs, addedMs }: Row): readonly string[] => [
  javascript,
  percentile,
  ...[directMs, relayedMs, addedMs].map((spread) => spreadText(spread, 3)),
];
