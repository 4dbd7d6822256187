import { systemClock } from '#base';
import { notMeasured } from './checks.ts';
import { spreadOf } from './figures.ts';
import { Churn, dropMedia, Load } from './load/index.ts';
import { resident, writtenRing } from './memory.ts';
import { below, type Report } from './report.ts';
import { openScene } from './scene.ts';

export interface ChurnBenchOptions {
  readonly joins: number;
  readonly progress: (line: string) => void;
}

interface Sample {
  readonly joins: number;
  readonly residentBytes: number;
  /** Of it, the ring: it fills for minutes, whoever comes and goes. */
  readonly ringBytes: number;
  readonly joinsPerSecond: number;
}

const media = { bitsPerSecond: 500_000, framesPerSecond: 10, groupSeconds: 1, stampPayload: true };
/** Code has been compiled, the lists that are kept are full, heaps and their free lists have their size. */
const warmUpJoins = 15_000;
const samples = 10;
const compared = 3;
const atOnce = 48;
const settleMs = 3000;
const mostGrowth = 0.05;

/** What viewers who have come and gone leave behind in the daemon's memory. */
export async function benchChurn({ joins, progress }: ChurnBenchOptions): Promise<Report> {
  await using scene = await openScene({ trace: media });
  const { daemon, world, relayed } = scene;
  await dropMedia(world.viewer.host, 'eth0');
  await using watching = await Load.start(world.viewer, { ...relayed, transport: 'udp' });
  // The feed stays open.
  await watching.add(1);
  await using churn = await Churn.start(world.viewer.host, {
    ...relayed,
    control: `${relayed.url}/track=0`,
    atOnce,
  });
  const taken: Sample[] = [];
  for (let done = 0; done < joins + warmUpJoins; ) {
    const next = done === 0 ? warmUpJoins : Math.ceil(joins / samples);
    const { seconds } = await churn.run(next);
    done += next;
    await systemClock.sleep(settleMs);
    const { viewers } = await daemon.status();
    if (viewers.length !== 1) throw notMeasured('viewers are left over', { viewers: viewers.length });
    const residentBytes = await resident(daemon);
    const ringBytes = await writtenRing(daemon);
    const sample = { joins: done - warmUpJoins, residentBytes, ringBytes, joinsPerSecond: next / seconds };
    taken.push(sample);
    progress(`churn: ${done} joins, ${mib(residentBytes)} MiB, ${sample.joinsPerSecond.toFixed(0)} a second`);
  }
  // The collector lets it swing by a tenth: the middle of three against the middle of three.
  const growth = middle(taken.slice(-compared)) / middle(taken.slice(0, compared)) - 1;
  return {
    title: `churn: resident set of the daemon after viewers have come and gone, half by UDP, half by TCP, ${atOnce} at once, one in four without TEARDOWN; a first ${warmUpJoins} before.`,
    table: [
      ['joins and leaves', 'resident, MiB', 'of it ring', 'joins a second'],
      ...taken.map(({ joins: done, residentBytes, ringBytes, joinsPerSecond }) => [
        ...[String(done), mib(residentBytes), mib(ringBytes), joinsPerSecond.toFixed(0)],
      ]),
    ],
    goals: [below(`growth by ${joins} joins and leaves`, 100 * growth, 100 * mostGrowth, ' %')],
    notes: [
      'each sample is the middle of nine in four seconds, with one viewer watching',
      `growth: the middle of the last ${compared} samples against that of the first ${compared}, beside the ring`,
    ],
    figures: taken,
  };
}

const middle = (samplesOf: readonly Sample[]): number =>
  spreadOf(samplesOf.map(({ residentBytes, ringBytes }) => residentBytes - ringBytes)).median;

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
