import { strict as assert } from 'node:assert';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CloseStack, systemClock } from '#base';
import type { World } from '../../../src/demo/world/index.ts';
import type { SlotStatus, UpdateStatus } from '../../../src/operations/update-status.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import {
  FlashedDisk,
  Gateway,
  type GatewayDisk,
  type GatewayOptions,
  makeRoomForGateway,
} from '../gateway.ts';
import { answersWithinMs, consoleOffered, setUp, startsWithinMs } from '../technician.ts';
import { isHealthy } from './slots-on-disk.ts';
import { Technician } from './technician.ts';

/** Of what nobody tells. */
const askAgainMs = 2000;
/** Fetching, checking and writing, without acceleration. */
const installsWithinMs = 900_000;

/** EDK2 says it at each start. */
export const bootLoader = /BdsDxe: starting Boot/;

export interface RigOptions {
  /** Where bundles and disks are while it works. */
  readonly folder: string;
  /** A line for whoever watches. */
  readonly say: (text: string) => void;
  /** With a gateway on it that was set up (`preparedDisk`). */
  readonly disk: GatewayDisk;
  readonly machine: GatewayOptions;
}

/** The image, and a little that its data grows into: many such disks are made. */
const diskBytes = 1.25e9;

/** The disk of a gateway that was flashed, set up over its serial port, and got healthy; in `folder`, where it is made once. */
export async function preparedDisk(
  folder: string,
  { say, machine }: Pick<RigOptions, 'say' | 'machine'>,
): Promise<FlashedDisk> {
  const prepared = FlashedDisk.in(folder);
  if (existsSync(prepared.file)) return prepared;
  mkdirSync(folder, { recursive: true });
  await using world = await createLabWorld();
  await makeRoomForGateway(world);
  using disk = await FlashedDisk.flash(undefined, diskBytes);
  await using gateway = await Gateway.start(world.box, disk, machine);
  await consoleOffered(gateway);
  say('the console of the flashed gateway is there');
  const technician = await setUp(gateway, world);
  // An emulated gateway may get no processor for the three seconds after which viewers go past a Weir that gives no sign of life.
  for (const line of ['configure', 'set relay whenDown closed']) await technician.command(line);
  assert.doesNotMatch(await technician.command('commit'), /error/);
  await until('it gets healthy', () => isHealthy(disk), startsWithinMs);
  say('it is set up and healthy');
  await gateway.cutPower();
  copyFileSync(disk.variables, prepared.variables);
  await disk.moveTo(prepared.file);
  return prepared;
}

/** A gateway that was set up, between an origin and viewers, and a web server with bundles beside the origin. */
export class UpdateRig implements AsyncDisposable {
  readonly world: World;
  /** What the web server has. */
  readonly depot: string;
  readonly folder: string;
  readonly say: (text: string) => void;
  readonly disk: GatewayDisk;
  technician: Technician;
  #gateway: Gateway;
  readonly #machine: GatewayOptions;
  readonly #parts: CloseStack;

  private constructor(made: {
    world: World;
    depot: string;
    options: RigOptions;
    gateway: Gateway;
    parts: CloseStack;
  }) {
    this.world = made.world;
    this.depot = made.depot;
    this.folder = made.options.folder;
    this.say = made.options.say;
    this.disk = made.options.disk;
    this.#machine = made.options.machine;
    this.#gateway = made.gateway;
    this.technician = new Technician(made.gateway);
    this.#parts = made.parts;
  }

  static async start(options: RigOptions): Promise<UpdateRig> {
    const parts = new CloseStack();
    try {
      const depot = join(options.folder, 'depot');
      mkdirSync(depot);
      parts.defer(async () => rmSync(depot, { recursive: true }));
      const world = parts.use(await createLabWorld());
      await makeRoomForGateway(world);
      const web = ['-u', '-m', 'http.server', '80', '--directory', depot];
      const server = await world.origin.host.spawn('python3', web);
      await server.prints(/Serving HTTP/);
      const gateway = await Gateway.start(world.box, options.disk, options.machine);
      const rig = new UpdateRig({ world, depot, options, gateway, parts });
      await rig.comesBack();
      return rig;
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  /** Where the gateway finds a bundle of the depot. */
  urlOf(bundle: string): string {
    return `http://${this.world.origin.address4}/${bundle}`;
  }

  /** What the console says to `request system update`. */
  install(bundle: string, ...words: readonly string[]): Promise<string> {
    const line = ['request system update', this.urlOf(bundle), ...words].join(' ');
    return this.technician.command(line, installsWithinMs);
  }

  /** Starts the other version. The box starts again with it at once. */
  async activate(): Promise<void> {
    this.technician.type('request system activate confirmed');
    await this.technician.sees(/is started next/);
  }

  powerOff(): Promise<void> {
    return this.#gateway.cutPower();
  }

  /** The power goes, and comes back. */
  async cutPower(): Promise<void> {
    await this.powerOff();
    this.#gateway = await Gateway.start(this.world.box, this.disk, this.#machine);
    this.technician = new Technician(this.#gateway);
  }

  /** Waits for a start, the console, a healthy version, and logs in; which one runs. */
  async comesBack(withinMs = startsWithinMs): Promise<SlotStatus> {
    await this.technician.sees(bootLoader, withinMs);
    await this.technician.sawStart(withinMs);
    // The disk is asked: to ask the gateway would cost it time.
    await until('it gets healthy', () => isHealthy(this.disk), startsWithinMs);
    await this.technician.logIn();
    return runningOf(await this.technician.sawHealthy());
  }

  async close(): Promise<void> {
    await this.powerOff();
    await this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export function runningOf({ slots }: UpdateStatus): SlotStatus {
  return slots.find(({ running }) => running) ?? assert.fail('no slot runs');
}

/** Waits for what nobody tells of. */
export async function until(
  what: string,
  reached: () => boolean | Promise<boolean>,
  withinMs = answersWithinMs,
): Promise<void> {
  for (const end = Date.now() + withinMs; !(await reached()); ) {
    assert.ok(Date.now() < end, `${what}: not within ${withinMs / 1000} s`);
    await systemClock.sleep(askAgainMs);
  }
}

/** Seconds since it was made. */
export function stopwatch(): () => number {
  const began = systemClock.monoNs();
  return () => Math.round(Number(systemClock.monoNs() - began) / 1e9);
}
