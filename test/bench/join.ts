import { systemClock } from '#base';
import { mustBeWhole, notMeasured } from './checks.ts';
import type { Daemon } from './daemon.ts';
import { percentile } from './figures.ts';
import { Load, type ViewerReport } from './load/index.ts';
import { below, type Report } from './report.ts';
import { feed, openScene } from './scene.ts';

export interface JoinBenchOptions {
  readonly joins: number;
  readonly progress: (line: string) => void;
}

interface JoinTime {
  /** PLAY handed to the kernel, to the kernel's time of the first RTP packet. */
  readonly firstPacketMs: number;
  /** To the last packet of the first whole picture, at which a decoder can start. */
  readonly firstFrameMs: number;
}

const arrivalLimitMs = 3_000;
const lookAgainMs = 20;

/** How soon a viewer sees something of a feed that others watch already. */
export async function benchJoin({ joins, progress }: JoinBenchOptions): Promise<Report> {
  await using scene = await openScene();
  await using load = await Load.start(scene.world.viewer, { ...scene.relayed, transport: 'udp' });
  const [watching = 0] = await load.add(1);
  await arrival(load, watching);
  await startPoint(scene.daemon);
  const times: JoinTime[] = [];
  for (let join = 1; join <= joins; join++) {
    times.push(await measureJoin(load));
    if (join % 50 === 0) progress(`join: ${join} of ${joins}`);
  }
  const { viewers } = await load.report();
  mustBeWhole(
    viewers.flatMap(({ tracks }) => tracks),
    'join',
  );
  const firstPacket = sorted(times.map(({ firstPacketMs }) => firstPacketMs));
  const firstFrame = sorted(times.map(({ firstFrameMs }) => firstFrameMs));
  return {
    title: `join: from PLAY to the first packet, of a further viewer by UDP, ms; ${joins} joins, one after the other.`,
    table: [
      ['', 'p50', 'p99', 'min', 'max'],
      row('first packet', firstPacket),
      row('first whole picture', firstFrame),
    ],
    goals: [below('first packet, p99', percentile(firstPacket, 0.99), 20, ' ms')],
    notes: [
      `the viewer is a whole RTSP session each time; a picture to start at every ${feed.groupSeconds} s`,
    ],
    figures: times,
  };
}

/** A feed that has just been opened may hold no picture to start at; whoever joins then sees the next one that comes. */
async function startPoint(daemon: Daemon): Promise<void> {
  for (const until = systemClock.nowMs() + arrivalLimitMs; ; ) {
    const { feeds } = await daemon.status();
    if (feeds.some(({ startPoints }) => startPoints !== '0')) return;
    if (systemClock.nowMs() > until) throw notMeasured('the feed has no start point', { ms: arrivalLimitMs });
    await systemClock.sleep(lookAgainMs);
  }
}

async function measureJoin(load: Load): Promise<JoinTime> {
  const [viewer = 0] = await load.add(1);
  const { firstPacketNs = 0, firstFrameNs = 0 } = await arrival(load, viewer);
  await load.leave([viewer]);
  return { firstPacketMs: firstPacketNs / 1e6, firstFrameMs: firstFrameNs / 1e6 };
}

/** Waits for the viewer's first whole picture. There is no event to wait for: the receiver counts, and tells when asked. */
async function arrival(load: Load, viewer: number): Promise<ViewerReport> {
  for (const until = systemClock.nowMs() + arrivalLimitMs; ; ) {
    const { viewers } = await load.report();
    const report = viewers.find((one) => one.viewer === viewer);
    if (report?.firstFrameNs !== undefined) return report;
    if (systemClock.nowMs() > until) throw notMeasured('a viewer got no picture', { viewer });
    await systemClock.sleep(lookAgainMs);
  }
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

const row = (name: string, times: readonly number[]): string[] => [
  name,
  ...[0.5, 0.99, 0, 1].map((share) => percentile(times, share).toFixed(2)),
];
