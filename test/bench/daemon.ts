import { rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { HostProcess, World } from '../../src/demo/world/index.ts';
import type { RelayStatus } from '../../src/operations/index.ts';
import { TerminateCause } from '../../src/protocol/index.ts';
import { askControl } from '../../src/status/index.ts';
import { type CpuTimes, cpuTimes, realtimePriority } from './cpu.ts';

const mainScript = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const busyScript = fileURLToPath(new URL('busy.ts', import.meta.url));
const engineThread = 'weir-datapath';
const startMs = 20_000;

/** What JavaScript went through while it was kept busy. */
export interface BusyReport {
  readonly collections: number;
  readonly longestStallMs: number;
  /** Of the writer in its process: transactions made durable, and the slowest of them. */
  readonly transactions: number;
  readonly slowestTransactionMs: number;
}

/** `relay` of its configuration; the intercepted ports are the bench's. */
export type RelayConfig = Readonly<Record<string, unknown>>;

/** Its memory (proc_pid_status(5)). */
export interface Memory {
  /** Resident: VmRSS. */
  readonly residentBytes: number;
  /** Of it, what no file holds as well: heaps, stacks, rings. */
  readonly anonymousBytes: number;
}

/** The appliance's daemon on the box of a world, as `weir run` starts it, with the smallest configuration. */
export class Daemon implements Closeable {
  readonly #process: HostProcess;
  readonly #folder: string;
  #busyReports = 0;

  private constructor(process: HostProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
  }

  /** `added`: to the environment of its process. */
  static async start(
    world: World,
    rtspPorts: readonly number[],
    relay: RelayConfig = {},
    added: Readonly<Record<string, string>> = {},
  ): Promise<Daemon> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
    // Also after Ctrl-C; the sandbox takes everything else with it.
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const config = join(folder, 'weir.json');
    await writeFile(
      config,
      JSON.stringify({
        interfaces: { wan: { device: world.wan.device }, access: { device: world.access.device } },
        relay: { rtsp: { ports: rtspPorts }, ...relay },
      }),
    );
    const args = ['--import', busyScript, mainScript, 'run', '--config', config, '--data', folder];
    const env = { UV_THREADPOOL_SIZE: '8', WEIR_BENCH_LEDGER: join(folder, 'bench-ledger.db'), ...added };
    const child = await world.box.spawn(process.execPath, args, { env, closeGraceMs: 10_000 });
    await child.prints(/"event":"ready"/, { timeoutMs: startMs });
    return new Daemon(child, folder);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Its `--data`. */
  get dataDir(): string {
    return this.#folder;
  }

  /** Over its control socket. */
  async status(): Promise<RelayStatus> {
    return (await askControl(join(this.#folder, 'control.sock'), 'show relay')) as RelayStatus;
  }

  /** Why it has ended viewers who had not left, by its log: `idle-timeout 4`; empty: it has not. */
  get ends(): string {
    const causes = [...this.#process.stdout.matchAll(/"event":"viewer ended".*?"cause":"([^"]+)"/g)].map(
      ([, cause = '']) => cause,
    );
    return [...Map.groupBy(causes, (cause) => cause)]
      .filter(([cause]) => cause !== TerminateCause.userRequest)
      .map(([cause, { length }]) => `${cause} ${length}`)
      .join(', ');
  }

  /** Of all its threads, and of the engine's among them. */
  cpuTimes(): Promise<CpuTimes> {
    return cpuTimes(this.#process.pid, engineThread);
  }

  async memory(): Promise<Memory> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8');
    const bytes = (name: string) =>
      1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
    return { residentBytes: bytes('VmRSS'), anonymousBytes: bytes('RssAnon') };
  }

  /** Of its engine's thread, SCHED_FIFO; 0: none. */
  realtimePriority(): Promise<number> {
    return realtimePriority(this.#process.pid, engineThread);
  }

  /** Keeps its JavaScript busy until `calm` (busy.ts). */
  async busy(): Promise<void> {
    this.#process.kill('SIGUSR2');
    await this.#process.prints(new RegExp(`^(?:[^]*?bench: busy\\n){${this.#busyReports + 1}}`), {
      stream: 'stderr',
    });
  }

  async calm(): Promise<BusyReport> {
    this.#process.kill('SIGUSR2');
    this.#busyReports += 1;
    const [, json = ''] = await this.#process.prints(
      new RegExp(`^(?:[^]*?bench: calm (\\{.*\\})\\n){${this.#busyReports}}`),
      { stream: 'stderr' },
    );
    return JSON.parse(json) as BusyReport;
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
