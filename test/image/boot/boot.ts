import { WeirError } from '#base';
import type { World } from '../../../src/demo/world/index.ts';
import type { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { ScriptedViewers } from '../../lab/viewers-scripted.ts';
import { type FlashedDisk, Gateway } from '../gateway.ts';
import type { Inside } from '../inside.ts';
import { startsWithinMs } from '../technician.ts';

/** Who has no picture after so long dials again. */
const patienceMs = 5000;
/** After which nothing is left of the start that would go on by itself. */
const settlesSeconds = 30;

/** One start of a gateway; milliseconds, of the wall clock since the power came, or since the kernel there began. */
export interface Boot {
  readonly kernelBeganMs: number;
  /** systemd began Weir. */
  readonly weirBeganUptimeMs: number;
  /** Weir said that it is ready: from then on it can relay. */
  readonly readyUptimeMs: number;
  /** A viewer who had dialled ever since the power came got a first packet; undefined when nobody could. */
  readonly relayedUptimeMs: number | undefined;
  /** MemTotal - MemAvailable, when nobody has watched for a while. */
  readonly usedMiB: number | undefined;
}

/** Starts a configured gateway under a viewer of `source` who cannot wait. */
export async function bootUnderViewer(
  world: World,
  disk: FlashedDisk,
  source: ScriptedOrigin,
): Promise<Boot> {
  const { viewer, origin, wan } = world;
  const toldBefore = source.events.length;
  const poweredAtMs = Date.now();
  await using gateway = await Gateway.start(world.box, disk, { inside: true, measured: true });
  await using eager = await ScriptedViewers.start(viewer.host, {
    url: `rtsp://${origin.address4}/live`,
    sources: [viewer.address4],
    dialAgainMs: patienceMs,
  });
  const { inside } = gateway;
  const start = await startOf(inside, poweredAtMs);
  await eager.watching(startsWithinMs);
  const mediaAtMs = eager.told('media')[0]?.atMs ?? Number.NaN;
  await eager.teardown();
  const from = source.askedBy((address) => address !== wan.address4, toldBefore)[0];
  if (from !== undefined)
    throw new WeirError('TEST_FAILED', 'the viewer got past the gateway', { fields: { from } });
  return {
    ...start,
    relayedUptimeMs: mediaAtMs - poweredAtMs - start.kernelBeganMs,
    usedMiB: await idleMemory(inside),
  };
}

/** Starts it where there is no network to be had: with both cables pulled, or as `disk` has it. */
export async function bootAlone(
  world: World,
  disk: FlashedDisk,
  options: { plugged: boolean },
): Promise<Boot> {
  const poweredAtMs = Date.now();
  await using gateway = await Gateway.start(world.box, disk, { inside: true, measured: true });
  for (const role of ['wan', 'access'] as const) await gateway.cable(role, options.plugged);
  const { inside } = gateway;
  const start = await startOf(inside, poweredAtMs);
  return { ...start, relayedUptimeMs: undefined, usedMiB: undefined };
}

/** Has it get its address by DHCP from now on. */
export async function configureDhcp(world: World, disk: FlashedDisk): Promise<void> {
  await using gateway = await Gateway.start(world.box, disk, { inside: true, measured: true });
  const { inside } = gateway;
  await startOf(inside, 0);
  const lines = ['configure', 'delete interfaces wan addresses', 'set interfaces wan dhcp4 true', 'commit'];
  const words = lines.map((line) => `-c '${line}'`).join(' ');
  await inside.run(`weir console --data /data/weir ${words}`, startsWithinMs);
}

async function startOf(
  inside: Inside,
  poweredAtMs: number,
): Promise<Omit<Boot, 'relayedUptimeMs' | 'usedMiB'>> {
  const said = await inside.run(
    `until [ "$(systemctl is-active weir.service)" = active ]; do sleep 1; done
    systemctl show --property=ExecMainStartTimestampMonotonic --property=ActiveEnterTimestampMonotonic weir.service`,
    startsWithinMs,
  );
  // Microseconds since the kernel began.
  const uptimeMs = (name: string) => Number(new RegExp(`${name}=(\\d+)`).exec(said)?.[1]) / 1000;
  return {
    kernelBeganMs: (await inside.kernelBeganAtMs(startsWithinMs)) - poweredAtMs,
    weirBeganUptimeMs: uptimeMs('ExecMainStartTimestampMonotonic'),
    readyUptimeMs: uptimeMs('ActiveEnterTimestampMonotonic'),
  };
}

async function idleMemory(inside: Inside): Promise<number> {
  const said = await inside.run(`sleep ${settlesSeconds}; cat /proc/meminfo`, startsWithinMs);
  const kibibytes = (name: string) => Number(new RegExp(`${name}: +(\\d+) kB`).exec(said)?.[1]);
  return (kibibytes('MemTotal') - kibibytes('MemAvailable')) / 1024;
}
