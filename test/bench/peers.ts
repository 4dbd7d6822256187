import { describeError } from '#base';
import { audienceOf } from './audience.ts';
import { whileOnTime } from './checks.ts';
import { percentile, type Spread, spreadOf, spreadText } from './figures.ts';
import { dropMedia, type MediaDrop } from './load/index.ts';
import { type PeerKind, peerKinds } from './peer.ts';
import { measurePeer, type PeerCost } from './peer-cost.ts';
import { steerReceiving } from './pinned-world.ts';
import { below, type Goal, type Report } from './report.ts';
import { feed, openScene, type Scene } from './scene.ts';

export interface PeersBenchOptions {
  readonly viewers: number;
  readonly transports: readonly ('udp' | 'tcp')[] | undefined;
  readonly megabitsPerSecond: number;
  /** The kernel clones what Weir sends. */
  readonly clones: boolean;
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** What it cost, and what Weir did in the same round. */
interface Measured {
  readonly cost: PeerCost;
  readonly weir: PeerCost;
}

interface Row {
  readonly transport: 'udp' | 'tcp';
  readonly name: string;
  readonly relays: boolean;
  /** Of one processor, the whole process. */
  readonly cpuPercent: Spread;
  /** Weir's, of the same round, to this one's. */
  readonly weirToIt: Spread;
  readonly lostPercent: Spread;
  /** Joins of all rounds. */
  readonly startFrameMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly latencyMs: Spread | undefined;
}

/** Joins of a round to learn how long a start frame takes. */
const joins = 10;
const goalRatio = { udp: 0.2, tcp: 0.4 } as const;
/** A peer that loses more does not carry so many viewers, and nothing is compared with it. */
const mostLostPercent = 1;

const head = [
  ...['viewers', 'served by', 'CPU, % of a processor', "Weir's CPU to it", 'lost %'],
  ...['start frame p50 ms', 'p99 ms', 'latency p50 ms'],
];

/** Whole processes that give the same feed to as many viewers: Weir, other RTSP servers in its place, and the source. */
export async function benchPeers(options: PeersBenchOptions): Promise<Report> {
  const {
    viewers,
    transports = ['udp', 'tcp'],
    clones,
    megabitsPerSecond,
    seconds,
    rounds,
    progress,
  } = options;
  const trace = { ...feed, bitsPerSecond: megabitsPerSecond * 1e6, groupSeconds: 2 };
  const rows: Row[] = [];
  const notes: string[] = [];
  await using scene = await openScene({ trace, relay: { cloneInKernel: clones } });
  const drop = await dropMedia(scene.world.viewer.host, 'eth0');
  for (const transport of transports) {
    // By TCP all viewers receive. By UDP next to none does, and what is dropped on arrival costs least where it is.
    await steerReceiving(scene.world.viewer.host, 'eth0', transport === 'tcp' ? 'receiver' : 'sender');
    const kinds = peerKinds.filter((kind) => kind.transports.includes(transport));
    const costs = new Map<PeerKind, Measured[]>();
    for (const kind of kinds) {
      const missing = kind.missing();
      if (missing === undefined) costs.set(kind, []);
      else notes.push(`${kind.name}: not measured, ${missing}`);
    }
    // The first of the kinds: of the same round when the others are measured.
    let weir: PeerCost | undefined;
    for (let round = 1; round <= rounds; round++) {
      for (const [kind, measured] of costs) {
        const name = `${kind.name}, ${viewers} viewers by ${transport}`;
        const cost = await costOf(kind, { scene, drop, transport, viewers, seconds }, (why) =>
          progress(`peers: ${name}: ${why}`),
        );
        if (cost instanceof Error) {
          notes.push(`${name}, round ${round}: ${describeError(cost)}`);
          continue;
        }
        if (kind.name === 'Weir') weir = cost;
        if (weir) measured.push({ cost, weir });
        progress(`peers: ${name}, round ${round}: ${cost.cpuPercent.toFixed(1)} %`);
      }
    }
    for (const [kind, measured] of costs) {
      if (measured.length > 0) rows.push(rowOf(transport, kind, measured));
    }
  }
  return {
    title: `peers: ${viewers} viewers of one feed of ${megabitsPerSecond} Mbit/s, whole process beside whole process; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [head, ...rows.map((row) => cells(row, viewers))],
    goals: transports.flatMap((transport) => goalOf(transport, rows)),
    notes: [
      `start frame: PLAY sent to the last packet of the first picture that a decoder can start at, ${joins * rounds} joins at any time of a group of pictures of ${trace.groupSeconds} s`,
      'latency: from the time the source wrote into each packet; -: who packs anew leaves that time out',
      "by TCP the viewers' host takes in what it gets on a processor of its own, as other machines would",
      `who loses more than ${mostLostPercent} % does not carry the viewers, and is not compared with`,
      ...notes,
    ],
    figures: rows,
  };
}

/** Of Weir and the source there is no doubt: what goes wrong with them ends the run. A peer is left out. */
async function costOf(
  kind: PeerKind,
  bench: {
    readonly scene: Scene;
    readonly drop: MediaDrop;
    readonly transport: 'udp' | 'tcp';
    readonly viewers: number;
    readonly seconds: number;
  },
  onRepeat: (why: string) => void,
): Promise<PeerCost | Error> {
  const audience = audienceOf(bench.viewers);
  try {
    return await whileOnTime(
      () => measurePeer({ ...bench, kind, audience, joins }),
      (why) => onRepeat(`again: ${why}`),
    );
  } catch (error) {
    if (!kind.relays || !(error instanceof Error)) throw error;
    onRepeat(`left out: ${describeError(error)}`);
    return error;
  }
}

function rowOf(transport: Row['transport'], { name, relays }: PeerKind, measured: readonly Measured[]): Row {
  const costs = measured.map(({ cost }) => cost);
  const startFrames = costs.flatMap(({ startFramesMs }) => startFramesMs).toSorted((a, b) => a - b);
  const latencies = costs.flatMap(({ latencyP50Ms }) => (latencyP50Ms === undefined ? [] : [latencyP50Ms]));
  const ratios = measured.map(({ cost, weir }) => weir.cpuPercent / cost.cpuPercent);
  return {
    transport,
    name,
    relays,
    cpuPercent: spreadOf(costs.map(({ cpuPercent }) => cpuPercent)),
    weirToIt: spreadOf(ratios),
    lostPercent: spreadOf(costs.map(({ lostPercent }) => lostPercent)),
    startFrameMs:
      startFrames.length > 0
        ? { p50: percentile(startFrames, 0.5), p99: percentile(startFrames, 0.99) }
        : undefined,
    latencyMs: latencies.length > 0 ? spreadOf(latencies) : undefined,
  };
}

const cells = (row: Row, viewers: number): readonly string[] => [
  `${viewers} ${row.transport}`,
  row.name,
  spreadText(row.cpuPercent, 1),
  row.name === 'Weir' ? '1' : spreadText(row.weirToIt, 2),
  spreadText(row.lostPercent, 1),
  row.startFrameMs?.p50.toFixed(1) ?? '-',
  row.startFrameMs?.p99.toFixed(1) ?? '-',
  row.latencyMs ? spreadText(row.latencyMs, 2) : '-',
];

/** The best peer is the one that takes the least CPU and carries all viewers. */
function goalOf(transport: Row['transport'], rows: readonly Row[]): readonly Goal[] {
  const [best] = rows
    .filter((row) => row.transport === transport && row.relays && row.lostPercent.median <= mostLostPercent)
    .toSorted((a, b) => a.cpuPercent.median - b.cpuPercent.median);
  if (best === undefined) return [];
  const text = `${transport}: Weir's CPU to that of the best peer, ${best.name}`;
  return [below(text, best.weirToIt.median, goalRatio[transport], '')];
}
