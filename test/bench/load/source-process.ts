import { fileURLToPath } from 'node:url';
import { type Closeable, WeirError } from '#base';
import type { SetParameters, Source, SourceOptions } from '../../../src/demo/source/index.ts';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';

const script = fileURLToPath(new URL('../../../src/demo/source/source-process.ts', import.meta.url));

type Waiting = ((json: string) => void)[];

/** The demo's source as a process on a host. */
export class SourceProcess implements Closeable {
  readonly #process: HostProcess;
  /** Whoever asked something, in the order of asking. */
  readonly #waiting: Waiting;

  private constructor(process: HostProcess, waiting: Waiting) {
    this.#process = process;
    this.#waiting = waiting;
  }

  static async start(host: Host, options: Omit<SourceOptions, 'log' | 'clock'>): Promise<SourceProcess> {
    const { address, port, ...rest } = options;
    const waiting: Waiting = [];
    const child = await host.spawn(process.execPath, [script, address, String(port), JSON.stringify(rest)], {
      onLine: (line, stream) => {
        if (stream === 'stdout' && line !== 'ready') waiting.shift()?.(line);
      },
    });
    await child.prints(/^ready$/m);
    return new SourceProcess(child, waiting);
  }

  get pid(): number {
    return this.#process.pid;
  }

  async counters(): Promise<ReturnType<Source['counters']>> {
    return JSON.parse(await this.#ask('counters'));
  }

  /** The SET_PARAMETER bodies so far. */
  async parameters(): Promise<readonly SetParameters[]> {
    return JSON.parse(await this.#ask('parameters'));
  }

  /** It dies without a word (SIGKILL). */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }

  /** It stands still (SIGSTOP), its sockets stay open. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask(command: string): Promise<string> {
    if (!this.#process.running) throw new WeirError('COMMAND_FAILED', 'the source has ended');
    return new Promise((resolve, reject) => {
      this.#waiting.push(resolve);
      void this.#process.exited.then(() => reject(new WeirError('COMMAND_FAILED', 'the source has ended')));
      this.#process.stdin.write(`${command}\n`);
    });
  }
}
