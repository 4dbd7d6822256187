import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { WeirError } from '#base';
import type { Board, BoardFacts, BoardLoad, FlashWear } from '../board.ts';
import { type DiscoveredFacts, discoverFacts, known } from './board-facts.ts';
import { readFlashWear } from './flash-wear.ts';

/** This machine. Facts are found out at the first call and kept; load is read from /proc and /sys each time. */
export class LinuxBoard implements Board {
  readonly #proc: string;
  readonly #sys: string;
  readonly #discover: () => Promise<DiscoveredFacts>;
  readonly #clockSynchronised: () => boolean;
  #facts: Promise<BoardFacts> | undefined;

  constructor(
    options: {
      proc?: string;
      sys?: string;
      discover?: () => Promise<DiscoveredFacts>;
      clockSynchronised?: () => boolean;
    } = {},
  ) {
    this.#proc = options.proc ?? '/proc';
    this.#sys = options.sys ?? '/sys';
    this.#discover = options.discover ?? discoverFacts;
    this.#clockSynchronised = options.clockSynchronised ?? (() => false);
  }

  async bootId(): Promise<string> {
    return (await this.#read('sys/kernel/random/boot_id')).trim();
  }

  clockSynchronised(): boolean {
    return this.#clockSynchronised();
  }

  facts(): Promise<BoardFacts> {
    this.#facts ??= this.#findFacts();
    return this.#facts;
  }

  async load(): Promise<BoardLoad> {
    const [uptime = ''] = (await this.#read('uptime')).split(' ');
    const [load1 = ''] = (await this.#read('loadavg')).split(' ');
    return {
      uptimeSeconds: Number(uptime),
      load1: Number(load1),
      memoryAvailableBytes: await this.#memory('MemAvailable'),
      temperatureMilliC: await this.#temperature(),
    };
  }

  flashWear(): Promise<readonly FlashWear[]> {
    return readFlashWear(this.#sys);
  }

  async #findFacts(): Promise<BoardFacts> {
    const found = await this.#discover();
    // Boards with a device tree have no DMI, which is where the others keep these.
    const model = await this.#deviceTree('model');
    const serialNumber = await this.#deviceTree('serial-number');
    return {
      ...found,
      model: model ?? found.model,
      serialNumber: serialNumber ?? found.serialNumber,
      cores: availableParallelism(),
      memoryBytes: await this.#memory('MemTotal'),
      kernel: release(),
    };
  }

  async #deviceTree(property: string): Promise<string | undefined> {
    return known(await readFile(join(this.#proc, 'device-tree', property), 'utf8').catch(() => undefined));
  }

  async #read(name: string): Promise<string> {
    const file = join(this.#proc, name);
    return await readFile(file, 'utf8').catch((cause) => {
      throw new WeirError('MISSING_RIGHTS', `cannot read ${file}`, { advice: 'mount /proc', cause });
    });
  }

  /** `MemAvailable:    3461924 kB`, in bytes. */
  async #memory(field: string): Promise<bigint> {
    const [, kibibytes = '0'] =
      new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(await this.#read('meminfo')) ?? [];
    return BigInt(kibibytes) * 1024n;
  }

  /** The hottest of the thermal zones; some boards have none, some zones cannot be read while they sleep. */
  async #temperature(): Promise<number | undefined> {
    const folder = join(this.#sys, 'class', 'thermal');
    const zones = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('thermal_zone'));
    const read = await Promise.all(
      zones.map((zone) => readFile(join(folder, zone, 'temp'), 'utf8').then(Number, () => Number.NaN)),
    );
    const valid = read.filter(Number.isFinite);
    return valid.length > 0 ? Math.max(...valid) : undefined;
  }
}
