/** What to do to a NIC so that it is as configured: plain data, made without touching anything. */
import { WeirError } from '#base';
import { AF_INET6, familyOf, type IpPrefix, isLinkLocal, parseIp, parsePrefix } from '../ip-address.ts';
import type { NicConfig, NicMatch, NicRole } from '../nics.ts';
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
  | { readonly kind: 'remove-address'; readonly link: Link; readonly address: InterfaceAddress };

/** Stacked on another NIC, whose MAC address they share. */
const stackedKinds: readonly (string | undefined)[] = [
  'vlan',
  'macvlan',
  'ipvlan',
  'macvtap',
  'bridge',
  'bond',
];

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
  return same && (named || !stackedKinds.includes(link.kind));
}

/** `wanted`: the path of the NIC or of the device it belongs to, with or without /sys, or the end of one. */
function hasPath(path: string | undefined, wanted: string): boolean {
  if (path === undefined) return false;
  const end = `/${wanted.replace(/^\/sys(?=\/)/, '').replace(/^\/+|\/+$/g, '')}`;
  const device = path.replace(/\/net\/[^/]+$/, '');
  return path.endsWith(end) || device.endsWith(end);
}

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
 * The steps from what `link` is to what `config` wants. Addresses are exact where the configuration has any: others go,
 * but not link-local ones and not those the kernel makes out of router advertisements. New ones come first, so that a
 * step that fails has taken nothing away; only an IPv6 address whose prefix length changes must go before it comes.
 */
export function planNic(
  link: Link,
  present: readonly InterfaceAddress[],
  config: NicConfig,
): readonly NicStep[] {
  const wanted = config.addresses.map(parsePrefix);
  const mine = present.filter((address) => address.ifindex === link.ifindex);
  const missing = wanted.filter((prefix) => !mine.some((address) => samePrefix(address, prefix)));
  const surplus = mine.filter(
    (address) =>
      wanted.length > 0 &&
      !address.autoconfigured &&
      !isLinkLocal(parseIp(address.address) ?? new Uint8Array()) &&
      !wanted.some((prefix) => samePrefix(address, prefix)),
  );
  const blocking = surplus.filter(
    (address) => isIPv6(address.address) && missing.some((prefix) => prefix.address === address.address),
  );
  const remove = (address: InterfaceAddress): NicStep => ({ kind: 'remove-address', link, address });
  return [
    ...(config.mtu !== undefined && config.mtu !== link.mtu
      ? [{ kind: 'mtu', link, mtu: config.mtu } as const]
      : []),
    ...(link.up ? [] : [{ kind: 'up', link } as const]),
    ...blocking.map(remove),
    ...missing.map((prefix) => ({ kind: 'add-address', link, prefix }) as const),
    ...surplus.filter((address) => !blocking.includes(address)).map(remove),
  ];
}

const samePrefix = (a: IpPrefix, b: IpPrefix): boolean =>
  a.address === b.address && a.prefixLength === b.prefixLength;

const isIPv6 = (address: string): boolean => familyOf(parseIp(address) ?? new Uint8Array(4)) === AF_INET6;
