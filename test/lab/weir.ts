import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExitStatus, Host, World } from '../../src/demo/world/index.ts';
import { askDaemon } from '../../src/status/index.ts';
import { Program } from './program.ts';

export interface ShownFeed {
  readonly url: string;
  readonly origin: string;
  readonly state: string;
  readonly viewers: number;
  readonly lostPackets: string;
  readonly reorderedPackets: string;
  readonly latePackets: string;
  readonly duplicatePackets: string;
  readonly reconnections: number;
  readonly rxPackets: string;
  readonly startPoints: string;
}

export interface ShownThread {
  readonly cpuNs: string;
  readonly feeds: number;
  readonly viewers: number;
}

export interface ShownViewer {
  readonly sessionId: string;
  readonly url: string;
  readonly viewer: string;
  readonly transport: 'udp' | 'tcp';
  readonly state: string;
  readonly txPackets: string;
  readonly txBytes: string;
  readonly rxRtcpPackets: string;
  readonly droppedPackets: string;
  readonly oversizedPackets: string;
}

export interface ShownEnd extends ShownViewer {
  readonly terminateCause: string;
}

export interface ShownRelay {
  readonly engineThreads: readonly ShownThread[];
  readonly feeds: readonly ShownFeed[];
  readonly viewers: readonly ShownViewer[];
  readonly ended: readonly ShownEnd[];
  readonly alarms: readonly { readonly name: string }[];
  readonly unbilledSessions: number;
}

/** Values beside the smallest configuration. */
export interface AddedConfig {
  readonly wan?: Readonly<Record<string, unknown>>;
  readonly relay?: Readonly<Record<string, unknown>>;
  readonly rtsp?: Readonly<Record<string, unknown>>;
  readonly billing?: Readonly<Record<string, unknown>>;
  readonly upload?: Readonly<Record<string, unknown>>;
  readonly system?: Readonly<Record<string, unknown>>;
  readonly console?: Readonly<Record<string, unknown>>;
  /** A data folder that outlives this Weir; without it it has one of its own. */
  readonly dataDir?: string;
  /** Of its environment, beside what is inherited. */
  readonly env?: Readonly<Record<string, string>>;
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Ports of origins that Weir intercepts in the lab. */
export const interceptedPorts = [554, 8554] as const;

/** The appliance's daemon on the box of a world. */
export class Weir implements AsyncDisposable {
  readonly program: Program;
  readonly dataDir: string;
  readonly #host: Host;
  readonly #folder: string;

  /** How often it has begun to relay. */
  readonly relays: { readonly times: number };

  private constructor(
    program: Program,
    host: Host,
    { folder, dataDir, relays }: { folder: string; dataDir: string; relays: { readonly times: number } },
  ) {
    this.program = program;
    this.relays = relays;
    this.#host = host;
    this.#folder = folder;
    this.dataDir = dataDir;
  }

  /** Starts it with the smallest configuration and what is added to it; waits until it relays. */
  static async start(world: World, added: AddedConfig = {}): Promise<Weir> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-lab-'));
    const config = {
      interfaces: {
        wan: { device: world.wan.device, ...added.wan },
        access: { device: world.access.device },
      },
      relay: { ...added.relay, rtsp: { ports: interceptedPorts, ...added.rtsp } },
      billing: { ...added.billing },
      upload: { ...added.upload },
      ...(added.system && { system: added.system }),
      ...(added.console && { console: added.console }),
    };
    const dataDir = added.dataDir ?? folder;
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify(config));
    const relays = { times: 0 };
    const onLine = (line: string) => {
      if (/"event":"ready"/.test(line)) relays.times += 1;
    };
    const env = Object.entries(added.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const daemon = [process.execPath, main, 'run', '--config', file, '--data', dataDir] as const;
    const argv = env.length > 0 ? (['env', ...env, ...daemon] as const) : daemon;
    const program = await Program.start(world.box, [...argv], { onLine });
    await program.until(() => relays.times > 0, 15_000, 'ready');
    return new Weir(program, world.box, { folder, dataDir, relays });
  }

  /** Asks over its control socket. */
  async show(): Promise<ShownRelay> {
    return (await askDaemon(this.dataDir, 'show relay')) as ShownRelay;
  }

  /** Asks until what it shows is as wanted. There is no event to wait for on that socket. */
  async shows(wanted: (relay: ShownRelay) => boolean, withinMs: number, what: string): Promise<ShownRelay> {
    for (const until = Date.now() + withinMs; ; ) {
      const relay = await this.show();
      if (wanted(relay)) return relay;
      if (Date.now() > until) throw new Error(`${what}: not within ${withinMs} ms: ${JSON.stringify(relay)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Types lines into its console, as one who is in the configuration mode; resolves with what it said, fails where it did. */
  async configure(...lines: string[]): Promise<string> {
    const input = ['configure', ...lines, ''].join('\n');
    return await this.#host.run(process.execPath, [main, 'console', '--data', this.dataDir], { input });
  }

  /** The clean end. */
  async terminate(): Promise<ExitStatus> {
    this.program.signal('SIGTERM');
    return await this.program.ended(10_000);
  }

  /** Ends it cleanly when it still runs (so that the next one finds the box clean), else only forgets it. */
  async close(): Promise<void> {
    try {
      this.program.signal('SIGCONT');
      if (!this.program.exit) await this.terminate();
    } finally {
      await this.program.close();
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
