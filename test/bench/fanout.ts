import { audienceOf } from './audience.ts';
import { notMeasured, whileOnTime } from './checks.ts';
import { type LoopCost, measureLoop } from './fanout-loop.ts';
import { measureWeir, type WeirCost } from './fanout-weir.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { dropMedia, type MediaDrop } from './load/index.ts';
import { below, type Goal, type Report } from './report.ts';
import { feed, openScene, type Scene } from './scene.ts';

export interface FanoutBenchOptions {
  readonly viewers: readonly number[];
  /** Of the access NIC: whether it takes many packets at once, to part them itself. */
  readonly offload: readonly boolean[];
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** Weir, then the loops, one after the other with the same trace. */
interface Round {
  readonly weir: WeirCost;
  readonly gso: LoopCost;
  readonly sendto: LoopCost;
}

/** CPU time for one packet to one viewer; the ratios are those within a round. */
interface Row {
  readonly offload: boolean;
  readonly viewers: number;
  readonly engineNs: Spread;
  readonly processNs: Spread;
  readonly gsoNs: Spread;
  readonly sendtoNs: Spread;
  readonly engineToGso: Spread;
  readonly engineToSendto: Spread;
  readonly gsoPacketsAtOnce: Spread;
  /** In rounds of a loop that had no time left: it delivered late. */
  readonly saturated: boolean;
}

const goalViewers = 100;
/** Of Ethernet: a larger packet has not been parted yet. */
const mtuBytes = 1500;

const head = [
  ...['offload', 'viewers', 'Weir engine', 'Weir process', 'C, GSO', 'C, sendto'],
  ...['engine/GSO', 'engine/sendto', 'packets at once'],
];

/** What it costs to give one packet to one viewer: Weir, and two plain C loops in its place. */
export async function benchFanout(options: FanoutBenchOptions): Promise<Report> {
  const { viewers, offload, seconds, rounds } = options;
  await using scene = await openScene();
  const drop = await dropMedia(scene.world.viewer.host, 'eth0');
  const realtimePriority = await scene.daemon.realtimePriority();
  const scheduling = realtimePriority > 0 ? `SCHED_FIFO ${realtimePriority}` : 'the normal scheduler';
  const notes = [
    `engine and C loops run under ${scheduling}; packets at once: that the GSO loop found waiting`,
  ];
  const rows: Row[] = [];
  for (const on of offload) {
    const meanBytes = await setOffload(scene, drop, on);
    notes.push(`offload ${onOff(on)}: packets of ${meanBytes} bytes on average come to the viewers' NIC`);
    for (const count of viewers) {
      const measured = await measureRounds(
        () => measureRound(scene, drop, { viewers: count, seconds, realtimePriority }),
        rounds,
        (line) => options.progress(`fanout: offload ${onOff(on)}, ${count} viewers, ${line}`),
      );
      rows.push(rowOf(on, count, measured));
    }
  }
  if (rows.some(({ saturated }) => saturated)) notes.push('*: the loop could not keep up with the feed');
  return {
    title: `fanout: CPU time for one packet to one viewer, ns. One ${feed.bitsPerSecond / 1e6} Mbit/s feed, UDP; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [head, ...rows.map(cells)],
    goals: rows.filter((row) => row.offload && row.viewers === goalViewers).flatMap(goalsOf),
    notes,
    figures: rows,
  };
}

async function measureRounds(
  measure: () => Promise<Round>,
  rounds: number,
  progress: (line: string) => void,
): Promise<readonly Round[]> {
  const measured: Round[] = [];
  while (measured.length < rounds) {
    const round = await whileOnTime(measure, (why) => progress(`again: ${why}`));
    measured.push(round);
    const { weir, gso, sendto } = round;
    const times = [weir.engineNs, gso.cpuNs, sendto.cpuNs].map((ns) => ns.toFixed(0));
    progress(`round ${measured.length}: engine, C GSO, C sendto ${times.join(', ')} ns`);
  }
  return measured;
}

async function measureRound(
  scene: Scene,
  drop: MediaDrop,
  options: { readonly viewers: number; readonly seconds: number; readonly realtimePriority: number },
): Promise<Round> {
  const { viewers, seconds, realtimePriority } = options;
  const audience = audienceOf(viewers);
  const inItsPlace = { world: scene.world, audience, seconds, realtimePriority };
  return {
    weir: await measureWeir({ scene, drop, audience, seconds }),
    gso: await measureLoop({ ...inItsPlace, mode: 'gso' }),
    sendto: await measureLoop({ ...inItsPlace, mode: 'sendto' }),
  };
}

/**
 * Switches the access NIC's segmentation, and looks at what the C loop then makes come to the viewers' NIC: packets that
 * no wire would take, or such as it does. Gives their mean size with headers.
 */
async function setOffload(scene: Scene, drop: MediaDrop, on: boolean): Promise<number> {
  const { world } = scene;
  await world.box.offload(world.access.device, { 'tx-udp-segmentation': on });
  const audience = { receivers: 1, dropped: goalViewers - 1 };
  await drop.count();
  await measureLoop({ world, mode: 'gso', audience, seconds: 1, realtimePriority: 0 });
  const { packets, bytes } = await drop.count();
  const meanBytes = Math.round(bytes / packets);
  if (on === meanBytes > mtuBytes) return meanBytes;
  throw notMeasured('the access NIC does not segment as it was told', { offload: on, meanBytes });
}

function rowOf(offload: boolean, viewers: number, rounds: readonly Round[]): Row {
  const spread = (value: (round: Round) => number) => spreadOf(rounds.map(value));
  return {
    offload,
    viewers,
    engineNs: spread(({ weir }) => weir.engineNs),
    processNs: spread(({ weir }) => weir.processNs),
    gsoNs: spread(({ gso }) => gso.cpuNs),
    sendtoNs: spread(({ sendto }) => sendto.cpuNs),
    engineToGso: spread(({ weir, gso }) => weir.engineNs / gso.cpuNs),
    engineToSendto: spread(({ weir, sendto }) => weir.engineNs / sendto.cpuNs),
    gsoPacketsAtOnce: spread(({ gso }) => gso.packetsAtOnce),
    saturated: rounds.some(({ gso, sendto }) => gso.saturated || sendto.saturated),
  };
}

const onOff = (on: boolean): string => (on ? 'on' : 'off');

const cells = (row: Row): readonly string[] => [
  onOff(row.offload),
  `${row.viewers}${row.saturated ? '*' : ''}`,
  ...[row.engineNs, row.processNs, row.gsoNs, row.sendtoNs].map((spread) => spreadText(spread, 0)),
  ...[row.engineToGso, row.engineToSendto].map((spread) => spreadText(spread, 2)),
  spreadText(row.gsoPacketsAtOnce, 1),
];

const goalsOf = ({ viewers, engineToGso, engineToSendto }: Row): Goal[] => [
  below(`engine / C GSO at ${viewers} viewers`, engineToGso.median, 1.5, ''),
  below(`engine / C sendto at ${viewers} viewers`, engineToSendto.median, 0.5, ''),
];
