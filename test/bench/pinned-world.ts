import { readFileSync } from 'node:fs';
import { Host, type HostProcess, type HostProcessOptions, type World } from '../../src/demo/world/index.ts';

/**
 * The same world, whose box has processors of its own, as a gateway has: what runs on the origin and the viewers, which
 * would be other machines, gets the first one, what runs on the box all others. Nothing is pinned where there is only one.
 */
export function pinnedWorld(world: World): World {
  const [outside, ...inside] = allowedProcessors();
  if (outside === undefined || inside.length === 0) return world;
  const outer = <S extends { readonly host: Host }>(station: S): S => ({
    ...station,
    host: new PinnedHost(station.host, [outside]),
  });
  return {
    ...world,
    box: new PinnedHost(world.box, inside),
    origin: outer(world.origin),
    viewer: outer(world.viewer),
  };
}

/**
 * What comes in by a device of a pinned host is taken in by that host's processors (receive packet steering), as between
 * machines; or, as veth does it by itself, in the time of whoever sends. False where nothing is pinned: all of it is one
 * processor's work then.
 */
export async function steerReceiving(
  host: Host,
  device: string,
  to: 'receiver' | 'sender',
): Promise<boolean> {
  if (!(host instanceof PinnedHost)) return false;
  const mask = host.processors.reduce((bits, processor) => bits | (1n << BigInt(processor)), 0n);
  const words = to === 'sender' ? '0' : maskWords(mask);
  await host.run('sh', [
    '-c',
    `for queue in /sys/class/net/${device}/queues/rx-*; do echo ${words} > "$queue/rps_cpus" || exit 1; done`,
  ]);
  return true;
}

/** In words of 32 bits, as the kernel reads them: `1,00000000` is processor 32. */
function maskWords(mask: bigint): string {
  const words = [(mask & 0xffff_ffffn).toString(16)];
  for (let left = mask >> 32n; left > 0n; left >>= 32n) {
    words[0] = (words[0] ?? '').padStart(8, '0');
    words.unshift((left & 0xffff_ffffn).toString(16));
  }
  return words.join(',');
}

class PinnedHost extends Host {
  readonly processors: readonly number[];

  constructor(host: Host, processors: readonly number[]) {
    super(host.name, host.namespace);
    this.processors = processors;
  }

  override spawn(
    command: string,
    args: readonly string[] = [],
    options: HostProcessOptions = {},
  ): Promise<HostProcess> {
    return super.spawn('taskset', ['--cpu-list', this.processors.join(','), command, ...args], options);
  }
}

/** Those that this process may run on, `0-1,4` (proc_pid_status(5)). */
function allowedProcessors(): readonly number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
