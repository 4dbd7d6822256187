import type { World } from '../../src/demo/world/index.ts';
import { audienceOf } from './audience.ts';
import { notMeasured, whileOnTime } from './checks.ts';
import { type FanoutCase, type FanoutChoice, fanoutCases } from './fanout-cases.ts';
import { measureLoop } from './fanout-loop.ts';
import {
  type FanoutRound,
  type FanoutRow,
  fanoutCells,
  fanoutGoals,
  fanoutHead,
  fanoutRow,
} from './fanout-row.ts';
import { measureWeir } from './fanout-weir.ts';
import { dropMedia, type MediaDrop, type TraceOptions } from './load/index.ts';
import type { Report } from './report.ts';
import { feed, openScene, type Scene } from './scene.ts';

export interface FanoutBenchOptions extends FanoutChoice {
  readonly megabitsPerSecond: number;
  /** The kernel clones. */
  readonly clones: boolean;
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

interface Bench {
  readonly scene: Scene;
  readonly drop: MediaDrop;
  readonly trace: TraceOptions;
  readonly seconds: number;
  readonly realtimePriority: number;
}

/** Of Ethernet: a larger packet has not been parted yet. */
const mtuBytes = 1500;
/** Whose packets show whether the NIC segments. */
const probeViewers = 100;

/** What it costs to give one packet to one viewer: Weir, and plain C loops in its place. */
export async function benchFanout(options: FanoutBenchOptions): Promise<Report> {
  const { seconds, rounds, clones, megabitsPerSecond, progress } = options;
  const trace = { ...feed, bitsPerSecond: megabitsPerSecond * 1e6 };
  const rows: FanoutRow[] = [];
  const notes = new Set<string>();
  const byThreads = Map.groupBy(fanoutCases(options), ({ threads }) => threads);
  for (const [threads, cases] of byThreads) {
    const relay = { engineThreads: threads, cloneInKernel: clones };
    await using scene = await openScene({ trace, feeds: threads, relay });
    const drop = await dropMedia(scene.world.viewer.host, 'eth0');
    const realtimePriority = await scene.daemon.realtimePriority();
    const scheduling = realtimePriority > 0 ? `SCHED_FIFO ${realtimePriority}` : 'the normal scheduler';
    notes.add(`engine and C loops run under ${scheduling}`);
    const bench = { scene, drop, trace, seconds, realtimePriority };
    let now: string | undefined;
    for (const which of cases) {
      const { transport, offload, viewers } = which;
      const name = `${transport}, offload ${offload ? 'on' : 'off'}`;
      if (now !== name) notes.add(await setOffload(bench, which));
      now = name;
      const measured = await measureRounds(bench, which, rounds, (line) =>
        progress(`fanout: ${name}, ${viewers} viewers, ${threads} threads, ${line}`),
      );
      rows.push(fanoutRow(which, measured));
    }
  }
  if (rows.some(({ saturated }) => Object.values(saturated).includes(true))) {
    notes.add('*: had no time left, and delivered late or not all');
  }
  return {
    title: `fanout: CPU time for one packet to one viewer, and % of a processor for 1 Gbit/s delivered. One feed of ${megabitsPerSecond} Mbit/s for each engine thread; median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [fanoutHead, ...rows.map(fanoutCells)],
    goals: rows.flatMap(fanoutGoals),
    notes: [
      'C batched: by UDP recvmmsg, sendmmsg and UDP_SEGMENT; by TCP a ring, cursors, and a send for each viewer every 20 ms; C single: one sendto for each packet and viewer',
      ...(byThreads.size > 1 || !byThreads.has(1)
        ? [
            'several threads: a feed for each, viewers spread over them; the C loop beside them has one feed and its share',
          ]
        : []),
      'packets at once: that the batched loop had to send each time',
      ...notes,
    ],
    figures: rows,
  };
}

async function measureRounds(
  bench: Bench,
  which: FanoutCase,
  rounds: number,
  progress: (line: string) => void,
): Promise<readonly FanoutRound[]> {
  const measured: FanoutRound[] = [];
  while (measured.length < rounds) {
    const round = await whileOnTime(
      () => measureRound(bench, which),
      (why) => progress(`again: ${why}`),
    );
    measured.push(round);
    const { weir, batched, single } = round;
    const times = [weir.engineNs, batched.cpuNs, ...(single ? [single.cpuNs] : [])].map((ns) =>
      ns.toFixed(0),
    );
    progress(`round ${measured.length}: engine and C loops ${times.join(', ')} ns`);
  }
  return measured;
}

async function measureRound(bench: Bench, { transport, viewers, threads }: FanoutCase): Promise<FanoutRound> {
  const { scene, drop, trace, seconds, realtimePriority } = bench;
  const audience = audienceOf(Math.floor(viewers / threads));
  const inItsPlace = { world: scene.world, trace, audience, seconds, realtimePriority };
  const weir = await measureWeir({ scene, drop, transport, viewers, seconds });
  if (transport === 'tcp') {
    return { weir, batched: await measureLoop({ ...inItsPlace, mode: 'tick' }), single: undefined };
  }
  return {
    weir,
    batched: await measureLoop({ ...inItsPlace, mode: 'gso' }),
    single: await measureLoop({ ...inItsPlace, mode: 'sendto' }),
  };
}

/**
 * Switches the access NIC's segmentation, and looks at what the C loop then makes leave it: packets that no wire would
 * take, or such as it does.
 */
async function setOffload({ scene, trace }: Bench, { transport, offload }: FanoutCase): Promise<string> {
  const { world } = scene;
  const feature = transport === 'udp' ? 'tx-udp-segmentation' : 'tcp-segmentation-offload';
  await world.box.offload(world.access.device, { [feature]: offload });
  const audience = { receivers: 1, others: probeViewers - 1 };
  const before = await sentByAccess(world);
  const mode = transport === 'udp' ? 'gso' : 'tick';
  await measureLoop({ world, mode, trace, audience, seconds: 1, realtimePriority: 0 });
  const after = await sentByAccess(world);
  const meanBytes = Math.round((after.bytes - before.bytes) / (after.packets - before.packets));
  const what = `offload ${offload ? 'on' : 'off'}, ${transport}: packets of ${meanBytes} bytes on average leave the access NIC`;
  if (offload === meanBytes > mtuBytes) return what;
  throw notMeasured('the access NIC does not segment as it was told', { feature, offload, meanBytes });
}

async function sentByAccess({ box, access }: World): Promise<{ packets: number; bytes: number }> {
  const [link] = JSON.parse(await box.ip('-json', '-statistics', 'link', 'show', 'dev', access.device));
  return link.stats64.tx;
}
