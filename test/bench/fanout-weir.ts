import { systemClock } from '#base';
import type { RelayStatus } from '../../src/operations/index.ts';
import type { Audience } from './audience.ts';
import { mustBeOnTime, mustBeWhole, notMeasured } from './checks.ts';
import { Load, type MediaDrop } from './load/index.ts';
import type { Scene } from './scene.ts';

/** CPU time for one packet to one viewer. */
export interface WeirCost {
  readonly engineNs: number;
  /** All threads of the process: the engine's, JavaScript's, its helpers'. */
  readonly processNs: number;
}

export interface WeirOptions {
  readonly scene: Scene;
  readonly drop: MediaDrop;
  readonly audience: Audience;
  readonly seconds: number;
}

/** A viewer that joins begins at the last start point, and is served apart from the others until it has caught up. */
const catchUpMs = 1500;
/** IP and UDP. */
const headerBytes = 28;
/** Between the counts of the engine and those of the drop lies a moment, in which a large picture may come. */
const countTolerance = 0.25;

/** Measures the appliance with so many viewers. */
export async function measureWeir({ scene, drop, audience, seconds }: WeirOptions): Promise<WeirCost> {
  const { world, daemon, relayed } = scene;
  const viewers = audience.receivers + audience.dropped;
  await using load = await Load.start(world.viewer, { ...relayed, transport: 'udp' });
  await load.add(audience.receivers);
  await load.addDropped(audience.dropped);
  await systemClock.sleep(catchUpMs);

  const before = await daemon.status();
  await drop.count();
  load.reset();
  const cpuBefore = await daemon.cpuTimes();
  await systemClock.sleep(seconds * 1000);
  const cpuAfter = await daemon.cpuTimes();
  const { viewers: received } = await load.report();
  const droppedCount = await drop.count();
  const after = await daemon.status();

  const sent = sentTo(after, before, viewers);
  const what = `Weir with ${viewers} viewers`;
  mustBeWhole(
    received.flatMap(({ tracks }) => tracks),
    what,
  );
  mustBeOnTime(received[0]?.tracks[0]?.bytes ?? 0, seconds, what);
  if (audience.dropped > 0) {
    const bytes = droppedCount.bytes - headerBytes * droppedCount.packets;
    const wanted = (sent.bytes * audience.dropped) / viewers;
    if (Math.abs(bytes / wanted - 1) > countTolerance) {
      throw notMeasured(`${what}: not all that was sent came to the viewers' NIC`, { bytes, wanted });
    }
  }
  const engineNs = Number(BigInt(after.engineCpuNs) - BigInt(before.engineCpuNs)) / sent.packets;
  // Taken between the two looks, whose answers are work for JavaScript that no viewer asked for.
  const wholeToEngine = (cpuAfter.processNs - cpuBefore.processNs) / (cpuAfter.threadNs - cpuBefore.threadNs);
  return { engineNs, processNs: engineNs * wholeToEngine };
}

/** Media to all viewers between two looks. */
function sentTo(
  after: RelayStatus,
  before: RelayStatus,
  viewers: number,
): { packets: number; bytes: number } {
  if (after.viewers.length !== viewers || before.viewers.length !== viewers) {
    throw notMeasured('viewers are missing', { wanted: viewers, found: after.viewers.length });
  }
  const sum = (
    status: RelayStatus,
    counter: 'txPackets' | 'txBytes' | 'droppedPackets' | 'startPointSkips',
  ) => status.viewers.reduce((total, viewer) => total + Number(viewer[counter]), 0);
  for (const fault of ['droppedPackets', 'startPointSkips'] as const) {
    if (sum(after, fault) > 0) throw notMeasured('Weir could not send all', { [fault]: sum(after, fault) });
  }
  return {
    packets: sum(after, 'txPackets') - sum(before, 'txPackets'),
    bytes: sum(after, 'txBytes') - sum(before, 'txBytes'),
  };
}
