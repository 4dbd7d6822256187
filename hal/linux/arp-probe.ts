import { execFile } from 'node:child_process';
import { WeirError } from '#base';
import type { RootVerbs } from '../root-verbs.ts';

/** Asks the link of a NIC whether somebody else has an IPv4 address (RFC 5227 s.2.1.1). */
export interface ArpProbe {
  /**
   * The MAC address of who answers; undefined: nobody does, within some seconds.
   *
   * @throws {WeirError} MISSING_PROGRAM, COMMAND_FAILED, or what a gateway has against it.
   */
  whoElseHas(address: string, device: string, signal: AbortSignal): Promise<string | undefined>;
}

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const ARPING_MS = 10_000;

/** By arping(8) of iputils, or busybox's, in this process's own rights. */
export class ArpProgram implements ArpProbe {
  readonly #path: string;

  constructor(options: { path?: string } = {}) {
    this.#path = options.path ?? PATH;
  }

  whoElseHas(address: string, device: string, signal: AbortSignal): Promise<string | undefined> {
    const args = ['-D', '-c', '3', '-w', '4', '-I', device, address];
    const env = { PATH: this.#path, LC_ALL: 'C' };
    return new Promise((resolve, reject) => {
      execFile('arping', args, { env, signal, timeout: ARPING_MS }, (error, stdout, stderr) => {
        // `Unicast reply from 192.0.2.1 [02:00:00:00:00:01]  0.6ms`
        const [, mac] = / from [0-9.]+ \[([0-9A-F:]+)\]/i.exec(stdout) ?? [];
        if (mac !== undefined) resolve(mac.toLowerCase());
        else if (error === null) resolve(undefined);
        else reject(failure(error, stderr || stdout));
      });
    });
  }
}

/** On a flashed gateway: by a verb of root's, for Weir may not open packet sockets there. */
export class ArpVerb implements ArpProbe {
  readonly #verbs: RootVerbs;

  constructor(verbs: RootVerbs) {
    this.#verbs = verbs;
  }

  async whoElseHas(address: string, device: string, signal: AbortSignal): Promise<string | undefined> {
    const [mac] = await this.#verbs.run('arp-probe', [device, address], { signal });
    return mac?.toLowerCase();
  }
}

function failure(cause: Error & { readonly code?: unknown }, said: string): WeirError {
  if (cause.code === 'ENOENT') {
    return new WeirError('MISSING_PROGRAM', 'the program arping is not there', {
      advice: 'apt-get install iputils-arping',
      cause,
    });
  }
  const why = said.trim().split('\n').at(-1) || cause.message;
  return new WeirError('COMMAND_FAILED', `arping failed: ${why}`, { cause });
}
