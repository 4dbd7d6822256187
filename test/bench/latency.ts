import { isWeirError, systemClock } from '#base';
import { mustBeWhole, mustHaveSeenAll, whileOnTime } from './checks.ts';
import type { BusyReport } from './daemon.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { dropMedia, type Latency, Load, type Nic, NicClock } from './load/index.ts';
import { ownQueue, ownThreads } from './own-queue.ts';
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

/** Past Weir, where the box forwards the packets in the kernel, and through it. */
interface Pair {
  readonly direct: Way;
  readonly relayed: Way;
}

interface Round {
  /** To the box's access NIC; undefined where the kernel has no clock for it. */
  readonly nic: Pair | undefined;
  /** To the viewers, who are on a processor of their own; undefined where there is one for all. */
  readonly steered: Pair | undefined;
  /** All viewers receive, in the sender's time. */
  readonly receive: Pair;
  /** One viewer in ten receives, and the media of the others is dropped where it enters their host; undefined with fewer. */
  readonly sampled: Pair | undefined;
}

const keys = { p50: 'p50Ns', p99: 'p99Ns', 'p99.9': 'p999Ns' } as const;
type Percentile = keyof typeof keys;

/** How far, and who takes in what the viewers get. */
type Taking = keyof Round;

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

/**
 * What lies between the source's send time in each packet and the time at which the box's access NIC is given it, and the
 * time at which the kernel of the viewers' host has it.
 */
export async function benchLatency(options: LatencyBenchOptions): Promise<Report> {
  const { viewers, clones, seconds, rounds, progress } = options;
  await using scene = await openScene({ relay: { cloneInKernel: clones } });
  const { world } = scene;
  await dropMedia(world.viewer.host, 'eth0');
  // What the source sends would wait behind what the box sends just then: both would be in one queue.
  await using _ = await ownQueue(
    { host: world.box, device: world.wan.device },
    { host: world.origin.host, device: 'eth0' },
  );
  const refusal = await clockRefusal(scene);
  const measured: Round[] = [];
  let repeated = 0;
  for (let number = 1; number <= rounds; number++) {
    const round = await whileOnTime(
      () => measureRound(scene, viewers, seconds, refusal === undefined),
      (why) => {
        repeated += 1;
        progress(`latency: repeated, ${why}`);
      },
    );
    measured.push(round);
    const { direct, relayed } = round.nic ?? round.steered ?? round.receive;
    const p50 = ({ p50Ns }: Latency) => `${(p50Ns / 1e6).toFixed(3)} ms`;
    progress(
      `latency: round ${number}: p50 direct ${p50(direct.idle)}, relayed ${p50(relayed.idle)}, while busy ${p50(relayed.busy)}`,
    );
  }
  const rows = takings.flatMap((who) => {
    const pairs = measured.flatMap((round) => round[who] ?? []);
    if (pairs.length < measured.length) return [];
    return (['idle', 'busy'] as const).flatMap((javascript) =>
      (Object.keys(keys) as Percentile[]).map((percentile) => rowOf(who, javascript, percentile, pairs)),
    );
  });
  const busy = measured.map(({ receive }) => receive.relayed.javascript);
  const spread = (key: keyof BusyReport) =>
    spreadText(spreadOf(busy.map((javascript) => javascript[key])), 0);
  return {
    title: `latency: source to viewer, ms, over all packets of all viewers. One ${feed.bitsPerSecond / 1e6} Mbit/s feed, UDP, ${viewers} viewers; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [['viewers', 'JavaScript', '', 'past Weir', 'through Weir', 'added'], ...rows.map(cells)],
    goals: rows
      .filter(({ percentile }) => percentile === 'p50')
      .map(({ viewers: who, javascript, addedMs }) =>
        below(`added p50, ${whoText[who]}, JavaScript ${javascript}`, addedMs.median, 0.2, ' ms'),
      ),
    notes: [
      'the source stamps each packet right before it sends it',
      refusal ??
        `${whoText.nic}: until that is given the packet, as a clock in it would show; the viewers' NIC has a queue of its own, and a thread of their host empties it`,
      `all others: until the viewers' NIC hands it to their kernel (SO_TIMESTAMPNS), whoever works for that host then`,
      `${whoText.steered}: their host's processor takes the packets in, as with machines of their own; ${whoText.receive}: veth lets the box do it; ${whoText.sampled}: so too, but the others' media is dropped where it enters their host`,
      `busy: ${spread('collections')} garbage collections in ${seconds + busyWarmUpMs / 1000} s, the event loop stalled for up to ${spread('longestStallMs')} ms; a thread of the daemon made ${spread('transactions')} SQLite transactions durable, the slowest in ${spread('slowestTransactionMs')} ms`,
      ...(repeated > 0 ? [`${repeated} rounds were taken again, because the source was held up`] : []),
    ],
    figures: rows,
  };
}

