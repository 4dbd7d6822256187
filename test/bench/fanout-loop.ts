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
  receivingAddress,
  Trace,
  type TraceOptions,
} from './load/index.ts';

export interface LoopCost {
  /** Of its thread, for one packet to one viewer. */
  readonly cpuNs: number;
  /** How many packets it found waiting each time it looked; by TCP: at each tick. */
  readonly packetsAtOnce: number;
  /** It had no time left: a feed with so many viewers is more than it can do. */
  readonly saturated: boolean;
}

export interface LoopOptions {
  readonly world: World;
  readonly mode: FanoutOptions['mode'];
  readonly trace: TraceOptions;
  readonly audience: Audience;
  readonly seconds: number;
  readonly realtimePriority: number;
}

const port = 7000;
const listenPort = 7001;
/** Of the loop by TCP: two for each picture. */
const tickMs = 20;
/** The trace's process has begun to send, and the loop has grown warm. */
const warmUpMs = 500;
const saturatedShare = 0.95;

/** Measures one of the plain C loops in the engine's place. */
export async function measureLoop(options: LoopOptions): Promise<LoopCost> {
  const { world, mode, trace, seconds } = options;
  const target = { address: world.wan.address4, port };
  await using receiver = await Receiver.start(world.viewer.host);
  await using fanout = await (mode === 'tick'
    ? startTcp(options, target, receiver)
    : startUdp({ ...options, mode }, target, receiver));
  await using _trace = await Trace.start(world.origin, target, trace);
  await systemClock.sleep(warmUpMs);
  await fanout.report();
  receiver.reset();
  await systemClock.sleep(seconds * 1000);
  const { received, delivered, notSent, rounds, cpuNs } = await fanout.report();
  const { tracks } = await receiver.report();
  const saturated = cpuNs > saturatedShare * seconds * 1e9;
  if (!saturated) {
    if (notSent > 0) throw notMeasured('the C loop could not send', { mode, notSent });
    mustBeWhole(tracks, `C loop by ${mode}`);
    mustBeOnTime(tracks[0]?.bytes ?? 0, seconds, `C loop by ${mode}`, trace.bitsPerSecond);
  }
  return { cpuNs: cpuNs / delivered, packetsAtOnce: received / rounds, saturated };
}

type Target = { readonly address: string; readonly port: number };

async function startUdp(
  { world, mode, audience, realtimePriority }: LoopOptions & { readonly mode: 'gso' | 'sendto' },
  target: Target,
  receiver: Receiver,
): Promise<Fanout> {
  const { receivers, others } = audience;
  for (let viewer = 0; viewer < receivers; viewer++) {
    await receiver.bind(viewer, 0, lastReceivingAddress(viewer, receivers), defaultClientPort);
  }
  return Fanout.start(world.box, {
    mode,
    ...target,
    firstViewer: lastReceivingAddress(0, receivers),
    viewerCount: receivers + others,
    viewerPort: defaultClientPort,
    realtimePriority,
  });
}

async function startTcp(
  { world, audience, realtimePriority }: LoopOptions,
  target: Target,
  receiver: Receiver,
): Promise<Fanout> {
  const { receivers, others } = audience;
  const options = { mode: 'tick', ...target, listenPort, tickMs, realtimePriority } as const;
  const fanout = await Fanout.start(world.box, options);
  for (let viewer = 0; viewer < receivers + others; viewer++) {
    if (viewer < receivers) receiver.expectChannels(viewer, 0, [0, 1]);
    else receiver.discard(viewer);
    const from = receivingAddress(viewer, world.access.address4);
    await receiver.connect(viewer, from, world.access.address4, listenPort);
  }
  return fanout;
}
