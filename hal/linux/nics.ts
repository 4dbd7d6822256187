import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describeError, type Log, Signal, WeirError } from '#base';
import { parseIp, parsePrefix } from '../ip-address.ts';
import {
  type Nic,
  type NicAddress,
  type NicCounters,
  type NicPort,
  type NicRole,
  type Nics,
  nicRoles,
  type Route,
} from '../nics.ts';
import type { DhcpClients } from './dhcp-clients.ts';
import type { DuplicateWatch } from './duplicate-watch.ts';
import { KnownNetwork } from './known-network.ts';
import { isErrno } from './netlink.ts';
import { findLinks, type NicConfigs, NicConvergence } from './nic-convergence.ts';
import { readNicHardware, SYSFS_NICS } from './nic-listing.ts';
import { asksDhcp, isSameNic, isStacked, matchingNics, type NicStep } from './nic-plan.ts';
import { readRoutes } from './route-listing.ts';
import type { NetworkNotice, Rtnetlink } from './rtnetlink.ts';
import type { Link } from './rtnetlink-messages.ts';
import { SerialQueue } from './serial-queue.ts';

interface NicsParts {
  readonly network: Rtnetlink;
  readonly dhcp: DhcpClients;
  readonly duplicates: DuplicateWatch;
  readonly log: Log;
}

/** The NICs of this machine, by rtnetlink. */
export class LinuxNics implements Nics {
  readonly changed: Signal<Nic>;
  readonly #network: Rtnetlink;
  readonly #known: KnownNetwork;
  readonly #convergence: NicConvergence;
  readonly #dhcp: DhcpClients;
  readonly #duplicates: DuplicateWatch;
  readonly #log: Log;
  readonly #queue = new SerialQueue();
  /** The link a role has, by ifindex. It stays when the link has gone. */
  readonly #bound = new Map<NicRole, number>();
  readonly #nics = new Map<NicRole, Nic>();
  readonly #listening: Disposable[];
  #config: NicConfigs | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ network, dhcp, duplicates, log }: NicsParts) {
    this.#network = network;
    this.#known = new KnownNetwork(network);
    this.#convergence = new NicConvergence({ network, known: this.#known, dhcp, log });
    this.#dhcp = dhcp;
    this.#duplicates = duplicates;
    this.#log = log;
    this.changed = new Signal((error) => log.error('NIC listener failed', { error: describeError(error) }));
    this.#listening = [
      network.notice.on((notice) => this.#learn(notice)),
      network.resynced.on(() => this.#inBackground('read the NICs again', () => this.#read())),
      dhcp.changed.on(() => this.#refresh()),
      duplicates.changed.on(() => this.#refresh()),
    ];
  }

  static async open(parts: NicsParts): Promise<LinuxNics> {
    const nics = new LinuxNics(parts);
    await nics.#read();
    return nics;
  }

  apply(config: NicConfigs): Promise<() => Promise<void>> {
    return this.#queue.run(async () => {
      if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the NICs are closed');
      for (const role of nicRoles) {
        config[role].addresses.forEach(parsePrefix);
        config[role].routes?.forEach(({ prefix }) => void parsePrefix(prefix));
      }
      const before = this.#config;
      const { found, done } = await this.#converge(config, nicRoles);
      this.#config = config;
      this.#bind(found);
      return () => this.#queue.run(() => this.#takeBack(done, before));
    });
  }

  check(config: NicConfigs): Promise<void> {
    return this.#queue.run(async () => {
      const anew = nicRoles.filter((role) => !isSameNic(config[role], this.#config?.[role]));
      if (anew.length === 0) return;
      await this.#read();
      // Also one that stays, for it may be the same NIC.
      await this.#convergence.check(
        config,
        nicRoles.filter((role) => anew.includes(role) || this.#hasLink(role)),
      );
    });
  }

