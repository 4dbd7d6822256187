import { realpath } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describeError, type Log, Signal, WeirError } from '#base';
import { formatIp, type IpBytes, isWithin, parseIp, parsePrefix } from '../ip-address.ts';
import {
  type Nic,
  type NicAddress,
  type NicConfig,
  type NicCounters,
  type NicPort,
  type NicRole,
  type Nics,
  nicRoles,
  type Route,
} from '../nics.ts';
import type { DhcpClients } from './dhcp-clients.ts';
import { isErrno } from './netlink.ts';
import { readNicHardware } from './nic-listing.ts';
import {
  asksDhcp,
  findNic,
  findVlan,
  isStacked,
  matchingNics,
  type NicCandidate,
  type NicState,
  type NicStep,
  planNic,
  planStrays,
  planVlan,
  vlanDevice,
} from './nic-plan.ts';
import { NicSteps } from './nic-steps.ts';
import { ipFamilies, readRoutes } from './route-listing.ts';
import { type KernelRoute, WEIR_PROTOCOL } from './route-messages.ts';
import type { NetworkNotice, Rtnetlink } from './rtnetlink.ts';
import type { InterfaceAddress, Link } from './rtnetlink-messages.ts';
import { SerialQueue } from './serial-queue.ts';

type NicConfigs = Readonly<Record<NicRole, NicConfig>>;

/**
 * Removing an IPv4 address takes secondary ones of its subnet with it where the kernel does not promote them: the state
 * is read again until nothing is left to do. A VLAN is made in one round and configured in the next.
 */
const ROUNDS = 6;
const SYSFS_NICS = '/sys/class/net';

/** The NICs of this machine, by rtnetlink. */
export class LinuxNics implements Nics {
  readonly changed: Signal<Nic>;
  readonly #network: Rtnetlink;
  readonly #dhcp: DhcpClients;
  readonly #steps: NicSteps;
  readonly #log: Log;
  readonly #queue = new SerialQueue();
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<string, InterfaceAddress>();
  /** MAC by ifindex and address. */
  readonly #neighbours = new Map<string, string>();
  /** The link a role has, by ifindex. It stays when the link has gone. */
  readonly #bound = new Map<NicRole, number>();
  readonly #nics = new Map<NicRole, Nic>();
  readonly #listening: Disposable[];
  /** Notices that came while everything was being read: they are newer than what was read. */
  #unread: NetworkNotice[] | undefined;
  #config: NicConfigs | undefined;
  #closing: Promise<void> | undefined;

