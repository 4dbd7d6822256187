import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Closeable, describeError, type Log, Signal, WeirError } from '#base';
import type { DhcpFamily, Lease } from '../nics.ts';
import { parseLease } from './lease-file.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const FOLDER = '/run/weir-dhcp';
const hook = fileURLToPath(new URL('./dhcpcd-hook.sh', import.meta.url));
const WATCH_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;
/** How long a client may take to give its lease back before it is killed. */
const RELEASE_MS = 5000;

/**
 * The client leaves router advertisements to the kernel, which makes routes and addresses of them anyway, and the cable
 * too: an address that went with each short loss of the link would take all sessions with the origins along.
 * `persistent`: one that is ended without being told to release leaves the address to its own lifetime.
 */
const commonConfig = [
  'duid',
  'persistent',
  'noipv4ll',
  'noipv6rs',
  'nolink',
  'require dhcp_server_identifier',
];
const configs: Readonly<Record<DhcpFamily, readonly string[]>> = {
  4: [...commonConfig, 'ipv4only', 'option domain_name_servers, classless_static_routes'],
  6: [...commonConfig, 'ipv6only', 'ia_na', 'option dhcp6_name_servers'],
};

interface Client {
  readonly device: string;
  readonly family: DhcpFamily;
  pid: number | undefined;
  lease: Lease | undefined;
  pauseMs: number;
  notBeforeMonoNs: bigint;
}

/**
 * dhcpcd(8), one for a device and family. The clients are no part of this process: they go on when Weir ends, as the box
 * goes on forwarding, and the next Weir finds them by what is kept in `folder`. One that dies is started again.
 */
export class DhcpClients implements Closeable {
  /** A lease was got, changed or lost. */
  readonly changed: Signal<{ readonly device: string }>;
  readonly #folder: string;
  readonly #program: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #clients = new Map<string, Client>();
  #watching: FSWatcher | undefined;
  #checking: Disposable | undefined;
  #reading = Promise.resolve();
  #closed = false;

  constructor(options: { clock: Clock; log: Log; folder?: string; program?: string }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#folder = options.folder ?? FOLDER;
    this.#program = options.program ?? 'dhcpcd';
    this.changed = new Signal((error) =>
      options.log.error('lease listener failed', { error: describeError(error) }),
    );
  }

