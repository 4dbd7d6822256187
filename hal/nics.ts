import type { Closeable, Signal } from '#base';

export const nicRoles = ['wan', 'access'] as const;
/** `wan`: toward the IP network (origins). `access`: toward the viewers. */
export type NicRole = (typeof nicRoles)[number];

/** How a role finds its NIC: by device name, or by what does not change when names do. */
export interface NicMatch {
  readonly device?: string;
  /** Lower-case, colon-separated. */
  readonly mac?: string;
  /** Path of the device below /sys, as `udevadm info` prints it, or its end. */
  readonly path?: string;
}

export interface NicConfig extends NicMatch {
  /** `192.0.2.1/24`, `2001:db8::1/64`. Empty: the NIC keeps those it has. */
  readonly addresses: readonly string[];
  readonly mtu?: number;
  /** The role is this VLAN (IEEE 802.1Q) of the NIC; a device is made for it. */
  readonly vlan?: number;
  /** Static routes by this NIC. */
  readonly routes?: readonly NicRoute[];
  /** Gets addresses, routes and name servers by DHCP as well. IPv6 routes come by router advertisements. */
  readonly dhcp4?: boolean;
  readonly dhcp6?: boolean;
}

export interface NicRoute {
  /** `0.0.0.0/0` and `::/0`: the default route. */
  readonly prefix: string;
  /** The gateway, of the same family. */
  readonly via: string;
}

export type DhcpFamily = 4 | 6;

/** What a DHCP server lent the box. */
export interface Lease {
  readonly family: DhcpFamily;
  /** With its prefix length. */
  readonly address: string;
  readonly server: string | undefined;
  readonly routers: readonly string[];
  readonly nameServers: readonly string[];
  /** When it was got or renewed last; wall clock, milliseconds since 1970. */
  readonly obtainedAt: number;
  /** From then on; undefined: for ever. */
  readonly seconds: number | undefined;
}

export interface NicAddress {
  readonly address: string;
  readonly prefixLength: number;
  /** Somebody else on the link has it, too. The kernel does not use it then if it is of IPv6 (RFC 4862 s.5.4), else it does. */
  readonly duplicate?: true;
  /** MAC address of who that is, where it is known. */
  readonly holder?: string;
}

/** One NIC as it is now. `rx`/`tx` as the NIC sees them. */
export interface Nic {
  readonly role: NicRole;
  readonly device: string;
  readonly ifindex: number;
  readonly mac: string;
  readonly mtu: number;
  readonly linkUp: boolean;
  readonly addresses: readonly NicAddress[];
  /** One for each family that is got by DHCP; `lease` undefined: no server has given any yet. */
  readonly dhcp: readonly { readonly family: DhcpFamily; readonly lease: Lease | undefined }[];
}

export interface NicCounters {
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
}

/** A NIC of the machine, bound to a role or not: what a person needs to tell them apart. */
export interface NicPort {
  readonly device: string;
  /** Lower-case; empty for a link without one. */
  readonly mac: string;
  /** Of the device below /sys; undefined where sysfs does not show it. */
  readonly path: string | undefined;
  /** `vlan`, `bridge`, `veth` ...; undefined for hardware. */
  readonly kind: string | undefined;
  readonly driver: string | undefined;
  /** Switched on. The link of one that is off is not known. */
  readonly up: boolean;
  readonly linkUp: boolean;
  readonly speedMbps: number | undefined;
  readonly fullDuplex: boolean | undefined;
  readonly mtu: number;
  readonly addresses: readonly NicAddress[];
  readonly role: NicRole | undefined;
}

/** A route of the machine's main table. */
export interface Route {
  /** `0.0.0.0/0` and `::/0`: the default route. */
  readonly destination: string;
  /** Undefined: directly attached. */
  readonly via: string | undefined;
  /** Undefined for a route that leads nowhere. */
  readonly device: string | undefined;
  /** Who made it: `kernel`, `static`, `dhcp`, `ra`, `weir` ..., or a number of rtnetlink(7). */
  readonly protocol: string;
  readonly metric: number | undefined;
  /** What becomes of the packets. */
  readonly action: 'forward' | 'discard';
}

/** The two NICs of the box, bound to their roles. */
export interface Nics extends Closeable {
  /**
   * Binds both roles and applies addresses and MTU. Rejects with NIC_MISSING (says which NICs exist) and leaves
   * everything as it was. Called again with another configuration it changes only what differs. What it returns takes that
   * back, addresses and MTU that no configuration knows among it.
   */
  apply(config: Readonly<Record<NicRole, NicConfig>>): Promise<() => Promise<void>>;
  /**
   * Rejects where `apply` would, whenever it comes: NIC_MISSING for a NIC that is not there, NETLINK_FAILED for VLANs where the
   * kernel makes none. Looks at what is to be bound anew alone, and changes nothing.
   */
  check(config: Readonly<Record<NicRole, NicConfig>>): Promise<void>;
  get(role: NicRole): Nic;
  counters(role: NicRole): Promise<NicCounters>;
  /** MAC address of a directly attached viewer, when the neighbour table knows it. */
  macOf(address: string): string | undefined;
  /** All NICs of the machine but the loopback, as they are now. Works before the first `apply`. */
  list(): Promise<readonly NicPort[]>;
  /** Switches on every NIC that is off, so that it shows its link: for whoever has to tell them apart. */
  switchOn(): Promise<void>;
  /** The main routing table, both families. */
  routes(): Promise<readonly Route[]>;
  /** A NIC changed: link, address, lease, MTU, or it went away (`linkUp` false). */
  readonly changed: Signal<Nic>;
}
