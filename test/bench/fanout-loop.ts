import { systemClock } from '#base';
import type { World } from '../../src/demo/world/index.ts';
import type { Audience } from './audience.ts';
import { mustBeOnTime, mustBeWhole, notMeasured } from './checks.ts';
import {
  defaultClientPort,
  Fanout,
  type FanoutOptions,
  lastReceivingAddress,
  Receiver,
  Trace,
} from './load/index.ts';
import { feed } from './scene.ts';

export interface LoopCost {
  /** Of its thread, for one packet to one viewer. */
  readonly cpuNs: number;
  /** How many packets it found waiting each time it looked. */
  readonly packetsAtOnce: number;
  /** It had no time left: a feed with so many viewers is more than it can do. */
  readonly saturated: boolean;
}

export interface LoopOptions {
  readonly world: World;
  readonly mode: FanoutOptions['mode'];
  readonly audience: Audience;
  readonly seconds: number;
  readonly realtimePriority: number;
}

const port = 7000;
/** The trace's process has begun to send, and the loop has grown warm. */
const warmUpMs = 500;
const saturatedShare = 0.95;

/** Measures one of the plain C loops in the engine's place. */
export async function measureLoop(options: LoopOptions): Promise<LoopCost> {
  const { world, mode, audience, seconds, realtimePriority } = options;
  const { receivers, dropped } = audience;
  const target = { address: world.wan.address4, port };
  await using receiver = await Receiver.start(world.viewer.host);
  for (let viewer = 0; viewer < receivers; viewer++) {
    await receiver.bind(viewer, 0, lastReceivingAddress(viewer, receivers), defaultClientPort);
  }
  await using fanout = await Fanout.start(world.box, {
    mode,
    ...target,
    firstViewer: lastReceivingAddress(0, receivers),
    viewerCount: receivers + dropped,
    viewerPort: defaultClientPort,
    realtimePriority,
  });
  await using _trace = await Trace.start(world.origin, target, feed);
  await systemClock.sleep(warmUpMs);
  await fanout.report();
  receiver.reset();
  await systemClock.sleep(seconds * 1000);
  const { received, delivered, notSent, rounds, cpuNs } = await fanout.report();
  const { tracks } = await receiver.report();
  if (notSent > 0) throw notMeasured('the C loop could not send', { mode, notSent });
  const saturated = cpuNs > saturatedShare * seconds * 1e9;
  if (!saturated) {
    mustBeWhole(tracks, `C loop by ${mode}`);
    mustBeOnTime(tracks[0]?.bytes ?? 0, seconds, `C loop by ${mode}`);
  }
  return { cpuNs: cpuNs / delivered, packetsAtOnce: received / rounds, saturated };
}
