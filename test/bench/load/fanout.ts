import { type Closeable, WeirError } from '#base';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';
import { buildProgram } from './native-program.ts';

interface CommonOptions {
  /** Where it receives the feed. */
  readonly address: string;
  readonly port: number;
  /** SCHED_FIFO at this priority; 0 or undefined: as any process. */
  readonly realtimePriority?: number;
}

/** By UDP to consecutive addresses. */
export interface UdpFanoutOptions extends CommonOptions {
  /** `gso`: sendmmsg and UDP_SEGMENT. `sendto`: one system call per packet and viewer. */
  readonly mode: 'gso' | 'sendto';
  /** Of consecutive viewers, IPv4. */
  readonly firstViewer: string;
  readonly viewerCount: number;
  readonly viewerPort: number;
}

/** By TCP to whoever connects: a ring, cursors, one send for a viewer at every tick. */
export interface TcpFanoutOptions extends CommonOptions {
  readonly mode: 'tick';
  readonly listenPort: number;
  readonly tickMs: number;
}

export type FanoutOptions = UdpFanoutOptions | TcpFanoutOptions;

export interface FanoutReport {
  readonly received: number;
  /** Packets times viewers, as the kernel took them. */
  readonly delivered: number;
  /** Their RTP headers and payloads. */
  readonly deliveredBytes: number;
  readonly notSent: number;
  /** How often it found something to receive, or to send at a tick: `received / rounds` is what came at once. */
  readonly rounds: number;
  /** Of its one thread. */
  readonly cpuNs: number;
}

/** The plain C loops that Weir's engine is measured against. See native/fanout.c and native/fanout-tcp.c. */
export class Fanout implements Closeable {
  readonly #process: HostProcess;
  #reports = 0;

  private constructor(process: HostProcess) {
    this.#process = process;
  }

  static async start(host: Host, options: FanoutOptions): Promise<Fanout> {
    const { realtimePriority = 0 } = options;
    const program = await buildProgram(options.mode === 'tick' ? 'fanout-tcp' : 'fanout');
    const args = argumentsOf(options).map(String);
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

function argumentsOf(options: FanoutOptions): readonly (string | number)[] {
  const { mode, address, port } = options;
  if (mode === 'tick') return [address, port, options.listenPort, options.tickMs];
  return [mode, address, port, options.firstViewer, options.viewerCount, options.viewerPort];
}
