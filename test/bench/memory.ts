import { systemClock } from '#base';
import { notMeasured } from './checks.ts';
import type { Daemon } from './daemon.ts';
import { percentile } from './figures.ts';
import { dropMedia, Load } from './load/index.ts';
import { below, type Report } from './report.ts';
import { openScene } from './scene.ts';

export interface MemoryBenchOptions {
  readonly viewers: readonly number[];
  readonly progress: (line: string) => void;
}

interface Row {
  readonly transport: 'udp' | 'tcp';
  readonly viewers: number;
  readonly idleBytes: number;
  /** Of the ring, what has been written so far. */
  readonly ringBytes: number;
  readonly residentBytes: number;
  readonly perViewerBytes: number;
}

/** Small, so that thousands of them fit on one machine beside their load generator. */
const media = { bitsPerSecond: 500_000, framesPerSecond: 10, groupSeconds: 1, stampPayload: true };
const mostRingBytes = 16 * 1024 * 1024;
const limitBytes = 32 * 1024;
/** Joined, caught up, and what joining left has been collected. */
const settleMs = 10_000;
const samples = 9;
const sampleMs = 500;

/** What the daemon's memory is with many viewers of one feed, beside what it is without any. */
export async function benchMemory({ viewers, progress }: MemoryBenchOptions): Promise<Report> {
  const rows: Row[] = [];
  for (const transport of ['udp', 'tcp'] as const) {
    for (const count of viewers) {
      progress(`memory: ${count} viewers by ${transport}`);
      rows.push(await measure(transport, count));
    }
  }
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  return {
    title: `memory: resident set of the daemon, MiB, with viewers of one ${media.bitsPerSecond / 1e6} Mbit/s feed.`,
    table: [
      ['viewers', '', 'idle', 'ring', 'resident', 'KiB a viewer beside idle and ring'],
      ...rows.map(({ transport, viewers: count, idleBytes, ringBytes, residentBytes, perViewerBytes }) => [
        ...[String(count), transport === 'udp' ? 'UDP' : 'TCP', mib(idleBytes), mib(ringBytes)],
        ...[mib(residentBytes), `**${(perViewerBytes / 1024).toFixed(1)}**`],
      ]),
    ],
    goals: rows.map(({ transport, viewers: count, perViewerBytes }) =>
      below(`KiB a viewer, ${count} by ${transport}`, perViewerBytes / 1024, limitBytes / 1024, ' KiB'),
    ),
    notes: [
      'idle: the same process before its first viewer; ring: what of it has been written, up to its 16 MiB',
    ],
    figures: rows,
  };
}

async function measure(transport: 'udp' | 'tcp', viewers: number): Promise<Row> {
  await using scene = await openScene({ trace: media });
  const { daemon, world, relayed } = scene;
  await dropMedia(world.viewer.host, 'eth0');
  await systemClock.sleep(settleMs / 2);
  const idleBytes = await resident(daemon);
  await using load = await Load.start(world.viewer, { ...relayed, transport });
  if (transport === 'udp') await load.addDropped(viewers);
  else await load.add(viewers);
  await systemClock.sleep(settleMs);
  const residentBytes = await resident(daemon);
  const { viewers: shown } = await daemon.status();
  if (shown.length !== viewers) throw notMeasured('not all viewers are there', { viewers: shown.length });
  const ringBytes = await writtenRing(daemon);
  return {
    ...{ transport, viewers, idleBytes, ringBytes, residentBytes },
    perViewerBytes: (residentBytes - idleBytes - ringBytes) / viewers,
  };
}

/** Of the first feed's ring, what has been written so far. */
export async function writtenRing(daemon: Daemon): Promise<number> {
  const [feed] = (await daemon.status()).feeds;
  return Math.min(mostRingBytes, Number(feed?.rxBytes ?? 0));
}

/** The middle of some samples. */
export async function resident(daemon: Daemon): Promise<number> {
  const bytes: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    if (sample > 0) await systemClock.sleep(sampleMs);
    bytes.push((await daemon.memory()).residentBytes);
  }
  return percentile(
    bytes.toSorted((a, b) => a - b),
    0.5,
  );
}
