/** What to do to a NIC so that it is as configured: plain data, made without touching anything. */
import { WeirError } from '#base';
import { AF_INET, familyOf, type IpPrefix, isLinkLocal, parseIp, parsePrefix } from '../ip-address.ts';
import type { DhcpFamily, NicConfig, NicMatch, NicRole } from '../nics.ts';
import type { KernelRoute } from './route-messages.ts';
import { planRoutes, type RouteStep } from './route-plan.ts';
import type { InterfaceAddress, Link } from './rtnetlink-messages.ts';

/** A link, and where sysfs has it: `/devices/pci0000:00/0000:00:03.0/net/eth0`. */
export interface NicCandidate {
  readonly link: Link;
  readonly path: string | undefined;
}

export type NicStep =
  | { readonly kind: 'mtu'; readonly link: Link; readonly mtu: number }
  | { readonly kind: 'up'; readonly link: Link }
  | { readonly kind: 'add-address'; readonly link: Link; readonly prefix: IpPrefix }
  | { readonly kind: 'remove-address'; readonly link: Link; readonly address: InterfaceAddress }
  | RouteStep
  | {
      readonly kind: 'start-dhcp' | 'stop-dhcp';
      readonly link: Pick<Link, 'device'>;
      readonly family: DhcpFamily;
    }
  /** `link`: the NIC it is a VLAN of. */
  | { readonly kind: 'add-vlan'; readonly link: Link; readonly device: string; readonly vlan: number }
  | { readonly kind: 'remove-vlan'; readonly link: Link };

/** What a NIC has, as far as it can be Weir's doing. */
export interface NicState {
  /** Of all NICs. */
  readonly addresses: readonly InterfaceAddress[];
  /** Weir's own, of all NICs. */
  readonly routes: readonly KernelRoute[];
  /** The DHCP clients that run. */
  readonly dhcp: readonly { readonly device: string; readonly family: DhcpFamily }[];
  /** Addresses that DHCP brought. */
  readonly leased: readonly string[];
}

/** Stacked on another NIC, whose MAC address they share. */
const stackedKinds: readonly (string | undefined)[] = [
  'vlan',
  'macvlan',
  'ipvlan',
  'macvtap',
  'bridge',
  'bond',
];

/** A device on top of a NIC, or of several. */
export const isStacked = ({ kind }: Link): boolean => stackedKinds.includes(kind);

/** The NICs all of whose properties are as `match` says. */
export function matchingNics(match: NicMatch, candidates: readonly NicCandidate[]): readonly NicCandidate[] {
  return candidates.filter(
    ({ link, path }) =>
      (match.device === undefined || link.device === match.device) &&
      (match.mac === undefined || hasMac(link, match.mac, match.device !== undefined)) &&
      (match.path === undefined || hasPath(path, match.path)),
  );
}

function hasMac(link: Link, mac: string, named: boolean): boolean {
  const same = link.mac === mac.toLowerCase() || link.permanentMac === mac.toLowerCase();
  return same && (named || !isStacked(link));
}

/** `wanted`: the path of the NIC or of the device it belongs to, with or without /sys, or the end of one. */
function hasPath(path: string | undefined, wanted: string): boolean {
  if (path === undefined) return false;
  const end = `/${wanted.replace(/^\/sys(?=\/)/, '').replace(/^\/+|\/+$/g, '')}`;
  const device = path.replace(/\/net\/[^/]+$/, '');
  return path.endsWith(end) || device.endsWith(end);
}

/** Whether both name the same NIC in the same way. */
export const isSameNic = (one: NicConfig, other: NicConfig | undefined): boolean =>
  (['device', 'mac', 'path', 'vlan'] as const).every((name) => one[name] === other?.[name]);

/** The NIC of a role. NIC_MISSING tells which NICs there are; CONFIG_BAD_VALUE that `match` fits several. */
export function findNic(role: NicRole, match: NicMatch, candidates: readonly NicCandidate[]): NicCandidate {
  const wanted = describeMatch(match);
  const found = matchingNics(match, candidates);
  const [nic] = found;
  if (wanted === '' || found.length > 1) {
    const which =
      wanted === '' ? 'is not told' : `fits several: ${found.map((one) => one.link.device).join(', ')}`;
    throw new WeirError('CONFIG_BAD_VALUE', `the NIC of interfaces.${role} ${which}`, {
      fields: { role, match: wanted },
      advice: `set interfaces.${role}.device, .mac or .path so that it names one NIC`,
    });
  }
  if (!nic) {
    const present = candidates.filter(({ link }) => link.device !== 'lo').map(describeNic);
    throw new WeirError('NIC_MISSING', `there is no NIC with ${wanted} for interfaces.${role}`, {
      fields: { role },
      advice: `NICs of this machine: ${present.join('; ') || 'none'}`,
    });
  }
  return nic;
}

const describeMatch = (match: NicMatch): string =>
  [
    match.device !== undefined && `device ${match.device}`,
    match.mac !== undefined && `MAC ${match.mac}`,
    match.path !== undefined && `path ${match.path}`,
  ]
    .filter(Boolean)
    .join(', ');

const describeNic = ({ link, path }: NicCandidate): string =>
  [link.device, link.mac, path].filter(Boolean).join(' ');

