import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { World } from '../../src/demo/world/index.ts';
import { Program } from '../lab/program.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const readyMs = 60_000;

/** One life of the appliance's daemon. */
export class StormDaemon implements Closeable {
  /** What it logged as an error. */
  readonly errors: string[];
  readonly #program: Program;
  readonly #beganMs: number;
  readonly #ready: () => number | undefined;

  private constructor(program: Program, beganMs: number, ready: () => number | undefined, errors: string[]) {
    this.#program = program;
    this.#beganMs = beganMs;
    this.#ready = ready;
    this.errors = errors;
  }

  /** Resolves when its process is there; it is not ready by then. */
  static async start(world: World, files: { config: string; dataDir: string }): Promise<StormDaemon> {
    let readyAtMs: number | undefined;
    const errors: string[] = [];
    const onLine = (line: string) => {
      if (line.includes('"event":"ready"')) readyAtMs ??= performance.now();
      if (line.includes('"level":"error"')) errors.push(line);
    };
    const beganMs = performance.now();
    const args = [main, 'run', '--config', files.config, '--data', files.dataDir];
    const program = await Program.start(world.box, [process.execPath, ...args], { onLine });
    return new StormDaemon(program, beganMs, () => readyAtMs, errors);
  }

  /** From its start to ready, milliseconds. Rejects when it ends by itself. */
  async ready(): Promise<number> {
    await this.#program.until(() => this.#ready() !== undefined, readyMs, 'ready');
    return (this.#ready() ?? 0) - this.#beganMs;
  }

  /** Rejects when it has ended before by itself. */
  async kill(): Promise<void> {
    const { exit } = this.#program;
    if (exit) throw new Error(`the daemon ended by itself: ${JSON.stringify(exit)}\n${this.#program.tail}`);
    this.#program.signal('SIGKILL');
    await this.#program.ended(10_000);
  }

  /** The orderly end. */
  async terminate(): Promise<void> {
    this.#program.signal('SIGTERM');
    const { code } = await this.#program.ended(20_000);
    if (code !== 0) throw new Error(`the daemon did not end in order\n${this.#program.tail}`);
  }

  close(): Promise<void> {
    return this.#program.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
