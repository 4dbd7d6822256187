import { isDeepStrictEqual } from 'node:util';
import { Signal, WeirError } from '#base';
import {
  AF_INET,
  AF_INET6,
  canonicalIp,
  formatIp,
  type IpPrefix,
  networkOf,
  parseIp,
  parsePrefix,
} from '../ip-address.ts';
import {
  asksDhcp,
  findNic,
  isSameNic,
  type NicCandidate,
  type NicState,
  planNic,
  vlanDevice,
} from '../linux/nic-plan.ts';
import type { KernelRoute, WantedRoute } from '../linux/route-messages.ts';
import { WEIR_PROTOCOL } from '../linux/route-messages.ts';
import type { InterfaceAddress, Link } from '../linux/rtnetlink-messages.ts';
import {
  type DhcpFamily,
  type Lease,
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
import { alreadyClosed, raise } from './sim.ts';

export interface SimNicSpec {
  readonly device: string;
  readonly mac: string;
  readonly path?: string;
  readonly mtu?: number;
  readonly addresses?: readonly string[];
}

interface SimDevice {
  readonly ifindex: number;
  readonly device: string;
  readonly mac: string;
  readonly path: string | undefined;
  mtu: number;
  up: boolean;
  carrier: boolean;
  addresses: readonly NicAddress[];
  counters: NicCounters;
  routes: readonly WantedRoute[];
  /** Clients that ask, with what they were lent. */
  readonly dhcp: Map<DhcpFamily, Lease | undefined>;
  /** Of a VLAN: the NIC it is of. */
  readonly parent?: SimDevice;
  readonly vlan?: number;
}

const idle: NicCounters = {
  rxBytes: 0n,
  rxPackets: 0n,
  txBytes: 0n,
  txPackets: 0n,
  rxDropped: 0n,
  txDropped: 0n,
};
/** What an Ethernet driver takes; the real ones refuse more as well. */
const LARGEST_MTU = 9216;

/** NICs in memory, with everything that others do to a machine: cables pulled, NICs taken out, viewers met. */
export class SimNics implements Nics {
  readonly changed = new Signal<Nic>(raise);
  readonly #devices = new Map<number, SimDevice>();
  readonly #bound = new Map<NicRole, number>();
  readonly #told = new Map<NicRole, Nic>();
  readonly #neighbours = new Map<string, string>();
  #config: Readonly<Record<NicRole, NicConfig>> | undefined;
  #failure: WeirError | undefined;
  #nextIndex = 2;
  #makesVlans = true;
  #closed = false;

  constructor(nics: readonly SimNicSpec[]) {
    for (const nic of nics) this.add(nic);
  }

  async apply(config: Readonly<Record<NicRole, NicConfig>>): Promise<() => Promise<void>> {
    if (this.#closed) throw alreadyClosed('NICs');
    for (const role of nicRoles) config[role].addresses.forEach(parsePrefix);
    const ports = this.#ports(config);
    const failure = this.#failure ?? tooLarge(config);
    this.#failure = undefined;
    if (failure) throw failure;
    const takeBack = this.#remember();
    const wan = this.#vlan('wan', ports.wan, config.wan);
    const access = this.#vlan('access', ports.access, config.access);
    this.#configure(wan, config.wan);
    this.#configure(access, config.access);
    for (const [ifindex, { vlan }] of this.#devices) {
      if (vlan !== undefined && ifindex !== wan.ifindex && ifindex !== access.ifindex)
        this.#devices.delete(ifindex);
    }
    this.#config = config;
    this.#bound.set('wan', wan.ifindex).set('access', access.ifindex);
    this.#refresh();
    return takeBack;
  }

  async check(config: Readonly<Record<NicRole, NicConfig>>): Promise<void> {
    if (nicRoles.every((role) => isSameNic(config[role], this.#config?.[role]))) return;
    this.#ports(config);
    if (this.#makesVlans || nicRoles.every((role) => config[role].vlan === undefined)) return;
    throw new WeirError('NETLINK_FAILED', 'this kernel makes no VLANs');
  }

  #ports(config: Readonly<Record<NicRole, NicConfig>>): Readonly<Record<NicRole, SimDevice>> {
    const ports = { wan: this.#find('wan', config.wan), access: this.#find('access', config.access) };
    if (ports.wan === ports.access && config.wan.vlan === config.access.vlan) {
      const { device } = ports.wan;
      throw new WeirError('CONFIG_BAD_VALUE', `interfaces.wan and interfaces.access are both ${device}`);
    }
    return ports;
  }

  /** What a configuration changes, as it is now; what is returned puts it back. */
  #remember(): () => Promise<void> {
    const config = this.#config;
    const bound = new Map(this.#bound);
    const devices = new Map(this.#devices);
    const were = [...devices.values()].map((device) => {
      const { mtu, up, addresses, routes } = device;
      return { device, was: { mtu, up, addresses, routes }, dhcp: new Map(device.dhcp) };
    });
    return async () => {
      this.#config = config;
      for (const { device, was, dhcp } of were) {
        Object.assign(device, was);
        device.dhcp.clear();
        for (const [family, lease] of dhcp) device.dhcp.set(family, lease);
      }
      for (const ifindex of this.#devices.keys()) if (!devices.has(ifindex)) this.#devices.delete(ifindex);
      for (const [ifindex, device] of devices) this.#devices.set(ifindex, device);
      for (const [role, ifindex] of bound) this.#bound.set(role, ifindex);
      this.#refresh();
    };
  }

  get(role: NicRole): Nic {
    const nic = this.#told.get(role);
    if (!nic) throw new WeirError('NIC_MISSING', `no NIC is bound to ${role} yet`, { fields: { role } });
    return nic;
  }

  async counters(role: NicRole): Promise<NicCounters> {
    const { ifindex, device } = this.get(role);
    const found = this.#devices.get(ifindex);
    if (!found) throw new WeirError('NIC_MISSING', `${device} has gone`, { fields: { role } });
    return found.counters;
  }

  macOf(address: string): string | undefined {
    const bytes = parseIp(address);
    return bytes && this.#neighbours.get(formatIp(bytes));
  }

  async list(): Promise<readonly NicPort[]> {
    return [...this.#devices.values()].map(
      ({ ifindex, device, mac, path, mtu, up, carrier, addresses, vlan }) => ({
        device,
        mac,
        path,
        kind: vlan === undefined ? undefined : 'vlan',
        driver: 'simulated',
        up,
        linkUp: up && carrier,
        speedMbps: up && carrier ? 1000 : undefined,
        fullDuplex: up && carrier ? true : undefined,
        mtu,
        addresses,
        role: nicRoles.find((role) => this.#bound.get(role) === ifindex),
      }),
    );
  }

  async switchOn(): Promise<void> {
    for (const device of this.#devices.values()) device.up = true;
    this.#refresh();
  }

  async routes(): Promise<readonly Route[]> {
    return [...this.#devices.values()]
      .filter(({ up }) => up)
      .flatMap(({ device, addresses, routes }) => [
        ...addresses.map((prefix) => ({
          destination: networkOf(prefix),
          via: undefined,
          device,
          protocol: 'kernel',
          metric: undefined,
          action: 'forward' as const,
        })),
        ...routes.map(({ destination, via }) => ({
          destination: networkOf(destination),
          via,
          device,
          protocol: 'weir',
          metric: undefined,
          action: 'forward' as const,
        })),
      ]);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Puts a NIC into the machine; a role that had lost the same one gets it. */
  add(nic: SimNicSpec): void {
    const ifindex = this.#nextIndex;
    this.#nextIndex += 1;
    this.#devices.set(ifindex, {
      ifindex,
      device: nic.device,
      mac: nic.mac,
      path: nic.path,
      mtu: nic.mtu ?? 1500,
      up: false,
      carrier: true,
      addresses: (nic.addresses ?? []).map(parsePrefix),
      counters: idle,
      routes: [],
      dhcp: new Map(),
    });
    for (const role of nicRoles) this.#rebind(role);
    this.#refresh();
  }

  /** Takes a NIC out of the machine. */
  remove(device: string): void {
    const found = this.#named(device);
    for (const [ifindex, { parent }] of this.#devices) if (parent === found) this.#devices.delete(ifindex);
    this.#devices.delete(found.ifindex);
    this.#refresh();
  }

  /** Plugs a cable in, or pulls it. */
  setCarrier(device: string, carrier: boolean): void {
    this.#named(device).carrier = carrier;
    this.#refresh();
  }

  switchOff(device: string): void {
    this.#named(device).up = false;
    this.#refresh();
  }

  /** The addresses somebody else gives the NIC instead of those it has. */
  setAddresses(device: string, addresses: readonly string[]): void {
    this.#named(device).addresses = addresses.map(parsePrefix);
    this.#refresh();
  }

  /** A DHCP server lends the NIC an address, or another one than before; undefined: it takes it back. */
  lend(device: string, family: DhcpFamily, lease: Lease | undefined): void {
    const found = this.#named(device);
    if (!found.dhcp.has(family)) throw new Error(`${device} does not ask for a lease`);
    this.#takeLease(found, family);
    found.dhcp.set(family, lease);
    if (lease) found.addresses = [...found.addresses, parsePrefix(lease.address)];
    this.#refresh();
  }

  setCounters(device: string, counters: Partial<NicCounters>): void {
    const found = this.#named(device);
    found.counters = { ...found.counters, ...counters };
  }

  /** The neighbour table learns a viewer, or forgets it. */
  meet(address: string, mac: string | undefined): void {
    if (mac === undefined) this.#neighbours.delete(canonicalIp(address));
    else this.#neighbours.set(canonicalIp(address), mac);
  }

  has(device: string): boolean {
    return [...this.#devices.values()].some((one) => one.device === device);
  }

  /** What the machine itself says of a NIC. */
  inspect(device: string): {
    readonly mtu: number;
    readonly up: boolean;
    readonly addresses: readonly string[];
  } {
    const { mtu, up, addresses } = this.#named(device);
    return { mtu, up, addresses: addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`) };
  }

  /** The machine's kernel has no 802.1Q. */
  refuseVlans(): void {
    this.#makesVlans = false;
  }

  /** The next `apply` that would change something rejects with this error, everything left as it was. */
  failNext(error: WeirError): void {
    this.#failure = error;
  }

  #named(device: string): SimDevice {
    const found = [...this.#devices.values()].find((one) => one.device === device);
    if (!found) throw new Error(`the simulated machine has no NIC ${device}`);
    return found;
  }

  #find(role: NicRole, config: NicConfig): SimDevice {
    const candidates = [...this.#devices.values()].map(candidateOf);
    return this.#named(findNic(role, config, candidates).link.device);
  }

  /** The device of a role: the NIC, or a VLAN of it, which is made when it is not there. */
  #vlan(role: NicRole, port: SimDevice, { vlan }: NicConfig): SimDevice {
    if (vlan === undefined) return port;
    const device = vlanDevice(role, vlan);
    const found = [...this.#devices.values()].find((one) => one.device === device && one.parent === port);
    if (found) return found;
    port.up = true;
    const { mac, mtu } = port;
    const ifindex = this.#nextIndex;
    this.#nextIndex += 1;
    const about = { up: false, carrier: true, addresses: [], counters: idle, routes: [], path: undefined };
    const made: SimDevice = { ...about, ifindex, device, mac, mtu, dhcp: new Map(), parent: port, vlan };
    this.#devices.set(ifindex, made);
    return made;
  }

  #configure(found: SimDevice, config: NicConfig): void {
    for (const step of planNic(linkOf(found), stateOf(found), config)) {
      switch (step.kind) {
        case 'mtu':
          found.mtu = step.mtu;
          break;
        case 'up':
          found.up = true;
          break;
        case 'add-address':
          found.addresses = [...found.addresses, step.prefix];
          break;
        case 'remove-address':
          found.addresses = found.addresses.filter((one) => !isDeepStrictEqual(one, prefixOf(step.address)));
          break;
        case 'set-route':
          found.routes = [
            ...found.routes.filter(
              ({ destination }) => !isDeepStrictEqual(destination, step.route.destination),
            ),
            step.route,
          ];
          break;
        case 'remove-route':
          found.routes = found.routes.filter(
            ({ destination }) => !isDeepStrictEqual(destination, step.route.destination),
          );
          break;
        case 'start-dhcp':
          found.dhcp.set(step.family, undefined);
          break;
        case 'stop-dhcp':
          this.#takeLease(found, step.family);
          found.dhcp.delete(step.family);
          break;
      }
    }
  }

  #takeLease(found: SimDevice, family: DhcpFamily): void {
    const lease = found.dhcp.get(family);
    if (!lease) return;
    const { address } = parsePrefix(lease.address);
    found.addresses = found.addresses.filter((one) => one.address !== address);
    found.dhcp.set(family, undefined);
  }

  #rebind(role: NicRole): void {
    const config = this.#config;
    if (!config || this.#devices.has(this.#bound.get(role) ?? 0)) return;
    try {
      const found = this.#vlan(role, this.#find(role, config[role]), config[role]);
      this.#configure(found, config[role]);
      this.#bound.set(role, found.ifindex);
    } catch {
      // Still missing: the NIC that came is another one.
    }
  }

  #refresh(): void {
    for (const [role, ifindex] of this.#bound) {
      const before = this.#told.get(role);
      const found = this.#devices.get(ifindex);
      const now = found
        ? nicOf(role, found, this.#config?.[role])
        : before && { ...before, linkUp: false, addresses: [] };
      if (!now || isDeepStrictEqual(now, before)) continue;
      this.#told.set(role, now);
      if (before) this.changed.emit(now);
    }
  }
}

function tooLarge(config: Readonly<Record<NicRole, NicConfig>>): WeirError | undefined {
  const role = nicRoles.find((one) => (config[one].mtu ?? 0) > LARGEST_MTU);
  if (!role) return undefined;
  return new WeirError('NETLINK_FAILED', `the MTU of ${role} is greater than the device's maximum`, {
    fields: { errno: 'EINVAL' },
  });
}

const prefixOf = ({ address, prefixLength }: IpPrefix): IpPrefix => ({ address, prefixLength });

const linkOf = ({ ifindex, device, mac, mtu, up, carrier, parent, vlan }: SimDevice): Link => ({
  parent: parent?.ifindex,
  vlan,
  alias: undefined,
  ifindex,
  device,
  mac,
  permanentMac: mac,
  mtu,
  up,
  linkUp: up && carrier,
  kind: vlan === undefined ? undefined : 'vlan',
});

const candidateOf = (device: SimDevice): NicCandidate => ({ link: linkOf(device), path: device.path });

const addressOf =
  ({ ifindex }: SimDevice) =>
  ({ address, prefixLength }: NicAddress): InterfaceAddress => ({
    ifindex,
    address,
    prefixLength,
    autoconfigured: false,
    permanent: true,
    duplicate: false,
    payload: Buffer.alloc(0),
  });

const stateOf = (found: SimDevice): NicState => ({
  addresses: found.addresses.map(addressOf(found)),
  routes: found.routes.map(
    ({ destination, via }): KernelRoute => ({
      family: destination.address.includes(':') ? AF_INET6 : AF_INET,
      destination: destination.address,
      prefixLength: destination.prefixLength,
      gateway: via,
      ifindex: found.ifindex,
      protocol: WEIR_PROTOCOL,
      metric: undefined,
      discards: false,
    }),
  ),
  dhcp: [...found.dhcp.keys()].map((family) => ({ device: found.device, family })),
  leased: [...found.dhcp.values()].flatMap((lease) => (lease ? [parsePrefix(lease.address).address] : [])),
});

function nicOf(role: NicRole, found: SimDevice, config: NicConfig | undefined): Nic {
  const { device, ifindex, mac, mtu, up, carrier, addresses } = found;
  const dhcp = ([4, 6] as const)
    .filter((family) => config && asksDhcp(config, family))
    .map((family) => ({ family, lease: found.dhcp.get(family) }));
  return { role, device, ifindex, mac, mtu, linkUp: up && carrier, addresses, dhcp };
}
