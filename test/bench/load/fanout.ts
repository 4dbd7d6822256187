import { type Closeable, WeirError } from '#base';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';
import { buildProgram } from './native-program.ts';

export interface FanoutOptions {
  /** `gso`: sendmmsg and UDP_SEGMENT. `sendto`: one system call per packet and viewer. */
  readonly mode: 'gso' | 'sendto';
  /** Where it receives the feed. */
  readonly address: string;
  readonly port: number;
  /** Of consecutive viewers, IPv4. */
  readonly firstViewer: string;
  readonly viewerCount: number;
  readonly viewerPort: number;
  /** SCHED_FIFO at this priority; 0 or undefined: as any process. */
  readonly realtimePriority?: number;
}

export interface FanoutReport {
  readonly received: number;
  /** Packets times viewers, as the kernel took them. */
  readonly delivered: number;
  readonly notSent: number;
  /** How often it found something to receive: `received / rounds` is what came at once. */
  readonly rounds: number;
  /** Of its one thread. */
  readonly cpuNs: number;
}

/** The plain C loop that Weir's engine is measured against. See native/fanout.c. */
export class Fanout implements Closeable {
  readonly #process: HostProcess;
  #reports = 0;

  private constructor(process: HostProcess) {
    this.#process = process;
  }

  static async start(host: Host, options: FanoutOptions): Promise<Fanout> {
    const { mode, address, port, firstViewer, viewerCount, viewerPort, realtimePriority = 0 } = options;
    const args = [mode, address, port, firstViewer, viewerCount, viewerPort].map(String);
    const program = await buildProgram('fanout');
    const process = await (realtimePriority > 0
      ? host.spawn('chrt', ['--fifo', String(realtimePriority), program, ...args])
      : host.spawn(program, args));
    await process.prints(/^ready$/m);
    return new Fanout(process);
  }

  /** What it did since the report before. */
  async report(): Promise<FanoutReport> {
    this.#reports += 1;
    this.#process.stdin.write('report\n');
    const lines = new RegExp(`^ready\\n(?:\\{.*\\}\\n){${this.#reports - 1}}(\\{.*\\})$`, 'm');
    const [, json] = await this.#process.prints(lines, { stream: 'stdout' });
    if (json === undefined) throw new WeirError('COMMAND_FAILED', 'fanout did not report');
    return JSON.parse(json) as FanoutReport;
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#process.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
