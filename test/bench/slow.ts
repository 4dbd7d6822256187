import { type Clock, systemClock } from '#base';
import { mustBeWhole, whileOnTime } from './checks.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { type Latency, Load, type LoadReport } from './load/index.ts';
import { below, type Report } from './report.ts';
import { feed, openScene, type Scene } from './scene.ts';

export interface SlowBenchOptions {
  readonly viewers: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** Latency of the healthy viewers. */
interface Measured {
  readonly udp: Latency;
  readonly tcp: Latency;
}

interface Round {
  readonly alone: Measured;
  readonly beside: Measured;
}

/** Small windows: what a slow viewer does not read is soon the box's trouble, not its own kernel's. */
const slowBufferBytes = 65_536;
const settleMs = 2500;
/** Short, so that who is slow has fallen behind what is kept before it is measured. */
const ringSeconds = 2;
const fallBehindMs = 4000;
const burstMs = { reading: 150, resting: 1000 } as const;
/** The median of the rounds may differ so much when nothing has changed; the table shows by how much they do. */
const mostRatio = 1.1;

const rowKinds = [
  ['udp', 'p50Ns', 'p50'],
  ['udp', 'p99Ns', 'p99'],
  ['tcp', 'p50Ns', 'p50'],
  ['tcp', 'p99Ns', 'p99'],
] as const;

interface Row {
  readonly transport: 'udp' | 'tcp';
  readonly percentile: 'p50' | 'p99';
  readonly aloneMs: Spread;
  readonly besideMs: Spread;
  /** Of the same round. */
  readonly ratio: Spread;
}

/** Three viewers by TCP that do not keep up, beside many that do. */
export async function benchSlow({ viewers, seconds, rounds, progress }: SlowBenchOptions): Promise<Report> {
  await using scene = await openScene({ relay: { ringSeconds } });
  await using healthy = await Load.start(scene.world.viewer, { ...scene.relayed, transport: 'udp' });
  const byUdp = Math.ceil(viewers / 2);
  await healthy.add(byUdp, 'udp');
  await healthy.add(viewers - byUdp, 'tcp');
  await systemClock.sleep(settleMs);
  const measured: Round[] = [];
  let skips = 0;
  for (let number = 1; number <= rounds; number++) {
    const round = await whileOnTime(
      async () => {
        const alone = await latencyOf(healthy, seconds);
        await using slow = await SlowViewers.start(scene);
        const beside = await latencyOf(healthy, seconds);
        skips += await slow.skips();
        return { alone, beside };
      },
      (why) => progress(`slow: repeated, ${why}`),
    );
    measured.push(round);
    progress(`slow: round ${number} of ${rounds}`);
  }
  const rows = rowKinds.map(([transport, key, percentile]): Row => {
    const ms = (pick: (round: Round) => number) => spreadOf(measured.map((round) => pick(round) / 1e6));
    return {
      transport,
      percentile,
      aloneMs: ms(({ alone }) => alone[transport][key]),
      besideMs: ms(({ beside }) => beside[transport][key]),
      ratio: spreadOf(measured.map(({ alone, beside }) => beside[transport][key] / alone[transport][key])),
    };
  });
  return {
    title: `slow: one viewer that reads nothing, one at half the rate, one in bursts, all by TCP, beside ${byUdp} healthy ones by UDP and ${viewers - byUdp} by TCP of a ${feed.bitsPerSecond / 1e6} Mbit/s feed; latency of the healthy ones, ms, without and with them in turns, median (min-max) of ${rounds} rounds of ${seconds} s.`,
    table: [
      ['healthy by', '', 'alone', 'beside the slow', 'ratio'],
      ...rows.map(({ transport, percentile, aloneMs, besideMs, ratio }) => [
        ...[transport === 'udp' ? 'UDP' : 'TCP', percentile],
        ...[spreadText(aloneMs, 3), spreadText(besideMs, 3), `**${spreadText(ratio, 2)}**`],
      ]),
    ],
    goals: rows
      .filter(({ percentile }) => percentile === 'p50')
      .map(({ transport, ratio }) =>
        below(
          `latency beside the slow to alone, p50 by ${transport}, median ratio`,
          ratio.median,
          mostRatio,
          '',
        ),
      ),
    notes: [
      'no packet of the healthy ones was lost, doubled or late; else this ends with status 1',
      `the slow ones fell so far behind that they jumped to a newer start point, ${skips} times in all`,
      'by TCP: until the load generator has read it, its own turns among 50 connections are in it',
    ],
    figures: rows,
  };
}

async function latencyOf(load: Load, seconds: number): Promise<Measured> {
  load.reset();
  await systemClock.sleep(seconds * 1000);
  const report: LoadReport = await load.report();
  mustBeWhole(
    report.viewers.flatMap(({ tracks }) => tracks),
    'the healthy viewers',
  );
  return { udp: report.latencyUdp, tcp: report.latencyTcp };
}

/** They join as any viewer does; then one stops reading, one reads at half the feed's rate, one reads now and then. */
class SlowViewers implements AsyncDisposable {
  readonly #scene: Scene;
  readonly #load: Load;
  readonly #bursts: Disposable;

  private constructor(scene: Scene, load: Load, bursts: Disposable) {
    this.#scene = scene;
    this.#load = load;
    this.#bursts = bursts;
  }

  static async start(scene: Scene): Promise<SlowViewers> {
    const load = await Load.start(scene.world.viewer, {
      ...scene.relayed,
      transport: 'tcp',
      receiveBufferBytes: slowBufferBytes,
    });
    const [stopped = 0, half = 0, bursting = 0] = await load.add(3);
    load.receiver.setReading(stopped, false);
    load.receiver.setReadingRate(half, feed.bitsPerSecond / 8 / 2);
    const bursts = inBursts(systemClock, (on) => load.receiver.setReading(bursting, on));
    await systemClock.sleep(fallBehindMs);
    return new SlowViewers(scene, load, bursts);
  }

  /** How often one of them fell so far behind that it jumped to a newer start point. */
  async skips(): Promise<number> {
    const { viewers } = await this.#scene.daemon.status();
    return viewers.reduce((sum, { startPointSkips }) => sum + Number(startPointSkips), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bursts[Symbol.dispose]();
    // Who does not read hears no answer to TEARDOWN.
    for (const viewer of this.#load.numbers) this.#load.abandon(viewer);
    await this.#load.close();
  }
}

function inBursts(clock: Clock, reading: (on: boolean) => void): Disposable {
  let next: Disposable;
  const turn = (on: boolean) => {
    reading(on);
    next = clock.after(on ? burstMs.reading : burstMs.resting, () => turn(!on));
  };
  turn(false);
  return { [Symbol.dispose]: () => next[Symbol.dispose]() };
}
