import { availableParallelism } from 'node:os';
import { CloseStack, systemClock } from '#base';
import type { RelayStatus } from '../../src/operations/index.ts';
import { audienceOf } from './audience.ts';
import { mustBeOnTime, mustBeWhole, notMeasured } from './checks.ts';
import { intercepting } from './intercepting.ts';
import { defaultClientPort, Load, type MediaDrop } from './load/index.ts';
import type { Scene } from './scene.ts';

export interface WeirCost {
  /** CPU time for one packet to one viewer. */
  readonly engineNs: number;
  /** All threads of the process: the engine's, JavaScript's, its helpers'. */
  readonly processNs: number;
  /** Of a packet that was delivered: RTP header and payload. */
  readonly meanBytes: number;
  /** The engine had no time left: these feeds with so many viewers are more than it can do here. */
  readonly saturated: boolean;
}

export interface WeirOptions {
  readonly scene: Scene;
  readonly drop: MediaDrop;
  readonly transport: 'udp' | 'tcp';
  /** Spread evenly over the feeds of the scene. */
  readonly viewers: number;
  readonly seconds: number;
}

/** A viewer that joins begins at the last start point, and is served apart from the others until it has caught up. */
const catchUpMs = 1500;
/** IP and UDP. */
const headerBytes = 28;
/** Between the counts of the engine and those of the drop lies a moment, in which a large picture may come. */
const countTolerance = 0.25;
const saturatedShare = 0.95;
/** Between the UDP ports of one feed's viewers and those of the next one's, who have the same addresses. */
const portStep = 100;

/** Measures the appliance with so many viewers. */
export async function measureWeir(options: WeirOptions): Promise<WeirCost> {
  const { scene, drop, transport, viewers, seconds } = options;
  const { daemon, trace } = scene;
  const audience = audienceOf(viewers);
  await intercepting(scene.world.box);
  await using parts = new CloseStack();
  const loads: Load[] = [];
  for (const [index, place] of scene.feeds.entries()) {
    const share = (count: number) => Math.floor((count + index) / scene.feeds.length);
    const clientPort = defaultClientPort + portStep * index;
    const load = parts.use(await Load.start(scene.world.viewer, { ...place, transport, clientPort }));
    loads.push(load);
    await load.add(share(audience.receivers));
    if (transport === 'udp') await load.addDropped(share(audience.others));
    else await load.addDiscarding(share(audience.others));
  }
  await systemClock.sleep(catchUpMs);

  const before = await daemon.status();
  await drop.count();
  for (const load of loads) load.reset();
  const cpuBefore = await daemon.cpuTimes();
  await systemClock.sleep(seconds * 1000);
  const cpuAfter = await daemon.cpuTimes();
  const reports = await Promise.all(loads.map((load) => load.report()));
  const dropped = await drop.count();
  const after = await daemon.status();

  const engineCpuNs = Number(BigInt(after.engineCpuNs) - BigInt(before.engineCpuNs));
  const processors = Math.max(1, Math.min(scene.feeds.length, availableParallelism() - 1));
  const saturated = engineCpuNs > saturatedShare * processors * seconds * 1e9;
  for (const { length } of [before.viewers, after.viewers]) {
    if (length !== viewers) {
      throw notMeasured('viewers are missing', { wanted: viewers, found: length, ends: daemon.ends });
    }
  }
  const sent = sentTo(after, before, saturated);
  if (!saturated) {
    const what = `Weir with ${viewers} viewers by ${transport}`;
    const tracks = reports.flatMap((report) => report.viewers.flatMap((viewer) => viewer.tracks));
    mustBeWhole(tracks, what);
    mustBeOnTime(tracks[0]?.bytes ?? 0, seconds, what, trace.bitsPerSecond);
    if (audience.others > 0) {
      const discarded = reports.reduce((total, { discardedBytes }) => total + discardedBytes, 0);
      const bytes = transport === 'udp' ? dropped.bytes - headerBytes * dropped.packets : discarded;
      const wanted = (sent.bytes * audience.others) / viewers;
      if (Math.abs(bytes / wanted - 1) > countTolerance) {
        throw notMeasured(`${what}: not all that was sent came to the viewers' host`, { bytes, wanted });
      }
    }
  }
  const engineNs = engineCpuNs / sent.packets;
  // Taken between the two looks, whose answers are work for JavaScript that no viewer asked for.
  const wholeToEngine =
    (cpuAfter.processNs - cpuBefore.processNs) / (cpuAfter.threadsNs - cpuBefore.threadsNs);
  return { engineNs, processNs: engineNs * wholeToEngine, meanBytes: sent.bytes / sent.packets, saturated };
}

/** Media to all viewers between two looks. */
function sentTo(
  after: RelayStatus,
  before: RelayStatus,
  saturated: boolean,
): { packets: number; bytes: number } {
  const sum = (
    status: RelayStatus,
    counter: 'txPackets' | 'txBytes' | 'droppedPackets' | 'startPointSkips',
  ) => status.viewers.reduce((total, viewer) => total + Number(viewer[counter]), 0);
  for (const fault of saturated ? [] : (['droppedPackets', 'startPointSkips'] as const)) {
    if (sum(after, fault) > 0) throw notMeasured('Weir could not send all', { [fault]: sum(after, fault) });
  }
  return {
    packets: sum(after, 'txPackets') - sum(before, 'txPackets'),
    bytes: sum(after, 'txBytes') - sum(before, 'txBytes'),
  };
}
