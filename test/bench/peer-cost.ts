import { systemClock } from '#base';
import type { Audience } from './audience.ts';
import { mustBeOnTime, notMeasured } from './checks.ts';
import { cpuTimes } from './cpu.ts';
import { Load, type MediaDrop } from './load/index.ts';
import type { PeerKind } from './peer.ts';
import type { Scene } from './scene.ts';

export interface PeerCost {
  /** Of one processor, all threads of the process. */
  readonly cpuPercent: number;
  /** Of the packets to the viewers that receive. */
  readonly lostPercent: number;
  /** PLAY sent to a whole picture that a decoder can start at, for each join that got one. */
  readonly startFramesMs: readonly number[];
  /** Undefined: its packets do not carry the source's send time. */
  readonly latencyP50Ms: number | undefined;
}

export interface PeerCostOptions {
  readonly kind: PeerKind;
  readonly scene: Scene;
  readonly drop: MediaDrop;
  readonly transport: 'udp' | 'tcp';
  readonly audience: Audience;
  readonly seconds: number;
  readonly joins: number;
}

const settleMs = 1500;
/** IP and UDP. */
const headerBytes = 28;
/** Of the feed's rate, and, to the viewers that do not receive, of what those that receive have got. */
const leastShare = 0.75;

export async function measurePeer(options: PeerCostOptions): Promise<PeerCost> {
  const { kind, scene, drop, transport, audience, seconds, joins } = options;
  await using peer = await kind.start(scene);
  await using load = await Load.start(scene.world.viewer, { ...peer.place, transport, keepAlive: false });
  await load.add(audience.receivers);
  if (transport === 'udp') await load.addDropped(audience.others);
  else await load.addDiscarding(audience.others);
  await systemClock.sleep(settleMs);

  await drop.count();
  load.reset();
  const before = await cpuTimes(peer.pid);
  const beforeNs = process.hrtime.bigint();
  await systemClock.sleep(seconds * 1000);
  const after = await cpuTimes(peer.pid);
  const elapsedNs = Number(process.hrtime.bigint() - beforeNs);
  const { totals, latency, discardedBytes } = await load.report();
  const dropped = await drop.count();

  const meanBytes = totals.bytes / audience.receivers;
  const bitsPerSecond = Math.round((8 * meanBytes) / seconds);
  if (kind.relays && bitsPerSecond < leastShare * scene.trace.bitsPerSecond) {
    throw notMeasured(`${kind.name} delivers too little, or too late`, { bitsPerSecond });
  }
  if (!kind.relays) mustBeOnTime(meanBytes, seconds, kind.name, scene.trace.bitsPerSecond);
  if (audience.others > 0) {
    const bytes = transport === 'udp' ? dropped.bytes - headerBytes * dropped.packets : discardedBytes;
    const share = bytes / (audience.others * meanBytes);
    if (share < leastShare) throw notMeasured(`${kind.name} does not serve all viewers`, { share });
  }
  return {
    cpuPercent: (100 * (after.processNs - before.processNs)) / elapsedNs,
    lostPercent: (100 * totals.lost) / (totals.lost + totals.packets),
    latencyP50Ms: latency.count > 0 ? latency.p50Ns / 1e6 : undefined,
    startFramesMs: await startFrames(load, joins, (scene.trace.groupSeconds ?? 2) * 1000),
  };
}

/** Of further viewers, who join at times spread over a group of pictures. */
async function startFrames(load: Load, joins: number, groupMs: number): Promise<readonly number[]> {
  const numbers = await Promise.all(
    Array.from({ length: joins }, async (_, index) => {
      await systemClock.sleep((index * groupMs) / joins);
      return load.add(1);
    }),
  );
  await systemClock.sleep(2 * groupMs);
  const joined = new Set(numbers.flat());
  const { viewers } = await load.report();
  return viewers.flatMap(({ viewer, firstStartFrameNs }) =>
    joined.has(viewer) && firstStartFrameNs !== undefined ? [firstStartFrameNs / 1e6] : [],
  );
}
