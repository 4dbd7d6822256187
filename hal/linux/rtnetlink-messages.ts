/** rtnetlink(7) messages as plain data: headers and attributes of links, addresses, neighbours, rules, routes. */
import { AF_INET, AF_INET6, formatIp, type IpFamily, ipFamily } from '../ip-address.ts';
import type { NetlinkMessage } from './netlink.ts';
import {
  type Attributes,
  attribute,
  attributeU32,
  parseAttributes,
  readText,
  readU32,
} from './netlink-codec.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;
export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

const AF_UNSPEC = 0;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFLA_IFALIAS = 20;
const IFLA_STATS64 = 23;
const IFLA_PERM_ADDRESS = 54;
const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
const IFA_F_TEMPORARY = 0x1;
const IFA_F_DADFAILED = 0x8;
const IFA_F_PERMANENT = 0x80;
const IFAPROT_KERNEL_RA = 2;
const NDA_DST = 1;
const NDA_LLADDR = 2;
/** NUD_REACHABLE | STALE | DELAY | PROBE | PERMANENT: the address in it is good. */
const NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
const RTA_OIF = 4;
const RTA_TABLE = 15;
const RT_SCOPE_HOST = 254;
const RTN_LOCAL = 2;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FR_ACT_TO_TBL = 1;

export interface Link {
  readonly ifindex: number;
  readonly device: string;
  /** The MAC address in use, lower-case; empty for a link without one. */
  readonly mac: string;
  /** The one burnt in, where the driver tells. */
  readonly permanentMac: string | undefined;
  readonly mtu: number;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /** Switched on, and with a carrier. */
  readonly linkUp: boolean;
  /** `veth`, `vlan`, `bridge` ...; undefined for hardware. */
  readonly kind: string | undefined;
  /** Of the NIC it is stacked on; undefined where there is none. */
  readonly parent: number | undefined;
  /** Of a VLAN (IEEE 802.1Q). */
  readonly vlan: number | undefined;
  /** Free text, by which those who made it know it again. */
  readonly alias: string | undefined;
}

export interface InterfaceAddress {
  readonly ifindex: number;
  readonly address: string;
  readonly prefixLength: number;
  /** Made by the kernel out of router advertisements (RFC 4862), and taken away by it. */
  readonly autoconfigured: boolean;
  /** Without an end to its lifetime. What DHCP made has one, but for leases without end. */
  readonly permanent: boolean;
  /** Somebody else on the link has it (RFC 4862 s.5.4.5). */
  readonly duplicate: boolean;
  /** The message it came in, which RTM_NEWADDR takes to make the same address again. */
  readonly payload: Buffer;
}

export interface Neighbour {
  readonly ifindex: number;
  readonly address: string;
  /** Undefined: the neighbour is gone, or was never there. */
  readonly mac: string | undefined;
}

export interface PolicyRule {
  readonly family: IpFamily;
  readonly priority: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
}

/** `local default dev DEVICE table TABLE`: every destination is this host's. */
export interface LocalRoute {
  readonly family: IpFamily;
  readonly ifindex: number;
  readonly table: number;
}

const IFINFOMSG_BYTES = 16;
const IFADDRMSG_BYTES = 8;
const NDMSG_BYTES = 12;
const RTMSG_BYTES = 12;

/** ifinfomsg: family u8, pad u8, type u16, ifindex i32, flags u32, change u32. */
export function parseLink({ payload }: NetlinkMessage): Link | undefined {
  // Other families are about a bridge port or IPv6 settings of the link, not about the link.
  if (payload.length < IFINFOMSG_BYTES || payload[0] !== AF_UNSPEC) return undefined;
  const flags = payload.readUInt32LE(8);
  const attributes = parseAttributes(payload.subarray(IFINFOMSG_BYTES));
  const info = attributes.get(IFLA_LINKINFO);
  const permanent = attributes.get(IFLA_PERM_ADDRESS);
  const kind = info && readText(parseAttributes(info), IFLA_INFO_KIND);
  return {
    ifindex: payload.readInt32LE(4),
    device: readText(attributes, IFLA_IFNAME) ?? '',
    mac: formatMac(attributes.get(IFLA_ADDRESS)) ?? '',
    permanentMac: formatMac(permanent),
    mtu: readU32(attributes, IFLA_MTU) ?? 0,
    up: (flags & IFF_UP) !== 0,
    linkUp: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
    kind,
    parent: readU32(attributes, IFLA_LINK),
    vlan: kind === 'vlan' ? vlanOf(info) : undefined,
    alias: readText(attributes, IFLA_IFALIAS),
  };
}

