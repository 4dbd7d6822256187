import { systemClock } from '#base';
import { Capture } from '../lab/capture.ts';
import type { Packet } from '../lab/pcap.ts';
import { mustBeWhole, notMeasured } from './checks.ts';
import type { Daemon } from './daemon.ts';
import { percentile } from './figures.ts';
import { Load, receivingAddress, type ViewerReport } from './load/index.ts';
import { below, type Goal, type Report } from './report.ts';
import { feed, openScene, type Scene } from './scene.ts';

export interface JoinBenchOptions {
  readonly joins: number;
  readonly progress: (line: string) => void;
}

/** From PLAY on, ms. */
interface JoinTime {
  readonly bitsPerSecond: number;
  /** Handed to the kernel, to the kernel's time of the first RTP packet. */
  readonly firstPacketMs: number;
  /** To the last packet of the first whole picture, at which a decoder can start. */
  readonly firstFrameMs: number;
  /** The same, until the load generator had it in its hands. */
  readonly firstFrameReadMs: number;
  /** From PLAY to that last packet as they pass the viewers' NIC, by a packet capture. */
  readonly onNicMs: number;
  /** Packets of that picture, by the capture. */
  readonly framePackets: number;
}

/** Two feeds: one whose start picture goes out at once, and one whose start picture is a large burst that is paced. */
const variants = [2_000_000, 8_000_000] as const;
const groupSeconds = 4;
const arrivalLimitMs = 6_000;
const lookAgainMs = 20;
/** Each join falls into another moment of the group of pictures. */
const longestPauseMs = 400;
/** A capture holds so many joins; its file is read at once. */
const joinsPerCapture = 25;

/** How soon a viewer sees something of a feed that others watch already. */
export async function benchJoin({ joins, progress }: JoinBenchOptions): Promise<Report> {
  const times: JoinTime[] = [];
  for (const bitsPerSecond of variants) {
    await using scene = await openScene({ trace: { ...feed, bitsPerSecond, groupSeconds } });
    // What a capture sees as one is one: no super-packets on this link.
    await scene.world.box.offload(scene.world.access.device, { gso: false, 'tx-udp-segmentation': false });
    times.push(
      ...(await measureJoins(scene, bitsPerSecond, joins, (done) =>
        progress(`join: ${bitsPerSecond / 1e6} Mbit/s, ${done} of ${joins}`),
      )),
    );
  }
  return {
    title: `join: from PLAY to the picture a decoder can start at, of a further viewer by UDP, ms; ${joins} joins of each feed at random moments of its ${groupSeconds} s group of pictures.`,
    table: [['feed', '', 'p50', 'p99', 'min', 'max'], ...variants.flatMap((variant) => rows(variant, times))],
    goals: variants.flatMap((variant) => goals(variant, times)),
    notes: ['the viewer is a whole RTSP session each time, one after the other'],
    figures: times,
  };
}

async function measureJoins(
  scene: Scene,
  bitsPerSecond: number,
  joins: number,
  done: (joins: number) => void,
): Promise<JoinTime[]> {
  await using load = await Load.start(scene.world.viewer, { ...scene.relayed, transport: 'udp' });
  const [watching = 0] = await load.add(1);
  await arrival(load, watching);
  await startPoint(scene.daemon);
  const times: JoinTime[] = [];
  while (times.length < joins) {
    await using capture = await Capture.start(scene.world.viewer.host, 'eth0');
    const reports: ViewerReport[] = [];
    while (reports.length < joinsPerCapture && times.length + reports.length < joins) {
      reports.push(await measureJoin(load));
      await systemClock.sleep(Math.random() * longestPauseMs);
    }
    const packets = await capture.stop();
    times.push(...reports.map((report) => timeOf(report, packets, bitsPerSecond)));
    done(times.length);
  }
  const { viewers } = await load.report();
  mustBeWhole(
    viewers.filter(({ viewer }) => viewer !== watching).flatMap(({ tracks }) => tracks),
    'join',
  );
  return times;
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

async function measureJoin(load: Load): Promise<ViewerReport> {
  const [viewer = 0] = await load.add(1);
  const report = await arrival(load, viewer);
  await load.leave([viewer]);
  return report;
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

/** Each viewer has an address of its own, by which its packets are found in the capture. */
function timeOf(report: ViewerReport, packets: readonly Packet[], bitsPerSecond: number): JoinTime {
  const address = receivingAddress(report.viewer, '0.0.0.0');
  const [track] = report.tracks;
  const play = packets.find(
    ({ kind, source, payload }) =>
      kind === 'tcp' && source.address === address && payload.toString('latin1', 0, 5) === 'PLAY ',
  );
  const media = packets.filter(
    ({ kind, destination }) =>
      kind === 'udp' && destination.address === address && destination.port % 2 === 0,
  );
  // The marker bit ends a picture (RFC 6184 s.5.1).
  const last = media.findIndex(({ payload }) => (payload.readUInt8(1) & 0x80) !== 0);
  const end = media[last];
  if (!play || !end || media[0]?.payload.readUInt16BE(2) !== track?.firstSeq) {
    throw notMeasured('the capture does not show the join', { viewer: report.viewer, packets: media.length });
  }
  const ms = (ns: number | undefined) => (ns ?? 0) / 1e6;
  return {
    bitsPerSecond,
    firstPacketMs: ms(report.firstPacketNs),
    firstFrameMs: ms(report.firstFrameNs),
    firstFrameReadMs: ms(report.firstFrameReadNs),
    onNicMs: end.atMs - play.atMs,
    framePackets: last + 1,
  };
}

const measures = [
  ['firstPacketMs', 'first packet'],
  ['firstFrameMs', 'start picture whole, kernel'],
  ['firstFrameReadMs', 'start picture whole, load generator'],
  ['onNicMs', "start picture whole, viewers' NIC (capture)"],
] as const;

const sorted = (bitsPerSecond: number, times: readonly JoinTime[], key: keyof JoinTime): number[] =>
  times
    .filter((time) => time.bitsPerSecond === bitsPerSecond)
    .map((time) => time[key])
    .toSorted((a, b) => a - b);

function nameOf(bitsPerSecond: number, times: readonly JoinTime[]): string {
  const packets = percentile(sorted(bitsPerSecond, times, 'framePackets'), 0.5);
  return `${bitsPerSecond / 1e6} Mbit/s, start picture of ${packets} packets`;
}

const rows = (bitsPerSecond: number, times: readonly JoinTime[]): string[][] =>
  measures.map(([key, name]) => {
    const values = sorted(bitsPerSecond, times, key);
    const at = [0.5, 0.99, 0, 1].map((share) => percentile(values, share).toFixed(2));
    return [nameOf(bitsPerSecond, times), name, ...at];
  });

const goals = (bitsPerSecond: number, times: readonly JoinTime[]): Goal[] =>
  (['onNicMs', 'firstFrameReadMs'] as const).map((key) => {
    const where = key === 'onNicMs' ? 'on the NIC' : 'at the load generator';
    const p99 = percentile(sorted(bitsPerSecond, times, key), 0.99);
    return below(`${bitsPerSecond / 1e6} Mbit/s, start picture ${where}, p99`, p99, 100, ' ms');
  });
