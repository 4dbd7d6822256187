import type { Clock } from '#base';
import type { Board, FlashWear, LedPattern, Resolver } from '#hal';

/** What this box is. */
export interface VersionStatus {
  readonly version: string;
  readonly node: string;
  readonly kernel: string;
  readonly os: string | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly serialNumber: string | null;
}

export async function versionStatus(board: Board, version: string): Promise<VersionStatus> {
  const { kernel, os, manufacturer, model, serialNumber } = await board.facts();
  return {
    version,
    node: process.versions.node,
    kernel,
    os: os ?? null,
    manufacturer: manufacturer ?? null,
    model: model ?? null,
    serialNumber: serialNumber ?? null,
  };
}

/** How the box does. */
export interface SystemStatus extends VersionStatus {
  readonly name: string;
  /** Of the records; null before the store is open. */
  readonly deviceId: string | null;
  readonly bootEpoch: number | null;
  readonly cpu: string | null;
  readonly cores: number;
  /** Of the machine. */
  readonly uptimeSeconds: number;
  /** Of Weir. */
  readonly weirUptimeSeconds: number;
  readonly load1: number;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number;
  /** Resident memory of Weir. */
  readonly weirMemoryBytes: number;
  /** The hottest sensor; null where there is none. */
  readonly temperatureC: number | null;
  readonly flash: readonly FlashWear[];
  /** In the order they are asked in. */
  readonly nameServers: readonly string[];
  /** All LEDs of the board, by their names. */
  readonly leds: readonly string[];
  /** The one that shows how the box is, and how it is lit; null where there is none. */
  readonly statusLed: { readonly name: string; readonly shows: LedPattern | null } | null;
  readonly resetButton: { readonly device: string; readonly key: number } | null;
}

export async function systemStatus(options: {
  readonly board: Board;
  readonly resolver: Resolver;
  readonly version: string;
  readonly name: string;
  readonly panel?: Pick<SystemStatus, 'leds' | 'statusLed' | 'resetButton'>;
  readonly store?: { readonly device: { readonly id: string }; readonly bootEpoch: number } | undefined;
}): Promise<SystemStatus> {
  const { board, resolver, version, name, store, panel } = options;
  const [known, facts, load, flash] = await Promise.all([
    versionStatus(board, version),
    board.facts(),
    board.load(),
    board.flashWear(),
  ]);
  return {
    name,
    ...known,
    deviceId: store?.device.id ?? null,
    bootEpoch: store?.bootEpoch ?? null,
    cpu: facts.cpu ?? null,
    cores: facts.cores,
    uptimeSeconds: Math.floor(load.uptimeSeconds),
    weirUptimeSeconds: Math.floor(process.uptime()),
    load1: load.load1,
    memoryBytes: Number(facts.memoryBytes),
    memoryAvailableBytes: Number(load.memoryAvailableBytes),
    weirMemoryBytes: process.memoryUsage.rss(),
    temperatureC: load.temperatureMilliC === undefined ? null : load.temperatureMilliC / 1000,
    flash,
    nameServers: resolver.nameServers,
    ...(panel ?? { leds: [], statusLed: null, resetButton: null }),
  };
}

export interface ClockStatus {
  /** ISO 8601, UTC. */
  readonly now: string;
  /** Held by NTP, PTP or GPS. While it is not, times in records are corrected later. */
  readonly synchronised: boolean;
  readonly bootId: string;
}

export async function clockStatus(board: Board, clock: Clock): Promise<ClockStatus> {
  return {
    now: new Date(clock.nowMs()).toISOString(),
    synchronised: board.clockSynchronised(),
    bootId: await board.bootId(),
  };
}
