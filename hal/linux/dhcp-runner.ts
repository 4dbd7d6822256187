import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, WeirError } from '#base';
import type { DhcpFamily } from '../nics.ts';
import type { RootVerbs } from '../root-verbs.ts';

/** One client of DHCP: who asks on this device for this family. */
export interface DhcpClient {
  readonly device: string;
  readonly family: DhcpFamily;
}

/** Who starts and ends dhcpcd(8). What it leaves in the folder of the leases is the same either way. */
export interface DhcpRunner {
  /** Those that a Weir before this one has left running. */
  left(): Promise<readonly DhcpClient[]>;
  /** @throws {WeirError} MISSING_PROGRAM, or what the machine has against it. */
  start(client: DhcpClient): Promise<void>;
  isRunning(client: DhcpClient): Promise<boolean>;
  /** Is the lease still of the network that the cable leads to? */
  rebind(client: DhcpClient): Promise<void>;
  /** Gives the lease back. Resolves when it has ended. */
  stop(client: DhcpClient): Promise<void>;
}

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** How long a client may take to give its lease back before it is killed. */
const RELEASE_MS = 5000;
const beside = (name: string): string => fileURLToPath(new URL(`./dhcpcd/${name}`, import.meta.url));

/** As processes that outlive this one. `folder`, which must exist, says after a restart which they are. */
export class DhcpProcesses implements DhcpRunner {
  readonly #folder: string;
  readonly #program: string;
  readonly #clock: Clock;

  constructor(options: { folder: string; program: string; clock: Clock }) {
    this.#folder = options.folder;
    this.#program = options.program;
    this.#clock = options.clock;
  }

  async left(): Promise<readonly DhcpClient[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.flatMap((name) => {
      const [, device, family] = /^(.+)-([46])\.pid$/.exec(name) ?? [];
      return device === undefined ? [] : [{ device, family: family === '4' ? 4 : 6 }];
    });
  }

  async start(client: DhcpClient): Promise<void> {
    const { device, family } = client;
    const told = ['-e', `weir_leases=${this.#folder}`, '-e', `weir_family=${family}`];
    const files = ['-f', beside(`${family}.conf`), '-c', beside('hook')];
    const args = ['--nobackground', '--quiet', '-t', '0', ...files, ...told, `-${family}`, device];
    const child = spawn(this.#program, args, {
      stdio: 'ignore',
      detached: true,
      env: { PATH, LC_ALL: 'C' },
    });
    child.unref();
    await once(child, 'spawn').catch((cause) => {
      throw startFailure(this.#program, cause);
    });
    await writeFile(this.#file(client), String(child.pid));
  }

  async isRunning(client: DhcpClient): Promise<boolean> {
    return (await this.#pid(client)) !== undefined;
  }

  async rebind(client: DhcpClient): Promise<void> {
    signal(await this.#pid(client), 'SIGHUP');
  }

  async stop(client: DhcpClient): Promise<void> {
    // SIGALRM: release and exit (dhcpcd(8)).
    signal(await this.#pid(client), 'SIGALRM');
    const until = this.#clock.monoNs() + BigInt(RELEASE_MS) * 1_000_000n;
    for (let pid = await this.#pid(client); pid !== undefined; pid = await this.#pid(client)) {
      if (this.#clock.monoNs() > until) signal(pid, 'SIGKILL');
      await this.#clock.sleep(20);
    }
    await rm(this.#file(client), { force: true });
    await rm(join(this.#folder, `${client.device}-${client.family}.lease`), { force: true });
  }

  #file({ device, family }: DhcpClient): string {
    return join(this.#folder, `${device}-${family}.pid`);
  }

  /** Of the process that runs. An id may be somebody else's by now; one that is dead and not buried runs no more. */
  async #pid(client: DhcpClient): Promise<number | undefined> {
    const pid = Number(await readFile(this.#file(client), 'utf8').catch(() => ''));
    if (!pid) return undefined;
    const [command = '', status = ''] = await Promise.all(
      ['cmdline', 'stat'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
    );
    return /dhcpcd/.test(command) && !/^\d+ \(.*\) [ZX] /.test(status) ? pid : undefined;
  }
}

/** On a flashed gateway: units of systemd's, which keeps them running, asked for by a verb of root's. */
export class DhcpUnits implements DhcpRunner {
  readonly #verbs: RootVerbs;

  constructor(verbs: RootVerbs) {
    this.#verbs = verbs;
  }

  async left(): Promise<readonly DhcpClient[]> {
    const lines = await this.#verbs.run('dhcp', ['list']);
    return lines.flatMap((line) => {
      const [, device, family] = /^(\S+) ([46])$/.exec(line) ?? [];
      return device === undefined ? [] : [{ device, family: family === '4' ? 4 : 6 }];
    });
  }

  async start(client: DhcpClient): Promise<void> {
    await this.#ask('start', client);
  }

  async isRunning(): Promise<boolean> {
    return true;
  }

  async rebind(client: DhcpClient): Promise<void> {
    await this.#ask('rebind', client);
  }

  async stop(client: DhcpClient): Promise<void> {
    await this.#ask('stop', client);
  }

  async #ask(what: string, { device, family }: DhcpClient): Promise<void> {
    await this.#verbs.run('dhcp', [what, device, String(family)]);
  }
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid) process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

function startFailure(program: string, cause: NodeJS.ErrnoException): WeirError {
  if (cause.code === 'ENOENT') {
    return new WeirError('MISSING_PROGRAM', `the program ${program} is not there`, {
      fields: { program },
      advice: 'apt-get install dhcpcd-base',
      cause,
    });
  }
  return new WeirError('COMMAND_FAILED', `cannot start ${program}: ${cause.message}`, { cause });
}
