import { isDeepStrictEqual } from 'node:util';
import { Signal, WeirError } from '#base';
import { canonicalIp, formatIp, networkOf, parseIp, parsePrefix } from '../ip-address.ts';
import { findNic, type NicCandidate, planNic } from '../linux/nic-plan.ts';
import type { InterfaceAddress, Link } from '../linux/rtnetlink-messages.ts';
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
  #closed = false;

  constructor(nics: readonly SimNicSpec[]) {
    for (const nic of nics) this.add(nic);
  }

  async apply(config: Readonly<Record<NicRole, NicConfig>>): Promise<void> {
    if (this.#closed) throw alreadyClosed('NICs');
    for (const role of nicRoles) config[role].addresses.forEach(parsePrefix);
    const wan = this.#find('wan', config.wan);
    const access = this.#find('access', config.access);
    if (wan === access) {
      throw new WeirError('CONFIG_BAD_VALUE', `interfaces.wan and interfaces.access are both ${wan.device}`);
    }
    const failure = this.#failure ?? tooLarge(config);
    this.#failure = undefined;
    if (failure) throw failure;
    this.#configure(wan, config.wan);
    this.#configure(access, config.access);
    this.#config = config;
    this.#bound.set('wan', wan.ifindex).set('access', access.ifindex);
    this.#refresh();
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
    return [...this.#devices.values()].map(({ ifindex, device, mac, path, mtu, up, carrier, addresses }) => ({
      device,
      mac,
      path,
      kind: undefined,
      driver: 'simulated',
      up,
      linkUp: up && carrier,
      speedMbps: up && carrier ? 1000 : undefined,
      fullDuplex: up && carrier ? true : undefined,
      mtu,
      addresses,
      role: nicRoles.find((role) => this.#bound.get(role) === ifindex),
    }));
  }

  async routes(): Promise<readonly Route[]> {
    return [...this.#devices.values()]
      .filter(({ up }) => up)
      .flatMap(({ device, addresses }) =>
        addresses.map((prefix) => ({
          destination: networkOf(prefix),
          via: undefined,
          device,
          protocol: 'kernel',
          metric: undefined,
          action: 'forward' as const,
        })),
      );
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
    });
    for (const role of nicRoles) this.#rebind(role);
    this.#refresh();
  }

  /** Takes a NIC out of the machine. */
  remove(device: string): void {
    this.#devices.delete(this.#named(device).ifindex);
    this.#refresh();
  }

  /** Plugs a cable in, or pulls it. */
  setCarrier(device: string, carrier: boolean): void {
    this.#named(device).carrier = carrier;
    this.#refresh();
  }

  /** The addresses somebody else gives the NIC instead of those it has. */
  setAddresses(device: string, addresses: readonly string[]): void {
    this.#named(device).addresses = addresses.map(parsePrefix);
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

  #configure(found: SimDevice, config: NicConfig): void {
    for (const step of planNic(linkOf(found), found.addresses.map(addressOf(found)), config)) {
      if (step.kind === 'mtu') found.mtu = step.mtu;
      else if (step.kind === 'up') found.up = true;
      else if (step.kind === 'add-address') found.addresses = [...found.addresses, step.prefix];
      else found.addresses = found.addresses.filter((one) => !isDeepStrictEqual(one, prefixOf(step.address)));
    }
  }

  #rebind(role: NicRole): void {
    const config = this.#config;
    if (!config || this.#devices.has(this.#bound.get(role) ?? 0)) return;
    try {
      const found = this.#find(role, config[role]);
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
      const now = found ? nicOf(role, found) : before && { ...before, linkUp: false, addresses: [] };
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

const prefixOf = ({ address, prefixLength }: NicAddress): NicAddress => ({ address, prefixLength });

const linkOf = ({ ifindex, device, mac, mtu, up, carrier }: SimDevice): Link => ({
  ifindex,
  device,
  mac,
  permanentMac: mac,
  mtu,
  up,
  linkUp: up && carrier,
  kind: undefined,
});

const candidateOf = (device: SimDevice): NicCandidate => ({ link: linkOf(device), path: device.path });

const addressOf =
  ({ ifindex }: SimDevice) =>
  ({ address, prefixLength }: NicAddress): InterfaceAddress => ({
    ifindex,
    address,
    prefixLength,
    autoconfigured: false,
    payload: Buffer.alloc(0),
  });

const nicOf = (role: NicRole, { ifindex, device, mac, mtu, up, carrier, addresses }: SimDevice): Nic => ({
  role,
  device,
  ifindex,
  mac,
  mtu,
  linkUp: up && carrier,
  addresses,
});
