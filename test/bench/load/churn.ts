import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { Host, HostProcess } from '../../../src/demo/world/index.ts';

export interface ChurnOptions {
  readonly url: string;
  /** Of the track that is set up. */
  readonly control: string;
  readonly server: { readonly address: string; readonly port: number };
  /** Viewers under way at the same time. */
  readonly atOnce: number;
}

export interface ChurnReport {
  readonly joins: number;
  readonly seconds: number;
}

const script = fileURLToPath(new URL('churn-process.ts', import.meta.url));
const longestMs = 600_000;

/** Viewers that come and go. */
export class Churn implements Closeable {
  readonly #process: HostProcess;
  #runs = 0;

  private constructor(process: HostProcess) {
    this.#process = process;
  }

  static async start(host: Host, options: ChurnOptions): Promise<Churn> {
    const child = await host.spawn(process.execPath, [script, JSON.stringify(options)]);
    await child.prints(/^ready$/m);
    return new Churn(child);
  }

  /** So many join and leave; half of them by UDP, half by TCP. Resolves when the last one has left. */
  async run(joins: number): Promise<ChurnReport> {
    this.#process.stdin.write(`${joins}\n`);
    const lines = new RegExp(`^ready\\n(?:\\{.*\\}\\n){${this.#runs}}(\\{.*\\})$`, 'm');
    this.#runs += 1;
    const [, json = ''] = await this.#process.prints(lines, { stream: 'stdout', timeoutMs: longestMs });
    return JSON.parse(json) as ChurnReport;
  }

  async close(): Promise<void> {
    await this.#process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
