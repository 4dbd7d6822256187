import { chmod, mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '#base';
import type { Resolver } from '../resolver.ts';
import { SerialQueue } from './serial-queue.ts';

/** For /etc/resolv.conf to be a link to. */
export const resolvConf = '/run/weir/resolv.conf';
/** What every program of the machine reads (resolv.conf(5)). */
const systemFile = '/etc/resolv.conf';

/** Writes resolv.conf(5): name servers of the configuration first, then those that DHCP brought. */
export class LinuxResolver implements Resolver {
  readonly #file: string;
  readonly #log: Log;
  readonly #queue = new SerialQueue();
  #configured: readonly string[] = [];
  #leased: readonly string[] = [];

  constructor(options: { file: string; log: Log }) {
    this.#file = options.file;
    this.#log = options.log;
  }

  get nameServers(): readonly string[] {
    return [...new Set([...this.#configured, ...this.#leased])];
  }

  async apply(servers: readonly string[]): Promise<() => Promise<void>> {
    const before = this.#configured;
    this.#configured = servers;
    try {
      await this.#write();
    } catch (error) {
      this.#configured = before;
      throw error;
    }
    if (servers.length > 0 && (await realpath(systemFile).catch(() => '')) !== this.#file) {
      this.#log.warn('name servers are not used', {
        because: `${systemFile} does not lead to ${this.#file}`,
      });
    }
    return async () => {
      this.#configured = before;
      await this.#write();
    };
  }

  /** What the leases of now brought. */
  async lend(servers: readonly string[]): Promise<void> {
    if (isDeepStrictEqual(servers, this.#leased)) return;
    this.#leased = servers;
    await this.#write();
  }

  /** As a whole or not at all, and not where it says the same already: programs look at when it was written. */
  #write(): Promise<void> {
    return this.#queue.run(async () => {
      const text = this.nameServers.map((server) => `nameserver ${server}\n`).join('');
      const file = this.#file;
      if (text === (await readFile(file, 'utf8').catch(() => ''))) return;
      await mkdir(dirname(file), { recursive: true, mode: 0o755 });
      await writeFile(`${file}.new`, text);
      // For every program of the box, whatever the umask of this one.
      await chmod(`${file}.new`, 0o644);
      await rename(`${file}.new`, file);
    });
  }
}