function vlanOf(info: Buffer | undefined): number | undefined {
  const data = info && parseAttributes(info).get(IFLA_INFO_DATA);
  const id = data && parseAttributes(data).get(IFLA_VLAN_ID);
  return id && id.length >= 2 ? id.readUInt16LE(0) : undefined;
}

/** A VLAN of the link `parent`, not switched on. */
export function vlanPayload(parent: number, device: string, vlan: number): Buffer {
  const id = Buffer.alloc(2);
  id.writeUInt16LE(vlan);
  const kind = attribute(IFLA_INFO_KIND, Buffer.from('vlan'));
  const data = attribute(IFLA_INFO_DATA, attribute(IFLA_VLAN_ID, id));
  return Buffer.concat([
    linkPayload(0),
    attribute(IFLA_IFNAME, Buffer.from(`${device}\0`)),
    attributeU32(IFLA_LINK, parent),
    attribute(IFLA_LINKINFO, Buffer.concat([kind, data])),
  ]);
}

/** A VLAN of which nothing is said: a kernel that makes VLANs refuses it as incomplete, another one as unknown. */
export const anyVlanPayload = (): Buffer =>
  Buffer.concat([linkPayload(0), attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, Buffer.from('vlan')))]);

export function linkAliasPayload(ifindex: number, alias: string): Buffer {
  return Buffer.concat([linkPayload(ifindex), attribute(IFLA_IFALIAS, Buffer.from(alias))]);
}

/** The start of struct rtnl_link_stats64, u64 each: rx/tx packets, rx/tx bytes, rx/tx errors, rx/tx dropped. */
export function parseStatistics({ payload }: NetlinkMessage): BigUint64Array | undefined {
  const statistics = parseAttributes(payload.subarray(IFINFOMSG_BYTES)).get(IFLA_STATS64);
  if (!statistics || statistics.length < 64) return undefined;
  return BigUint64Array.from({ length: 8 }, (_, index) => statistics.readBigUInt64LE(8 * index));
}

export function linkPayload(ifindex: number): Buffer {
  const payload = Buffer.alloc(IFINFOMSG_BYTES);
  payload.writeInt32LE(ifindex, 4);
  return payload;
}

export function linkMtuPayload(ifindex: number, mtu: number): Buffer {
  return Buffer.concat([linkPayload(ifindex), attributeU32(IFLA_MTU, mtu)]);
}

export function linkUpPayload(ifindex: number, up: boolean): Buffer {
  const payload = linkPayload(ifindex);
  payload.writeUInt32LE(up ? IFF_UP : 0, 8);
  payload.writeUInt32LE(IFF_UP, 12);
  return payload;
}

/** ifaddrmsg: family, prefix length, flags, scope (u8 each), ifindex u32. */
export function parseInterfaceAddress({ payload }: NetlinkMessage): InterfaceAddress | undefined {
  if (payload.length < IFADDRMSG_BYTES) return undefined;
  const attributes = parseAttributes(payload.subarray(IFADDRMSG_BYTES));
  // With a peer IFA_ADDRESS is the peer's and IFA_LOCAL ours; IPv6 sends IFA_LOCAL only then.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!bytes) return undefined;
  // struct ifaddrmsg has room for the lower eight of them only.
  const flags = readU32(attributes, IFA_FLAGS) ?? payload[2] ?? 0;
  const isIpv6 = payload[0] === AF_INET6;
  // In IPv4 the same bit is "secondary".
  const temporary = isIpv6 && (flags & IFA_F_TEMPORARY) !== 0;
  return {
    ifindex: payload.readUInt32LE(4),
    address: formatIp(bytes),
    prefixLength: payload[1] ?? 0,
    autoconfigured: temporary || attributes.get(IFA_PROTO)?.[0] === IFAPROT_KERNEL_RA,
    permanent: (flags & IFA_F_PERMANENT) !== 0,
    duplicate: isIpv6 && (flags & IFA_F_DADFAILED) !== 0,
    payload,
  };
}

