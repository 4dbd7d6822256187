import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, HostProcess } from '../../../src/demo/world/index.ts';
import type { Identity } from './certificates.ts';

/** A mosquitto that wants client certificates, at 127.0.0.1. */
export class Mosquitto implements AsyncDisposable {
  readonly port: number;
  readonly #configuration: string;
  readonly #host: Host | undefined;
  readonly #quiet: boolean;
  #process: HostProcess | undefined;

  private constructor(port: number, configuration: string, host: Host | undefined, quiet: boolean) {
    this.#host = host;
    this.#quiet = quiet;
    this.port = port;
    this.#configuration = configuration;
  }

  static async start(options: {
    folder: string;
    port: number;
    identity: Identity;
    /** Where it runs; here when not given. */
    host?: Host;
    /** Does not tell of each message. */
    quiet?: boolean;
  }): Promise<Mosquitto> {
    const { folder, port, identity } = options;
    const configuration = join(folder, 'mosquitto.conf');
    const { ca, cert, key } = identity.files;
    writeFileSync(
      configuration,
      [
        'user root',
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        `cafile ${ca}`,
        `certfile ${cert}`,
        `keyfile ${key}`,
        'require_certificate true',
        'persistence true',
        `persistence_location ${folder}/`,
        '',
      ].join('\n'),
    );
    const broker = new Mosquitto(port, configuration, options.host, options.quiet ?? false);
    await broker.start();
    return broker;
  }

  async start(): Promise<void> {
    const lines: string[] = [];
    const ready = Promise.withResolvers<void>();
    const args = [...(this.#quiet ? [] : ['-v']), '-c', this.#configuration];
    const options = {
      onLine: (line: string) => {
        lines.push(line);
        if (/mosquitto version \S+ running/.test(line)) ready.resolve();
      },
    };
    this.#process = await (this.#host
      ? this.#host.spawn('mosquitto', args, options)
      : HostProcess.start('mosquitto', ['mosquitto', ...args], options));
    void this.#process.exited.then(() =>
      ready.reject(new Error(`mosquitto ended:\n${lines.slice(-20).join('\n')}`)),
    );
    await ready.promise;
  }

  /** Ends it as a power cut would: what it had in memory only is gone. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
    this.#process = undefined;
  }

  close(): Promise<void> {
    return this.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
