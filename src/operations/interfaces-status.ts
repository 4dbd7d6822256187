import type { Clock } from '#base';
import type { Lease, NicCounters, NicPort, NicRole, Nics, Route } from '#hal';

/** One NIC of the machine, whether Weir uses it or not. */
export interface InterfaceStatus {
  readonly role: NicRole | null;
  readonly device: string;
  readonly mac: string;
  readonly path: string | null;
  readonly kind: string | null;
  readonly driver: string | null;
  /** `off`: switched off, so that its link is not known. */
  readonly link: 'up' | 'down' | 'off';
  readonly speedMbps: number | null;
  readonly duplex: 'full' | 'half' | null;
  readonly mtu: number;
  readonly addresses: readonly string[];
  /** One for each family that is got by DHCP; `lease` null: no server has given any yet. */
  readonly dhcp: readonly { readonly family: 4 | 6; readonly lease: LeaseStatus | null }[];
  /** Decimal strings; null for a NIC that Weir does not use. */
  readonly counters: { readonly [K in keyof NicCounters]: string } | null;
}

export interface LeaseStatus {
  readonly address: string;
  readonly server: string | null;
  readonly routers: readonly string[];
  readonly nameServers: readonly string[];
  readonly obtainedAt: string;
  /** Null: for ever. */
  readonly until: string | null;
}

export interface InterfacesStatus {
  readonly interfaces: readonly InterfaceStatus[];
  /** Roles whose NIC is not there. */
  readonly missing: readonly NicRole[];
}

/** Those of the roles first, then the others by name. */
export async function interfacesStatus(nics: Nics): Promise<InterfacesStatus> {
  const ports = await nics.list();
  const interfaces = await Promise.all(ports.map((port) => interfaceStatus(nics, port)));
  const has = (role: NicRole) => ports.some((port) => port.role === role);
  return {
    interfaces: interfaces.sort((a, b) => order(a) - order(b) || (a.device < b.device ? -1 : 1)),
    missing: roles.filter((role) => isBound(nics, role) && !has(role)),
  };
}

const roles: readonly NicRole[] = ['wan', 'access'];

const order = ({ role }: InterfaceStatus): number => (role === null ? roles.length : roles.indexOf(role));

async function interfaceStatus(nics: Nics, port: NicPort): Promise<InterfaceStatus> {
  const { role, device, mac, path, kind, driver, up, linkUp, speedMbps, fullDuplex, mtu, addresses } = port;
  // It may be pulled out while we ask.
  const counters = role === undefined ? undefined : await nics.counters(role).catch(() => undefined);
  return {
    role: role ?? null,
    device,
    mac,
    path: path ?? null,
    kind: kind ?? null,
    driver: driver ?? null,
    link: linkUp ? 'up' : up ? 'down' : 'off',
    speedMbps: speedMbps ?? null,
    duplex: fullDuplex === undefined ? null : fullDuplex ? 'full' : 'half',
    mtu,
    addresses: addresses.map(
      ({ address, prefixLength, duplicate }) =>
        `${address}/${prefixLength}${duplicate ? ' (duplicate)' : ''}`,
    ),
    dhcp:
      role === undefined
        ? []
        : nics.get(role).dhcp.map(({ family, lease }) => ({ family, lease: leaseStatus(lease) })),
    counters: counters === undefined ? null : decimals(counters),
  };
}

function leaseStatus(lease: Lease | undefined): LeaseStatus | null {
  if (lease === undefined) return null;
  const { address, server, routers, nameServers, obtainedAt, seconds } = lease;
  return {
    address,
    server: server ?? null,
    routers,
    nameServers,
    obtainedAt: new Date(obtainedAt).toISOString(),
    until: seconds === undefined ? null : new Date(obtainedAt + 1000 * seconds).toISOString(),
  };
}

function decimals(counters: NicCounters): { readonly [K in keyof NicCounters]: string } {
  const { rxBytes, rxPackets, txBytes, txPackets, rxDropped, txDropped } = counters;
  return {
    rxBytes: String(rxBytes),
    rxPackets: String(rxPackets),
    txBytes: String(txBytes),
    txPackets: String(txPackets),
    rxDropped: String(rxDropped),
    txDropped: String(txDropped),
  };
}

function isBound(nics: Nics, role: NicRole): boolean {
  try {
    nics.get(role);
    return true;
  } catch {
    // Before the first configuration.
    return false;
  }
}

/** A link is agreed on within three seconds or so (IEEE 802.3, clause 28). */
const linkMs = 4000;
const lookMs = 100;

/** The same of NICs that were switched on before, so that all that have a cable show it. */
export async function linkedInterfaces(nics: Nics, clock: Clock): Promise<InterfacesStatus> {
  await nics.switchOn();
  const until = clock.monoNs() + BigInt(linkMs) * 1_000_000n;
  while ((await nics.list()).some(({ linkUp }) => !linkUp) && clock.monoNs() < until) {
    await clock.sleep(lookMs);
  }
  return interfacesStatus(nics);
}

export interface RouteStatus {
  readonly routes: readonly Route[];
  /** Further ones are not told. */
  readonly left: number;
}

/** A routing protocol may hold tens of thousands; nobody reads them on a console. */
const mostRoutes = 1000;

/** Routes of the main table, IPv4 first. */
export async function routeStatus(nics: Nics): Promise<RouteStatus> {
  const routes = await nics.routes();
  return { routes: routes.slice(0, mostRoutes), left: Math.max(0, routes.length - mostRoutes) };
}
