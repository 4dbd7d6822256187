import { fileURLToPath } from 'node:url';
import { HostProcess } from '../../../src/demo/world/index.ts';
import type { Identity } from '../../lab/upload/certificates.ts';
import type { Tally } from './tally-process.ts';

const script = fileURLToPath(new URL('tally-process.ts', import.meta.url));

/** An HTTPS collector that wants client certificates and counts what comes. */
export class TallyCollector implements AsyncDisposable {
  readonly #process: HostProcess;

  private constructor(process: HostProcess) {
    this.#process = process;
  }

  static async start(identity: Identity, port: number): Promise<TallyCollector> {
    const { ca, cert, key } = identity.files;
    const argv = [process.execPath, script, ca, cert, key, String(port)] as const;
    const child = await HostProcess.start('the collector', [...argv]);
    await child.prints(/^listening$/m);
    return new TallyCollector(child);
  }

  async tally(): Promise<Tally> {
    this.#process.stdin.write('\n');
    const [, json = ''] = await this.#process.prints(/^tally (\{.*\})$/m);
    return JSON.parse(json);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process.close();
  }
}
