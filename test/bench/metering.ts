import { systemClock } from '#base';
import { openReader } from '#storage';
import type { UsageRecord } from '../../src/billing/index.ts';
import { Capture } from '../lab/capture.ts';
import { type MediaFlow, takenFlows } from '../lab/media-flows.ts';
import { notMeasured } from './checks.ts';
import { Load, receivingAddress } from './load/index.ts';
import { none, type Report } from './report.ts';
import { feed, openScene } from './scene.ts';

export interface MeteringBenchOptions {
  readonly sessions: number;
  /** The kernel clones. */
  readonly clones: boolean;
  readonly progress: (line: string) => void;
}

/** Of a session: its record, and what the viewers' NIC saw of it. */
interface Comparison {
  readonly viewer: string;
  readonly transport: string;
  readonly seconds: number;
  readonly recordedPackets: number;
  readonly recordedBytes: number;
  readonly capturedPackets: number;
  readonly capturedBytes: number;
}

/** A capture holds everything, and its file is read at once. */
const bitsPerSecond = 1_000_000;
const atOnce = 24;
const shortestMs = 200;
const longestMs = 3_000;
/** One in so many leaves without a word: its sockets are closed under the media. */
const silentLeavers = 4;
const recordLimitMs = 15_000;
const lookAgainMs = 50;

/** Whether records say what was delivered: sessions of random length, UDP and TCP in turn, against a packet capture. */
export async function benchMetering({ sessions, clones, progress }: MeteringBenchOptions): Promise<Report> {
  await using scene = await openScene({
    trace: { ...feed, bitsPerSecond },
    relay: { cloneInKernel: clones },
  });
  const { world, daemon, relayed } = scene;
  // What a capture sees as one packet is one.
  await world.box.offload(world.access.device, { gso: false, tso: false, 'tx-udp-segmentation': false });
  await using capture = await Capture.start(world.viewer.host, 'eth0');
  await using load = await Load.start(world.viewer, { ...relayed, transport: 'udp' });
  let begun = 0;
  const watch = async () => {
    while (begun < sessions) {
      const index = begun++;
      const [viewer = 0] = await load.add(1, index % 2 === 0 ? 'udp' : 'tcp');
      await systemClock.sleep(shortestMs + Math.random() * (longestMs - shortestMs));
      if (Math.floor(index / 2) % silentLeavers === 0) load.abandon(viewer);
      else await load.leave([viewer]);
      if ((index + 1) % 50 === 0) progress(`metering: ${index + 1} of ${sessions} sessions`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, watch));
  const records = await recorded(daemon.dataDir, sessions);
  const flows = takenFlows(await capture.stop()).filter(({ rtpPackets }) => rtpPackets > 0);
  const compared = Array.from({ length: sessions }, (_, index) =>
    compare(receivingAddress(index, '0.0.0.0'), records, flows),
  );
  return reportOf(compared);
}

/** The records of that many sessions. Who looks for them finds no event: they are read beside the daemon. */
async function recorded(dataDir: string, sessions: number): Promise<readonly UsageRecord[]> {
  for (const until = systemClock.nowMs() + recordLimitMs; ; ) {
    await using reader = await openReader(dataDir);
    const { entries } = await reader.ledger.entries({ limit: sessions * 2 });
    const usage = entries.filter(({ kind }) => kind === 'usage');
    if (usage.length >= sessions) return usage.map(({ body }) => JSON.parse(body) as UsageRecord);
    if (systemClock.nowMs() > until)
      throw notMeasured('records are missing', { records: usage.length, sessions });
    await systemClock.sleep(lookAgainMs);
  }
}

/** Each viewer has an address of its own. */
function compare(viewer: string, records: readonly UsageRecord[], flows: readonly MediaFlow[]): Comparison {
  const [record, ...more] = records.filter((one) => one.viewer.address === viewer);
  if (!record || more.length > 0) throw notMeasured('not one record of a viewer', { viewer });
  const own = flows.filter(({ destination }) => destination.address === viewer);
  const sum = (key: 'rtpPackets' | 'rtpBytes') => own.reduce((total, flow) => total + flow[key], 0);
  return {
    viewer,
    transport: record.transport,
    seconds: record.durationMs / 1000,
    recordedPackets: Number(record.viewerTxPackets),
    recordedBytes: Number(record.viewerTxBytes),
    capturedPackets: sum('rtpPackets'),
    capturedBytes: sum('rtpBytes'),
  };
}

const differs = (one: Comparison): boolean =>
  one.recordedPackets !== one.capturedPackets || one.recordedBytes !== one.capturedBytes;

function reportOf(compared: readonly Comparison[]): Report {
  const different = compared.filter(differs);
  const rows = (['udp', 'tcp'] as const).map((transport) => {
    const own = compared.filter((one) => one.transport === transport);
    const sum = (value: (one: Comparison) => number) => own.reduce((total, one) => total + value(one), 0);
    return [
      transport,
      own.length,
      sum((one) => one.recordedPackets),
      sum((one) => one.capturedPackets),
      sum((one) => one.recordedBytes),
      sum((one) => one.capturedBytes),
      own.filter(differs).length,
    ].map(String);
  });
  return {
    title: `metering: records of ${compared.length} sessions beside a packet capture at the viewers' NIC, lossless link`,
    table: [
      ['', 'sessions', 'packets recorded', 'captured', 'bytes recorded', 'captured', 'sessions that differ'],
      ...rows,
    ],
    goals: [none('sessions whose record differs from the capture', different.length)],
    notes: [
      `${shortestMs} to ${longestMs} ms each, ${atOnce} at once; one in ${silentLeavers} closes its sockets without a word`,
      'by TCP the capture is counted as far as the viewer acknowledged it',
      ...different.map(
        (one) =>
          `${one.viewer} by ${one.transport}: recorded ${one.recordedPackets} packets, ${one.recordedBytes} bytes; captured ${one.capturedPackets}, ${one.capturedBytes}`,
      ),
    ],
    failed: different.length > 0,
    figures: compared,
  };
}
