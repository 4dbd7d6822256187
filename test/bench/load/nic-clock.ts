import { type Closeable, isWeirError, systemClock, WeirError } from '#base';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';
import { buildProgram } from './native-program.ts';
import type { Latency } from './receiver.ts';

/** A NIC of a host. */
export interface Nic {
  readonly host: Host;
  readonly device: string;
}

/** Of all packets with a send time, by IPv4 to even ports, that were sent within the time that was counted. */
export interface NicReport {
  /** How many addresses they were for, and how many packets an address got. */
  readonly addresses: number;
  readonly fewest: number;
  readonly most: number;
  /** Without the time of the sending NIC. */
  readonly unstamped: number;
  /** Given to the NIC before they were sent. */
  readonly early: number;
  /** From the send time to that at which the sending NIC was given the packet; to 1,024 ns, up to 67 ms. */
  readonly latency: Latency;
}

/** What the program ends with where the kernel lacks something or forbids it. */
const unavailableExitCode = 3;
/** Before it counts: until the programs have been told. */
const leadMs = 10;
/** Afterwards: what was sent last is still under way. */
const underWayMs = 200;

/**
 * When a NIC was given what it sends, on all packets and for about 50 ns of the sender's time each: the kernel's record of
 * each is stamped where it leaves, and read by the far end of the wire before anything else there. See native/nic-clock.c.
 */
export class NicClock implements Closeable {
  readonly #programs: readonly HostProcess[];
  readonly #reader: HostProcess;
  #answers = 1;

  private constructor(stamper: HostProcess, reader: HostProcess) {
    this.#programs = [stamper, reader];
    this.#reader = reader;
  }

  /**
   * Behind the programs that are at the sending NIC by then: whatever they send is stamped. Rejects with NOT_AVAILABLE
   * where the kernel lacks tcx (Linux 6.6) or does not allow it.
   */
  static async start(sender: Nic, receiver: Nic): Promise<NicClock> {
    const program = await buildProgram('nic-clock');
    const stamper = await sender.host.spawn(program, ['stamp', sender.device]);
    const reader = await receiver.host.spawn(program, ['read', receiver.device]);
    const clock = new NicClock(stamper, reader);
    try {
      await stamper.prints(/^ready$/m, { stream: 'stdout' });
      await reader.prints(/^ready$/m, { stream: 'stdout' });
      return clock;
    } catch (error) {
      await clock.close();
      if (!isWeirError(error) || error.fields.exitCode !== unavailableExitCode) throw error;
      throw new WeirError('NOT_AVAILABLE', `no clock at the NIC: ${error.fields.output}`, { cause: error });
    }
  }

  /** Counts anew, and only what is sent from one time to the other (CLOCK_MONOTONIC): so every viewer must get the same. */
  async window(fromNs: bigint, untilNs: bigint): Promise<void> {
    await this.#ask(`count ${fromNs} ${untilNs}`, 'counting');
  }

  async report(): Promise<NicReport> {
    return JSON.parse(await this.#ask('report', '\\{.*\\}')) as NicReport;
  }

  /** What is sent within so many seconds from now on. */
  async count(seconds: number): Promise<NicReport> {
    const fromNs = systemClock.monoNs() + BigInt(leadMs * 1e6);
    await this.window(fromNs, fromNs + BigInt(seconds * 1e9));
    await systemClock.sleep(leadMs + seconds * 1000 + underWayMs);
    return this.report();
  }

  async close(): Promise<void> {
    for (const program of this.#programs) program.stdin.end();
    await Promise.all(this.#programs.map(({ exited }) => exited));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #ask(line: string, answer: string): Promise<string> {
    this.#reader.stdin.write(`${line}\n`);
    const lines = new RegExp(`^(?:.*\\n){${this.#answers}}(${answer})\\n`);
    this.#answers += 1;
    const [, text = ''] = await this.#reader.prints(lines, { stream: 'stdout' });
    return text;
  }
}
