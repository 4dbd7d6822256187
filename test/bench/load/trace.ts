import { fileURLToPath } from 'node:url';
import type { Closeable } from '#base';
import type { HostProcess, Station } from '../../../src/demo/world/index.ts';

export interface TraceOptions {
  readonly bitsPerSecond: number;
  readonly framesPerSecond?: number;
  readonly groupSeconds?: number;
  readonly maxPacketBytes?: number;
  readonly stampPayload?: boolean;
}

const script = fileURLToPath(new URL('trace-process.ts', import.meta.url));

/** The trace that the C loops get: what a source with the same options sends to a session, without RTSP. */
export class Trace implements Closeable {
  readonly #process: HostProcess;

  private constructor(process: HostProcess) {
    this.#process = process;
  }

  static async start(
    origin: Station,
    target: { readonly address: string; readonly port: number },
    options: TraceOptions,
  ): Promise<Trace> {
    const args = [script, target.address, String(target.port), origin.address4, JSON.stringify(options)];
    const child = await origin.host.spawn(process.execPath, args);
    await child.prints(/^ready$/m);
    return new Trace(child);
  }

  /** Ends it; gives how many packets it has sent. */
  async stop(): Promise<{ readonly packets: number; readonly bytes: number }> {
    this.#process.stdin.end();
    const [json] = await this.#process.prints(/^\{.*\}$/m, { stream: 'stdout' });
    await this.#process.exited;
    return JSON.parse(json);
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
