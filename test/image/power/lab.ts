import type { CloseStack } from '#base';
import type { World } from '../../../src/demo/world/index.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { StormCollector } from '../../storm/collector.ts';
import { StormViewers } from '../../storm/viewers.ts';
import { FlashedDisk, type Gateway, makeRoomForGateway } from '../gateway.ts';
import { setUp } from '../technician.ts';
import { fillSecondSlot } from './examination.ts';
import type { Outside } from './witnesses.ts';

const ports = { rtsp: 554, collector: 8080 } as const;
const media = { packetsPerSecond: 25, packetsPerStart: 25, payloadBytes: 1000 } as const;
/** An emulated gateway is slow; who watches for less has hardly begun. */
const watch = { leastWatchMs: 2000, mostWatchMs: 30_000 } as const;
/** Without acceleration, on a machine that has other things to do. */
const answerMs = 15_000;
/** Two periods of checkpoints and more: what may be missing has to be known. */
const latelyMs = 15_000;

export interface Lab extends Outside {
  readonly world: World;
}

/** Origin and collector on one side of where the gateway is going to be, viewers on the other, who are not there yet. */
export async function openLab(parts: CloseStack, options: { folder: string; seed: number }): Promise<Lab> {
  const { folder, seed } = options;
  const world = parts.use(await createLabWorld());
  await makeRoomForGateway(world);
  const { host, address4: address } = world.origin;
  const origin = await ScriptedOrigin.start(host, { port: ports.rtsp, ...media });
  parts.defer(() => origin.close());
  const collector = parts.use(
    await StormCollector.start(host, { folder, address, port: ports.collector, seed }),
  );
  const viewers = parts.use(
    await StormViewers.start(world.viewer.host, {
      ...{ urls: [`rtsp://${address}/live`], seed, atOnce: 0, ...watch, latelyMs, answerMs },
    }),
  );
  return { world, origin, collector, viewers };
}

/** A disk that was just flashed, with the same system in both slots. */
export async function flashBoth(): Promise<FlashedDisk> {
  const disk = await FlashedDisk.flash();
  try {
    await fillSecondSlot(disk);
    return disk;
  } catch (error) {
    disk[Symbol.dispose]();
    throw error;
  }
}

/** Sets a gateway up for this lab, over its serial port. */
export async function setUpForLab(gateway: Gateway, world: World): Promise<void> {
  const technician = await setUp(gateway, world);
  await technician.command('configure');
  for (const line of setLines(world)) await technician.command(line);
  const said = await technician.command('commit');
  if (/error/.test(said)) throw new Error(`the configuration is not taken: ${said}`);
}

function setLines(world: World): readonly string[] {
  const { viewer, origin } = world;
  return [
    `set interfaces access routes ${viewer.block4} via ${viewer.address4}`,
    // So that nothing is delivered that nobody meters.
    'set relay whenDown closed',
    'set billing currency EUR',
    'set billing tariffs all version 1',
    'set billing tariffs all pricePerMegabyte 0.20',
    `set upload https collector url http://${origin.address4}:${ports.collector}/usage`,
    // The one the set-up asked for. There is none here.
    'delete upload radius',
  ];
}
