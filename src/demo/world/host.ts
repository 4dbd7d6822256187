import { HostProcess, type HostProcessOptions } from './host-process.ts';

export interface RunOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** One machine of the world: a network namespace and the processes in it. */
export class Host {
  readonly name: string;
  /** Its namespace, as `ip netns` knows it. */
  readonly namespace: string;
  readonly #processes = new Set<HostProcess>();

  constructor(name: string, namespace: string) {
    this.name = name;
    this.namespace = namespace;
  }

  /** Starts `command` on this host. It is ended with the world at the latest. */
  async spawn(
    command: string,
    args: readonly string[] = [],
    options: HostProcessOptions = {},
  ): Promise<HostProcess> {
    const child = await HostProcess.start(
      `${command} on ${this.name}`,
      ['ip', 'netns', 'exec', this.namespace, command, ...args],
      options,
    );
    this.#processes.add(child);
    void child.exited.then(() => this.#processes.delete(child));
    return child;
  }

  /** Runs `command` to its end and hands back what it printed. Rejects with COMMAND_FAILED when its status is not 0. */
  async run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    const child = await this.spawn(command, args, options.env ? { env: options.env } : {});
    const deadline = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 30_000);
    child.stdin.end(options.input ?? '');
    try {
      await child.success();
    } finally {
      clearTimeout(deadline);
    }
    return child.stdout;
  }

  /** `ip` on this host: `ip('route', 'add', ...)`. */
  ip(...args: readonly string[]): Promise<string> {
    return this.run('ip', args);
  }

  /** Writes kernel settings: `{ 'net/ipv4/ip_forward': 1 }`. */
  async sysctl(settings: Readonly<Record<string, string | number>>): Promise<void> {
    const script = 'while read -r path value; do echo "$value" > "/proc/sys/$path" || exit 1; done';
    const input = Object.entries(settings).map(([path, value]) => `${path} ${value}\n`);
    await this.run('sh', ['-c', script], { input: input.join('') });
  }

  /**
   * Switches features of a device by ethtool's names: `tx-udp-segmentation`, `gso`, `gro`, `tso`, `tx` (checksums).
   * Needs the program ethtool.
   */
  async offload(device: string, features: Readonly<Record<string, boolean>>): Promise<void> {
    const words = Object.entries(features).flatMap(([name, on]) => [name, on ? 'on' : 'off']);
    await this.run('ethtool', ['-K', device, ...words]);
  }

  /** Ends what runs here, including what its processes have started. */
  async end(): Promise<void> {
    await Promise.all([...this.#processes].map((child) => child.close()));
    const left = await HostProcess.start('ip netns pids', ['ip', 'netns', 'pids', this.namespace]);
    await left.exited;
    for (const pid of left.stdout.split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended by itself meanwhile.
      }
    }
  }
}