type Join = (load: Load) => Promise<unknown>;

// The source would serve more of them past Weir one after the other.
const one: Join = (load) => load.add(1);

const tenths =
  (viewers: number): Join =>
  async (load) => {
    for (let tenth = 0; tenth < Math.floor(viewers / sampleOf); tenth++) {
      await load.addDropped(sampleOf / 2);
      await load.add(1);
      await load.addDropped(sampleOf / 2 - 1);
    }
  };

async function measureRound(
  scene: Scene,
  viewers: number,
  seconds: number,
  withClock: boolean,
): Promise<Round> {
  const all: Join = (load) => load.add(viewers);
  const some = viewers < sampleOf ? undefined : tenths(viewers);
  const nic = withClock ? await measureAtNic(scene, some ?? all, seconds) : undefined;
  const direct = await measureWay(scene, scene.direct, seconds, one);
  const relayed = async (join: Join): Promise<Pair> => ({
    direct,
    relayed: await measureWay(scene, scene.relayed, seconds, join),
  });
  const receive = await relayed(all);
  const { host } = scene.world.viewer;
  let steered: Pair | undefined;
  if (await steerReceiving(host, 'eth0', 'receiver')) {
    try {
      steered = await relayed(all);
    } finally {
      await steerReceiving(host, 'eth0', 'sender');
    }
  }
  return { nic, steered, receive, sampled: some && (await relayed(some)) };
}

/** The viewers' host takes in by itself what it gets, so that the sender's NIC is as soon done with a packet as one with a wire. */
async function measureAtNic(scene: Scene, join: Join, seconds: number): Promise<Pair> {
  const [access, viewers] = accessLink(scene);
  await using _ = await ownThreads(viewers, access);
  await using clock = await NicClock.start(access, viewers);
  return {
    direct: await measureWay(scene, scene.direct, seconds, one, clock),
    relayed: await measureWay(scene, scene.relayed, seconds, join, clock),
  };
}

/** Why there is no clock at the NIC here; undefined: there is. */
async function clockRefusal(scene: Scene): Promise<string | undefined> {
  try {
    await (await NicClock.start(...accessLink(scene))).close();
    return undefined;
  } catch (error) {
    if (isWeirError(error, 'NOT_AVAILABLE')) return error.describe();
    throw error;
  }
}

const accessLink = ({ world }: Scene): readonly [box: Nic, viewers: Nic] => [
  { host: world.box, device: world.access.device },
  { host: world.viewer.host, device: 'eth0' },
];

async function measureWay(
  scene: Scene,
  place: Place,
  seconds: number,
  join: Join,
  clock?: NicClock,
): Promise<Way> {
  const { daemon } = scene;
  await using load = await Load.start(scene.world.viewer, {
    ...{ ...place, transport: 'udp' },
    // Else what comes by a queue is merged, and the clock would read one time for several packets.
    takesWhole: clock === undefined,
  });
  await join(load);
  load.receiver.nap(napMs);
  await systemClock.sleep(settleMs);
  const idle = await latencyOf(load, seconds, clock);
  await daemon.busy();
  let javascript: BusyReport;
  let busy: Latency;
  try {
    await systemClock.sleep(busyWarmUpMs);
    busy = await latencyOf(load, seconds, clock);
  } finally {
    javascript = await daemon.calm();
  }
  return { idle, busy, javascript };
}

async function latencyOf(load: Load, seconds: number, clock: NicClock | undefined): Promise<Latency> {
  load.reset();
  const onNic = await clock?.count(seconds);
  if (!onNic) await systemClock.sleep(seconds * 1000);
  const { viewers, latency } = await load.report();
  mustBeWhole(
    viewers.flatMap(({ tracks }) => tracks),
    'latency',
  );
  if (!onNic) return latency;
  mustHaveSeenAll(onNic, load.numbers.length, 'latency');
  return onNic.latency;
}

function rowOf(
  viewers: Taking,
  javascript: Row['javascript'],
  percentile: Percentile,
  pairs: readonly Pair[],
): Row {
  const key = keys[percentile];
  const spread = (value: (pair: Pair) => number) => spreadOf(pairs.map((pair) => value(pair) / 1e6));
  return {
    viewers,
    javascript,
    percentile,
    directMs: spread(({ direct }) => direct[javascript][key]),
    relayedMs: spread(({ relayed }) => relayed[javascript][key]),
    addedMs: spread(({ direct, relayed }) => relayed[javascript][key] - direct[javascript][key]),
  };
}

const takings = ['nic', 'steered', 'receive', 'sampled'] as const satisfies readonly Taking[];

const whoText = {
  nic: 'at the access NIC',
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