  /** Finds the clients that a Weir before this one has left running. */
  async open(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      const [, device, family] = /^(.+)-([46])\.pid$/.exec(name) ?? [];
      if (device === undefined) continue;
      const client = newClient(device, family === '4' ? 4 : 6);
      client.pid = Number(await readFile(join(this.#folder, name), 'utf8').catch(() => ''));
      this.#clients.set(keyOf(client), client);
    }
    if (this.#clients.size > 0) await this.#begin();
  }

  /** What is to run, and, unless it has just died, runs. */
  get running(): readonly { readonly device: string; readonly family: DhcpFamily }[] {
    return [...this.#clients.values()];
  }

  lease(device: string, family: DhcpFamily): Lease | undefined {
    return this.#clients.get(keyOf({ device, family }))?.lease;
  }

  /** @throws {WeirError} MISSING_PROGRAM */
  async start(device: string, family: DhcpFamily): Promise<void> {
    const key = keyOf({ device, family });
    if (this.#clients.has(key)) return;
    await this.#begin();
    const client = newClient(device, family);
    await rm(this.#file(client, 'lease'), { force: true });
    await this.#spawn(client);
    this.#clients.set(key, client);
  }

  /** Gives the lease back; the client takes its address and routes away. */
  async stop(device: string, family: DhcpFamily): Promise<void> {
    const key = keyOf({ device, family });
    const client = this.#clients.get(key);
    if (!client) return;
    this.#clients.delete(key);
    await this.#release(client);
    await rm(this.#file(client, 'pid'), { force: true });
    await rm(this.#file(client, 'lease'), { force: true });
    await this.#writeResolvConf();
  }

  /** The cable was plugged in: is it still the network that the lease is of? */
  async linkBack(device: string): Promise<void> {
    for (const client of this.#clients.values()) {
      if (client.device === device && (await isOurs(client.pid))) signal(client.pid, 'SIGHUP');
    }
  }

  /** The clients go on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#checking?.[Symbol.dispose]();
    this.#watching?.close();
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(): Promise<void> {
    if (this.#watching || this.#closed) return;
    await mkdir(this.#folder, { recursive: true, mode: 0o755 });
    this.#watching = watch(this.#folder, { persistent: false }, () => this.#readSoon());
    this.#watching.on('error', (error) => this.#log.warn('leases not watched', { error: error.message }));
    this.#checking = this.#clock.every(WATCH_MS, () => void this.#check());
    this.#readSoon();
    await this.#reading;
  }

  #readSoon(): void {
    this.#reading = this.#reading
      .then(() => this.#read())
      .catch((error) => this.#log.error('leases not read', { error: describeError(error) }));
  }

  async #read(): Promise<void> {
    for (const client of this.#clients.values()) {
      const file = this.#file(client, 'lease');
      const found = await stat(file).catch(() => undefined);
      const text = found && (await readFile(file, 'utf8').catch(() => ''));
      const lease = found && parseLease(text ?? '', client.family, Math.floor(found.mtimeMs));
      if (isDeepStrictEqual(lease, client.lease)) continue;
      const { device, family } = client;
      if (lease?.address !== client.lease?.address) {
        this.#log.info(lease ? 'lease' : 'no lease', { device, family, address: lease?.address });
      }
      client.lease = lease;
      await this.#writeResolvConf();
      this.changed.emit({ device });
    }
  }

  /** `resolv.conf` beside the leases, for the image's /etc/resolv.conf to be a link to. */
  async #writeResolvConf(): Promise<void> {
    const servers = [...this.#clients.values()].flatMap(({ lease }) => lease?.nameServers ?? []);
    const file = join(this.#folder, 'resolv.conf');
    await writeFile(`${file}.new`, [...new Set(servers)].map((server) => `nameserver ${server}\n`).join(''));
    await rename(`${file}.new`, file);
  }

  /** One that has died is started again, at once, then after longer and longer pauses. */
  async #check(): Promise<void> {
    for (const client of this.#clients.values()) {
      if (this.#closed || this.#clock.monoNs() < client.notBeforeMonoNs) continue;
      if (await isOurs(client.pid)) {
        client.pauseMs = 0;
        continue;
      }
      // Stopped, or asked for again, meanwhile.
      if (this.#clients.get(keyOf(client)) !== client || this.#closed) continue;
      const { device, family } = client;
      this.#log.warn('DHCP client started again', { device, family });
      client.pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(WATCH_MS, 2 * client.pauseMs));
      client.notBeforeMonoNs = this.#clock.monoNs() + BigInt(client.pauseMs) * 1_000_000n;
      await this.#spawn(client).catch((error) => {
        this.#log.error('DHCP client not started', { device, family, error: describeError(error) });
      });
    }
  }

  async #spawn(client: Client): Promise<void> {
    const { device, family } = client;
    const config = join(this.#folder, `dhcpcd-${family}.conf`);
    await writeFile(config, `${configs[family].join('\n')}\n`);
    const told = ['-e', `weir_leases=${this.#folder}`, '-e', `weir_family=${family}`];
    const args = ['--nobackground', '--quiet', '-t', '0', '-f', config, '-c', hook, ...told, `-${family}`];
    const child = spawn(this.#program, [...args, device], {
      stdio: 'ignore',
      detached: true,
      env: { PATH, LC_ALL: 'C' },
    });
    child.unref();
    await once(child, 'spawn').catch((cause) => {
      throw startFailure(this.#program, cause);
    });
    client.pid = child.pid;
    await writeFile(this.#file(client, 'pid'), String(child.pid));
  }

  async #release({ pid }: Client): Promise<void> {
    if (!(await isOurs(pid))) return;
    // SIGALRM: release and exit (dhcpcd(8)).
    signal(pid, 'SIGALRM');
    const until = this.#clock.monoNs() + BigInt(RELEASE_MS) * 1_000_000n;
    while (await isOurs(pid)) {
      if (this.#clock.monoNs() > until) signal(pid, 'SIGKILL');
      await this.#clock.sleep(20);
    }
  }

  #file({ device, family }: Pick<Client, 'device' | 'family'>, kind: 'pid' | 'lease'): string {
    return join(this.#folder, `${device}-${family}.${kind}`);
  }
}

const newClient = (device: string, family: DhcpFamily): Client => ({
  device,
  family,
  pid: undefined,
  lease: undefined,
  pauseMs: 0,
  notBeforeMonoNs: 0n,
});

const keyOf = ({ device, family }: { device: string; family: DhcpFamily }): string => `${device} ${family}`;

/** A process id may be somebody else's by now; one that is dead and not buried runs no more. */
async function isOurs(pid: number | undefined): Promise<boolean> {
  if (!pid) return false;
  const [command, status] = await Promise.all(
    ['cmdline', 'stat'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
  );
  return /dhcpcd/.test(command ?? '') && !/^\d+ \(.*\) [ZX] /.test(status ?? '');
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
