import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Closeable, describeError, type Log, Signal } from '#base';
import type { DhcpFamily, Lease } from '../nics.ts';
import type { DhcpClient, DhcpRunner } from './dhcp-runner.ts';
import { parseLease } from './lease-file.ts';
import type { LinuxResolver } from './resolver.ts';

/** Where the hook of dhcpcd leaves what it was told. */
export const leaseFolder = '/run/weir-dhcp';
const WATCH_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

interface Asking extends DhcpClient {
  lease: Lease | undefined;
  pauseMs: number;
  notBeforeMonoNs: bigint;
}

/**
 * Who asks for leases, and what they were lent. The clients are no part of this process: they go on when Weir ends, as
 * the box goes on forwarding, and the next Weir finds them. One that dies is started again.
 */
export class DhcpClients implements Closeable {
  /** A lease was got, changed or lost. */
  readonly changed: Signal<{ readonly device: string }>;
  readonly #runner: DhcpRunner;
  readonly #folder: string;
  readonly #resolver: LinuxResolver;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #clients = new Map<string, Asking>();
  #watching: FSWatcher | undefined;
  #checking: Disposable | undefined;
  #reading = Promise.resolve();
  #closed = false;

  constructor(options: {
    runner: DhcpRunner;
    /** Where the runner has its clients leave their leases. */
    folder: string;
    /** Gets the name servers of the leases. */
    resolver: LinuxResolver;
    clock: Clock;
    log: Log;
  }) {
    this.#runner = options.runner;
    this.#folder = options.folder;
    this.#resolver = options.resolver;
    this.#clock = options.clock;
    this.#log = options.log;
    this.changed = new Signal((error) =>
      options.log.error('lease listener failed', { error: describeError(error) }),
    );
  }

  /** Finds the clients that a Weir before this one has left running. */
  async open(): Promise<void> {
    // Not knowing them is no reason not to start: asking for one that runs is nothing.
    const left = await this.#runner.left().catch((error) => {
      this.#log.error('DHCP clients not found', { error: describeError(error) });
      return [];
    });
    for (const client of left) this.#clients.set(keyOf(client), asking(client));
    if (this.#clients.size > 0) await this.#begin();
  }

  /** What is to run, and, unless it has just died, runs. */
  get running(): readonly DhcpClient[] {
    return [...this.#clients.values()];
  }

  lease(device: string, family: DhcpFamily): Lease | undefined {
    return this.#clients.get(keyOf({ device, family }))?.lease;
  }

  /** @throws {WeirError} MISSING_PROGRAM */
  async start(device: string, family: DhcpFamily): Promise<void> {
    const client = { device, family };
    if (this.#clients.has(keyOf(client))) return;
    await this.#begin();
    await this.#runner.start(client);
    this.#clients.set(keyOf(client), asking(client));
  }

  /** Gives the lease back; the client takes its address and routes away. */
  async stop(device: string, family: DhcpFamily): Promise<void> {
    const client = { device, family };
    if (!this.#clients.delete(keyOf(client))) return;
    await this.#runner.stop(client);
    await this.#lendNameServers();
  }

  /** The cable was plugged in: is it still the network that the lease is of? */
  async linkBack(device: string): Promise<void> {
    for (const client of this.#clients.values()) {
      if (client.device !== device) continue;
      await this.#runner.rebind(client).catch((error) => {
        this.#log.warn('DHCP client not asked', { device, error: describeError(error) });
      });
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
      const { device, family } = client;
      const file = join(this.#folder, `${device}-${family}.lease`);
      const found = await stat(file).catch(() => undefined);
      const text = found && (await readFile(file, 'utf8').catch(() => ''));
      const lease = found && parseLease(text ?? '', family, Math.floor(found.mtimeMs));
      if (isDeepStrictEqual(lease, client.lease)) continue;
      if (lease?.address !== client.lease?.address) {
        this.#log.info(lease ? 'lease' : 'no lease', { device, family, address: lease?.address });
      }
      client.lease = lease;
      await this.#lendNameServers();
      this.changed.emit({ device });
    }
  }

  #lendNameServers(): Promise<void> {
    return this.#resolver.lend([...this.#clients.values()].flatMap(({ lease }) => lease?.nameServers ?? []));
  }

  /** One that has died is started again, at once, then after longer and longer pauses. */
  async #check(): Promise<void> {
    for (const client of this.#clients.values()) {
      if (this.#closed || this.#clock.monoNs() < client.notBeforeMonoNs) continue;
      if (await this.#runner.isRunning(client)) {
        client.pauseMs = 0;
        continue;
      }
      // Stopped, or asked for again, meanwhile.
      if (this.#clients.get(keyOf(client)) !== client || this.#closed) continue;
      const { device, family } = client;
      this.#log.warn('DHCP client started again', { device, family });
      client.pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(WATCH_MS, 2 * client.pauseMs));
      client.notBeforeMonoNs = this.#clock.monoNs() + BigInt(client.pauseMs) * 1_000_000n;
      await this.#runner.start(client).catch((error) => {
        this.#log.error('DHCP client not started', { device, family, error: describeError(error) });
      });
    }
  }
}

const asking = ({ device, family }: DhcpClient): Asking => ({
  device,
  family,
  lease: undefined,
  pauseMs: 0,
  notBeforeMonoNs: 0n,
});

const keyOf = ({ device, family }: DhcpClient): string => `${device} ${family}`;