/**
 * The steps from what `link` is to what `config` wants. Addresses of a family are exact where the configuration has any or
 * gets them by DHCP: others go, but not link-local ones, those that DHCP brought, and those the kernel makes out of router
 * advertisements. What comes goes before what leaves, so that a step that fails has taken nothing away; only an IPv6 address
 * whose prefix length changes must go before it comes.
 */
export function planNic(link: Link, state: NicState, config: NicConfig): readonly NicStep[] {
  const wanted = config.addresses.map(parsePrefix);
  const mine = state.addresses.filter((address) => address.ifindex === link.ifindex);
  const missing = wanted.filter((prefix) => !mine.some((address) => samePrefix(address, prefix)));
  const surplus = mine.filter(
    (address) =>
      (wanted.length > 0 || asksDhcp(config, versionOf(address.address))) &&
      !wanted.some((prefix) => samePrefix(address, prefix)) &&
      !comesByItself(address, state, config),
  );
  const blocking = surplus.filter(
    ({ address }) => versionOf(address) === 6 && missing.some((prefix) => prefix.address === address),
  );
  const remove = (address: InterfaceAddress): NicStep => ({ kind: 'remove-address', link, address });
  const routes = planRoutes(link, state.routes, config);
  const runs = (family: DhcpFamily) =>
    state.dhcp.some((client) => client.device === link.device && client.family === family);
  const dhcp = ([4, 6] as const).filter((family) => runs(family) !== asksDhcp(config, family));
  return [
    ...(config.mtu !== undefined && config.mtu !== link.mtu
      ? [{ kind: 'mtu', link, mtu: config.mtu } as const]
      : []),
    ...(link.up ? [] : [{ kind: 'up', link } as const]),
    ...blocking.map(remove),
    ...missing.map((prefix) => ({ kind: 'add-address', link, prefix }) as const),
    ...routes,
    ...dhcp.map((family) => ({ kind: runs(family) ? 'stop-dhcp' : 'start-dhcp', link, family }) as const),
    ...surplus.filter((address) => !blocking.includes(address)).map(remove),
  ];
}

export const asksDhcp = (config: NicConfig, family: DhcpFamily): boolean =>
  (family === 4 ? config.dhcp4 : config.dhcp6) === true;

/** Not by the configuration's addresses, and to stay all the same. */
function comesByItself(address: InterfaceAddress, { leased }: NicState, config: NicConfig): boolean {
  const bytes = parseIp(address.address) ?? new Uint8Array();
  if (address.autoconfigured || isLinkLocal(bytes)) return true;
  if (!asksDhcp(config, versionOf(address.address))) return false;
  return !address.permanent || leased.includes(address.address);
}

/** The name of a role's VLAN. It does not change with that of the NIC. */
export const vlanDevice = (role: NicRole, vlan: number): string => `${role}.${vlan}`;

/** By this text Weir knows a VLAN it made, also one of a Weir before it. */
export const vlanAlias = 'weir';

export const findVlan = (
  links: Iterable<Link>,
  parent: Link,
  device: string,
  vlan: number,
): Link | undefined =>
  [...links].find((link) => link.device === device && link.parent === parent.ifindex && link.vlan === vlan);

/** The VLAN of a role is to be made. The NIC must be on for it, and take packets as long. */
export function planVlan(role: NicRole, parent: Link, vlan: number, mtu = 0): readonly NicStep[] {
  return [
    ...(mtu > parent.mtu ? [{ kind: 'mtu', link: parent, mtu } as const] : []),
    ...(parent.up ? [] : [{ kind: 'up', link: parent } as const]),
    { kind: 'add-vlan', link: parent, device: vlanDevice(role, vlan), vlan },
  ];
}

/**
 * What is left of a configuration that is no more: DHCP clients, VLANs, Weir's routes by NICs that have no role, and the addresses of
 * `wanted` there. A role that has become a VLAN of its NIC would else have its subnet on both, and packets might leave untagged.
 */
export function planStrays(
  links: Iterable<Link>,
  kept: readonly Link[],
  state: NicState,
  wanted: readonly NicConfig[],
): readonly NicStep[] {
  const clients = state.dhcp.filter(({ device }) => !kept.some((link) => link.device === device));
  const others = [...links].filter((link) => !kept.includes(link) && link.device !== 'lo');
  const vlans = others.filter((link) => link.vlan !== undefined && link.alias === vlanAlias);
  const owned = wanted.flatMap(({ addresses }) => addresses.map((text) => parsePrefix(text).address));
  const left = others
    .filter((link) => !vlans.includes(link))
    .flatMap((link): readonly NicStep[] => [
      ...planRoutes(link, state.routes, { addresses: [] }),
      ...state.addresses
        .filter(({ ifindex, address }) => ifindex === link.ifindex && owned.includes(address))
        .map((address) => ({ kind: 'remove-address', link, address }) as const),
    ]);
  return [
    ...clients.map(({ device, family }) => ({ kind: 'stop-dhcp', link: { device }, family }) as const),
    ...vlans.map((link) => ({ kind: 'remove-vlan', link }) as const),
    ...left,
  ];
}

const samePrefix = (a: IpPrefix, b: IpPrefix): boolean =>
  a.address === b.address && a.prefixLength === b.prefixLength;

const versionOf = (address: string): DhcpFamily =>
  familyOf(parseIp(address) ?? new Uint8Array(4)) === AF_INET ? 4 : 6;