export function addressPayload(ifindex: number, bytes: Uint8Array, prefixLength: number): Buffer {
  const payload = Buffer.alloc(IFADDRMSG_BYTES);
  payload.writeUInt8(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  payload.writeUInt8(prefixLength, 1);
  payload.writeUInt32LE(ifindex, 4);
  return Buffer.concat([payload, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]);
}

export const addressDumpPayload = (): Buffer => Buffer.alloc(IFADDRMSG_BYTES);

/** ndmsg: family u8, pad u8, pad u16, ifindex i32, state u16, flags u8, type u8. */
export function parseNeighbour({ type, payload }: NetlinkMessage): Neighbour | undefined {
  if (payload.length < NDMSG_BYTES) return undefined;
  // AF_BRIDGE neighbours are a bridge's forwarding table.
  if (payload[0] !== AF_INET && payload[0] !== AF_INET6) return undefined;
  const attributes = parseAttributes(payload.subarray(NDMSG_BYTES));
  const bytes = attributes.get(NDA_DST);
  if (!bytes) return undefined;
  const valid = type !== RTM_DELNEIGH && (payload.readUInt16LE(8) & NUD_VALID) !== 0;
  return {
    ifindex: payload.readInt32LE(4),
    address: formatIp(bytes),
    mac: valid ? formatMac(attributes.get(NDA_LLADDR)) : undefined,
  };
}

export const neighbourDumpPayload = (): Buffer => Buffer.alloc(NDMSG_BYTES);

/** fib_rule_hdr: family, dst_len, src_len, tos, table, res1, res2, action (u8 each), flags u32. */
export function parseRule({ payload }: NetlinkMessage): PolicyRule | undefined {
  const family = ipFamily(payload[0]);
  if (payload.length < RTMSG_BYTES || !family || payload[7] !== FR_ACT_TO_TBL) return undefined;
  const attributes = parseAttributes(payload.subarray(RTMSG_BYTES));
  const mark = readU32(attributes, FRA_FWMARK);
  if (mark === undefined) return undefined;
  return {
    family,
    priority: readU32(attributes, FRA_PRIORITY) ?? 0,
    mark,
    mask: readU32(attributes, FRA_FWMASK) ?? 0xffffffff,
    table: readU32(attributes, FRA_TABLE) ?? payload[4] ?? 0,
  };
}

export function rulePayload(rule: PolicyRule): Buffer {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload.writeUInt8(rule.family, 0);
  payload.writeUInt8(FR_ACT_TO_TBL, 7);
  return Buffer.concat([
    payload,
    attributeU32(FRA_PRIORITY, rule.priority),
    attributeU32(FRA_FWMARK, rule.mark),
    attributeU32(FRA_FWMASK, rule.mask),
    attributeU32(FRA_TABLE, rule.table),
  ]);
}

export function ruleDumpPayload(family: IpFamily): Buffer {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload.writeUInt8(family, 0);
  return payload;
}

/** rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type (u8 each), flags u32. */
export function parseLocalRoute({ payload }: NetlinkMessage): LocalRoute | undefined {
  const family = ipFamily(payload[0]);
  // A default route has no prefix.
  if (payload.length < RTMSG_BYTES || !family || payload[1] !== 0 || payload[7] !== RTN_LOCAL)
    return undefined;
  const attributes = parseAttributes(payload.subarray(RTMSG_BYTES));
  return {
    family,
    ifindex: readU32(attributes, RTA_OIF) ?? 0,
    table: tableOf(payload, attributes),
  };
}

export function localRoutePayload(route: LocalRoute): Buffer {
  const payload = routeDumpPayload(route.family, route.table);
  // 87, 'W': tells our routes apart in `ip route show`. Scope: IPv4 wants host, IPv6 ignores it.
  payload.writeUInt8(87, 5);
  payload.writeUInt8(RT_SCOPE_HOST, 6);
  payload.writeUInt8(RTN_LOCAL, 7);
  return Buffer.concat([payload, attributeU32(RTA_OIF, route.ifindex)]);
}

/** With strict checking the kernel dumps this table only. */
export function routeDumpPayload(family: IpFamily, table: number): Buffer {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload.writeUInt8(family, 0);
  return Buffer.concat([payload, attributeU32(RTA_TABLE, table)]);
}

const tableOf = (payload: Buffer, attributes: Attributes): number =>
  readU32(attributes, RTA_TABLE) ?? payload[4] ?? 0;

function formatMac(bytes: Buffer | undefined): string | undefined {
  if (bytes?.length !== 6) return undefined;
  return bytes.toString('hex').replace(/(..)(?!$)/g, '$1:');
}