  private constructor(network: Rtnetlink, dhcp: DhcpClients, log: Log) {
    this.#network = network;
    this.#dhcp = dhcp;
    this.#steps = new NicSteps({ network, dhcp, log });
    this.#log = log;
    this.changed = new Signal((error) => log.error('NIC listener failed', { error: describeError(error) }));
    this.#listening = [
      network.notice.on((notice) => this.#learn(notice)),
      network.resynced.on(() => this.#inBackground('read the NICs again', () => this.#readAll())),
      dhcp.changed.on(() => this.#refresh()),
    ];
  }

  static async open(network: Rtnetlink, dhcp: DhcpClients, log: Log): Promise<LinuxNics> {
    const nics = new LinuxNics(network, dhcp, log);
    await nics.#readAll();
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

  /** As it was before these steps: also where the configuration of then left the NICs as they were. */
  async #takeBack(steps: readonly NicStep[], before: NicConfigs | undefined): Promise<void> {
    for (const step of steps.toReversed()) await this.#steps.takeBack(step);
    this.#config = before;
    await this.#readAll();
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
    if (!bytes || !access || !this.#isAttached(access.ifindex, bytes)) return undefined;
    return this.#neighbours.get(neighbourKey(access.ifindex, formatIp(bytes)));
  }

  /** Without a router between: in a subnet of that link. */
  #isAttached(ifindex: number, bytes: IpBytes): boolean {
    return [...this.#addresses.values()].some((own) => own.ifindex === ifindex && isWithin(bytes, own));
  }

  async list(): Promise<readonly NicPort[]> {
    const candidates = (await this.#candidates()).filter(({ link }) => link.device !== 'lo');
    return Promise.all(
      candidates.map(async ({ link, path }) => {
        const { ifindex, device, mac, kind, up, linkUp, mtu } = link;
        const hardware = await readNicHardware(join(SYSFS_NICS, device));
        const role = nicRoles.find((one) => this.#bound.get(one) === ifindex);
        const addresses = this.#addressesOf(ifindex);
        return { device, mac, path, kind, up, linkUp, mtu, addresses, role, ...hardware };
      }),
    );
  }

  switchOn(): Promise<void> {
    return this.#queue.run(async () => {
      for (const link of [...this.#links.values()]) {
        if (!link.up && !isStacked(link)) await this.#network.setUp(link, true);
      }
    });
  }

  routes(): Promise<readonly Route[]> {
    return readRoutes(this.#network, (ifindex) => this.#links.get(ifindex)?.device);
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

  /** Brings the kernel to `config`; takes back what it did when a step fails. Returns the links of the roles, and what it did. */
  async #converge(
    config: NicConfigs,
    roles: readonly NicRole[],
  ): Promise<{ found: ReadonlyMap<NicRole, Link>; done: readonly NicStep[] }> {
    const done: NicStep[] = [];
    try {
      for (let round = 1; ; round += 1) {
        await this.#readAll();
        const { found, steps } = await this.#plan(config, roles);
        if (steps.length === 0) return { found, done };
        if (round > ROUNDS) throw notKept(steps);
        for (const step of steps) {
          done.push(step);
          await this.#steps.execute(step);
        }
      }
    } catch (error) {
      for (const step of done.toReversed()) await this.#steps.takeBack(step);
      await this.#readAll();
      throw error;
    }
  }

  /** What is left to do; `found` holds the roles whose link is there already. */
  async #plan(
    config: NicConfigs,
    roles: readonly NicRole[],
  ): Promise<{ found: ReadonlyMap<NicRole, Link>; steps: readonly NicStep[] }> {
    const state = await this.#state();
    const found = new Map<NicRole, Link>();
    const steps: NicStep[] = [];
    for (const [role, nic] of findLinks(config, roles, await this.#candidates())) {
      const { vlan, mtu } = config[role];
      const link =
        vlan === undefined ? nic : findVlan(this.#links.values(), nic, vlanDevice(role, vlan), vlan);
      if (link) found.set(role, link);
      steps.push(...(link ? planNic(link, state, config[role]) : planVlan(role, nic, vlan ?? 0, mtu)));
    }
    // The last: nothing is taken away before all else has gone well.
    if (found.size === nicRoles.length) {
      steps.push(...planStrays(this.#links.values(), [...found.values()], state));
    }
    return { found, steps };
  }

  async #state(): Promise<NicState> {
    const routes: KernelRoute[] = [];
    for (const family of ipFamilies())
      routes.push(...(await this.#network.mainRoutes(family, WEIR_PROTOCOL)));
    const dhcp = this.#dhcp.running;
    const leased = dhcp.flatMap(({ device, family }) => {
      const lease = this.#dhcp.lease(device, family);
      return lease ? [parsePrefix(lease.address).address] : [];
    });
    return { addresses: [...this.#addresses.values()], routes, dhcp, leased };
  }

  /** The links, each with its place in sysfs where that shows this network namespace. */
  #candidates(): Promise<readonly NicCandidate[]> {
    return Promise.all(
      [...this.#links.values()].map(async (link) => {
        const path = await realpath(join(SYSFS_NICS, link.device)).catch(() => undefined);
        return { link, path: path?.replace(/^\/sys/, '') };
      }),
    );
  }

  async #readAll(): Promise<void> {
    const unread: NetworkNotice[] = [];
    this.#unread = unread;
    try {
      const links = await this.#network.links();
      const addresses = await this.#network.addresses();
      const neighbours = await this.#network.neighbours();
      this.#links.clear();
      this.#addresses.clear();
      this.#neighbours.clear();
      for (const link of links) this.#store({ kind: 'link', link, gone: false });
      for (const address of addresses) this.#store({ kind: 'address', address, gone: false });
      for (const neighbour of neighbours) this.#store({ kind: 'neighbour', neighbour });
    } finally {
      this.#unread = undefined;
      for (const notice of unread) this.#store(notice);
      this.#refresh();
    }
  }

  #learn(notice: NetworkNotice): void {
    if (this.#unread) {
      this.#unread.push(notice);
      return;
    }
    const wasUp = notice.kind === 'link' && this.#links.get(notice.link.ifindex)?.up;
    this.#store(notice);
    if (notice.kind !== 'link' && notice.kind !== 'address') return;
    this.#refresh();
    const isBound = notice.kind === 'link' && [...this.#bound.values()].includes(notice.link.ifindex);
    if (isBound && !notice.gone && notice.link.up && wasUp === false) {
      // Switched off, the kernel forgets the routes of a NIC and its IPv6 addresses.
      this.#inBackground('configure the NIC again', () => this.#configureAgain());
    }
    const lost = nicRoles.some(
      (role) => this.#bound.has(role) && !this.#links.has(this.#bound.get(role) ?? 0),
    );
    if (lost && notice.kind === 'link' && !notice.gone) {
      this.#inBackground('bind the NIC again', () => this.#rebind());
    }
  }

  #store(notice: NetworkNotice): void {
    if (notice.kind === 'link') {
      if (notice.gone) this.#links.delete(notice.link.ifindex);
      else this.#links.set(notice.link.ifindex, notice.link);
    } else if (notice.kind === 'address') {
      const key = `${notice.address.ifindex} ${notice.address.address}/${notice.address.prefixLength}`;
      if (notice.gone) this.#addresses.delete(key);
      else this.#addresses.set(key, notice.address);
    } else if (notice.kind === 'neighbour') {
      const { ifindex, address, mac } = notice.neighbour;
      if (mac === undefined) this.#neighbours.delete(neighbourKey(ifindex, address));
      else this.#neighbours.set(neighbourKey(ifindex, address), mac);
    }
  }

  /** Gives a role whose link has gone the one that now is as configured, and configures it. */
  async #rebind(): Promise<void> {
    const config = this.#config;
    if (!config || this.#closing) return;
    await this.#readAll();
    const candidates = await this.#candidates();
    const roles = nicRoles.filter(
      (role) =>
        !this.#links.has(this.#bound.get(role) ?? 0) && matchingNics(config[role], candidates).length === 1,
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
      nicRoles.filter((role) => this.#links.has(this.#bound.get(role) ?? 0)),
    );
  }

  #bind(links: ReadonlyMap<NicRole, Link>): void {
    for (const [role, { ifindex }] of links) this.#bound.set(role, ifindex);
    this.#refresh();
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
  }

  #nicOf(role: NicRole, ifindex: number): Nic | undefined {
    const link = this.#links.get(ifindex);
    if (!link) return undefined;
    const { device, mac, mtu, linkUp } = link;
    const config = this.#config?.[role];
    const dhcp = ([4, 6] as const)
      .filter((family) => config && asksDhcp(config, family))
      .map((family) => ({ family, lease: this.#dhcp.lease(device, family) }));
    return { role, device, ifindex, mac, mtu, linkUp, addresses: this.#addressesOf(ifindex), dhcp };
  }

  /** IPv4 first; in an order that does not depend on whether they were read or told one by one. */
  #addressesOf(ifindex: number): readonly NicAddress[] {
    return [...this.#addresses.values()]
      .filter((address) => address.ifindex === ifindex)
      .sort((a, b) => Number(isIPv6(a.address)) - Number(isIPv6(b.address)) || compare(a.address, b.address))
      .map(({ address, prefixLength, duplicate }) => ({
        address,
        prefixLength,
        ...(duplicate && ({ duplicate } as const)),
      }));
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    this.#queue.run(work).catch((error) => {
      if (!this.#closing) this.#log.error(`could not ${what}`, { error: describeError(error) });
    });
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const neighbourKey = (ifindex: number, address: string): string => `${ifindex} ${address}`;

function findLinks(
  config: NicConfigs,
  roles: readonly NicRole[],
  candidates: readonly NicCandidate[],
): ReadonlyMap<NicRole, Link> {
  const found = new Map(roles.map((role) => [role, findNic(role, config[role], candidates).link]));
  const { wan, access } = { wan: found.get('wan'), access: found.get('access') };
  // Two VLANs of one NIC are two NICs.
  if (wan && wan.ifindex === access?.ifindex && config.wan.vlan === config.access.vlan) {
    throw new WeirError('CONFIG_BAD_VALUE', `interfaces.wan and interfaces.access are both ${wan.device}`, {
      advice: 'give each role a NIC of its own',
    });
  }
  return found;
}

const notKept = (steps: readonly NicStep[]): WeirError =>
  new WeirError('NETLINK_FAILED', 'the NICs do not keep their configuration', {
    fields: { left: steps.map((step) => `${step.kind} on ${step.link.device}`).join(', ') },
    advice: 'look for another program that configures them',
  });
