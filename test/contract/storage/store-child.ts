import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = join(import.meta.dirname, 'store-process.ts');

/** A store in a process of its own, and all that it has told. */
export class StoreChild {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #heard: () => void = () => {};

  static async start(
    folder: string,
    options: { bootId?: string; env?: NodeJS.ProcessEnv } = {},
  ): Promise<StoreChild> {
    const child = new StoreChild(folder, options);
    await child.told((line) => line === 'ready');
    return child;
  }

  private constructor(
    folder: string,
    { bootId = 'a', env = {} }: { bootId?: string; env?: NodeJS.ProcessEnv },
  ) {
    this.#process = spawn(process.execPath, [program, folder, bootId], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const output = createInterface({ input: this.#process.stdout ?? process.stdin });
    output.on('line', (line) => {
      this.lines.push(line);
      this.#heard();
    });
    this.#closed = once(output, 'close');
  }

  say(command: string): void {
    this.#process.stdin?.write(`${command}\n`);
  }

  /** Resolves with the first line that `wanted` takes, told already or yet to be. */
  async told(wanted: (line: string) => boolean): Promise<string> {
    for (;;) {
      const line = this.lines.find(wanted);
      if (line !== undefined) return line;
      const more = new Promise<'more'>((resolve) => {
        this.#heard = () => resolve('more');
      });
      if ((await Promise.race([more, this.#closed])) !== 'more') {
        throw new Error(`the store's process ended: ${this.lines.slice(-3).join('; ')}`);
      }
    }
  }

  /** SIGKILL; afterwards `lines` has everything that was told. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