  /** As it was before these steps: also where the configuration of then left the NICs as they were. */
  async #takeBack(steps: readonly NicStep[], before: NicConfigs | undefined): Promise<void> {
    await this.#convergence.takeBack(steps);
    this.#config = before;
    this.#refresh();
    if (before) this.#bind((await this.#converge(before, nicRoles)).found);
  }

  get(role: NicRole): Nic {
    const nic = this.#nics.get(role);
    if (!nic) throw new WeirError('NIC_MISSING', `no NIC is bound to ${role} yet`, { fields: { role } });
    return nic;
  }

  async counters(role: NicRole): Promise<NicCounters> {
    const { device, ifindex } = this.get(role);
    const read = await this.#network.statistics(ifindex).catch((cause) => {
      if (!isErrno(cause, 'ENODEV')) throw cause;
      throw new WeirError('NIC_MISSING', `${device} has gone`, { fields: { role }, cause });
    });
    const [rxPackets = 0n, txPackets = 0n, rxBytes = 0n, txBytes = 0n, , , rxDropped = 0n, txDropped = 0n] =
      read;
    return { rxBytes, rxPackets, txBytes, txPackets, rxDropped, txDropped };
  }

  macOf(address: string): string | undefined {
    const bytes = parseIp(address);
    const access = this.#nics.get('access');
    // A router may ask for the box's address in the name of who is behind it: the kernel remembers that as a neighbour.
    if (!bytes || !access || !this.#known.isAttached(access.ifindex, bytes)) return undefined;
    return this.#known.neighbour(access.ifindex, bytes);
  }

  async list(): Promise<readonly NicPort[]> {
    const candidates = (await this.#convergence.candidates()).filter(({ link }) => link.device !== 'lo');
    return Promise.all(
      candidates.map(async ({ link, path }) => {
        const { ifindex, device, mac, kind, up, linkUp, mtu } = link;
        const hardware = await readNicHardware(join(SYSFS_NICS, device));
        const role = nicRoles.find((one) => this.#bound.get(one) === ifindex);
        const addresses = this.#addressesOf(link);
        return { device, mac, path, kind, up, linkUp, mtu, addresses, role, ...hardware };
      }),
    );
  }

  switchOn(): Promise<void> {
    return this.#queue.run(async () => {
      for (const link of this.#known.links) {
        if (!link.up && !isStacked(link)) await this.#network.setUp(link, true);
      }
    });
  }

  routes(): Promise<readonly Route[]> {
    return readRoutes(this.#network, (ifindex) => this.#known.link(ifindex)?.device);
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.run(async () => {
      for (const handle of this.#listening) handle[Symbol.dispose]();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What was read on the way counts whether it went well or not. */
  #converge(config: NicConfigs, roles: readonly NicRole[]) {
    return this.#convergence.converge(config, roles).finally(() => this.#refresh());
  }

  #read(): Promise<void> {
    return this.#known.read().finally(() => this.#refresh());
  }

  #learn(notice: NetworkNotice): void {
    const wasUp = notice.kind === 'link' && this.#known.link(notice.link.ifindex)?.up;
    if (!this.#known.learn(notice) || (notice.kind !== 'link' && notice.kind !== 'address')) return;
    this.#refresh();
    const isBound = notice.kind === 'link' && [...this.#bound.values()].includes(notice.link.ifindex);
    if (isBound && !notice.gone && notice.link.up && wasUp === false) {
      // Switched off, the kernel forgets the routes of a NIC and its IPv6 addresses.
      this.#inBackground('configure the NIC again', () => this.#configureAgain());
    }
    const lost = nicRoles.some((role) => this.#bound.has(role) && !this.#hasLink(role));
    if (lost && notice.kind === 'link' && !notice.gone) {
      this.#inBackground('bind the NIC again', () => this.#rebind());
    }
  }

  #hasLink(role: NicRole): boolean {
    return this.#known.link(this.#bound.get(role) ?? 0) !== undefined;
  }

  /** Gives a role whose link has gone the one that now is as configured, and configures it. */
  async #rebind(): Promise<void> {
    const config = this.#config;
    if (!config || this.#closing) return;
    await this.#read();
    const candidates = await this.#convergence.candidates();
    const roles = nicRoles.filter(
      (role) => !this.#hasLink(role) && matchingNics(config[role], candidates).length === 1,
    );
    if (roles.length === 0) return;
    // Bound first: a configuration that fails is reported once, not again with every notice it causes.
    const whole = roles.filter((role) => config[role].vlan === undefined);
    this.#bind(findLinks(config, whole, candidates));
    this.#bind((await this.#converge(config, roles)).found);
    for (const role of roles) this.#log.info('NIC bound again', { role, device: this.get(role).device });
  }

  async #configureAgain(): Promise<void> {
    const config = this.#config;
    if (!config || this.#closing) return;
    await this.#converge(
      config,
      nicRoles.filter((role) => this.#hasLink(role)),
    );
  }

  #bind(links: ReadonlyMap<NicRole, Link>): void {
    for (const [role, { ifindex }] of links) this.#bound.set(role, ifindex);
    this.#refresh();
  }

  /** An address that DHCP brought is looked after by the client that did. */
  #watchDuplicates(): void {
    const own = [...this.#nics.values()].flatMap(({ device, linkUp, addresses }) => {
      const leased = this.#dhcp.lease(device, 4);
      const other = addresses.filter(({ address }) => !leased?.address.startsWith(`${address}/`));
      return linkUp ? other.map(({ address }) => ({ device, address })) : [];
    });
    this.#duplicates.watch(own);
  }

  /** Compares the bound NICs with what was told of them, and tells what has changed. */
  #refresh(): void {
    for (const [role, ifindex] of this.#bound) {
      const before = this.#nics.get(role);
      const now = this.#nicOf(role, ifindex) ?? (before && { ...before, linkUp: false, addresses: [] });
      if (!now || isDeepStrictEqual(before, now)) continue;
      this.#nics.set(role, now);
      if (before && now.linkUp && !before.linkUp) void this.#dhcp.linkBack(now.device);
      if (before) this.changed.emit(now);
    }
    this.#watchDuplicates();
  }

  #addressesOf({ ifindex, device }: Link): readonly NicAddress[] {
    return this.#known.addressesOf(ifindex).map((known) => {
      const holder = this.#duplicates.holderOf({ device, address: known.address });
      return holder === undefined ? known : { ...known, duplicate: true, holder };
    });
  }

  #nicOf(role: NicRole, ifindex: number): Nic | undefined {
    const link = this.#known.link(ifindex);
    if (!link) return undefined;
    const { device, mac, mtu, linkUp } = link;
    const config = this.#config?.[role];
    const dhcp = ([4, 6] as const)
      .filter((family) => config && asksDhcp(config, family))
      .map((family) => ({ family, lease: this.#dhcp.lease(device, family) }));
    return { role, device, ifindex, mac, mtu, linkUp, addresses: this.#addressesOf(link), dhcp };
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    this.#queue.run(work).catch((error) => {
      if (!this.#closing) this.#log.error(`could not ${what}`, { error: describeError(error) });
    });
  }
}
