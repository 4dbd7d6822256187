/** rtnetlink(7) messages of the main routing table, as plain data. */
import {
  AF_INET,
  familyOf,
  formatIp,
  type IpFamily,
  type IpPrefix,
  ipFamily,
  parseIp,
} from '../ip-address.ts';
import type { NetlinkMessage } from './netlink.ts';
import { type Attributes, attribute, attributeU32, parseAttributes, readU32 } from './netlink-codec.ts';

const RTMSG_BYTES = 12;
const RTNEXTHOP_BYTES = 8;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTNH_F_ONLINK = 4;
const RTN_UNICAST = 1;
/** RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT. */
const leadingNowhere: readonly number[] = [6, 7, 8];
export const RT_TABLE_MAIN = 254;

/** One way of a route; several ways of one destination are several. */
export interface KernelRoute {
  readonly family: IpFamily;
  readonly destination: string;
  readonly prefixLength: number;
  readonly gateway: string | undefined;
  /** 0: none. */
  readonly ifindex: number;
  /** RTPROT_*. */
  readonly protocol: number;
  readonly metric: number | undefined;
  readonly discards: boolean;
}

/** rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type (u8 each), flags u32. */
export function parseRoutes({ payload }: NetlinkMessage): readonly KernelRoute[] {
  const family = ipFamily(payload[0]);
  if (payload.length < RTMSG_BYTES || !family) return [];
  const attributes = parseAttributes(payload.subarray(RTMSG_BYTES));
  const type = payload[7] ?? 0;
  const table = readU32(attributes, RTA_TABLE) ?? payload[4];
  const discards = leadingNowhere.includes(type);
  if (table !== RT_TABLE_MAIN || (type !== RTN_UNICAST && !discards)) return [];
  const route = {
    family,
    destination: formatIp(attributes.get(RTA_DST) ?? new Uint8Array(family === AF_INET ? 4 : 16)),
    prefixLength: payload[1] ?? 0,
    protocol: payload[5] ?? 0,
    metric: readU32(attributes, RTA_PRIORITY),
    discards,
  };
  return waysOf(attributes).map((way) => ({ ...route, ...way }));
}

/** struct rtnexthop: length u16 with its own 8 bytes, flags u8, hops u8, ifindex i32, attributes; padded to 4. */
function waysOf(attributes: Attributes): readonly Pick<KernelRoute, 'gateway' | 'ifindex'>[] {
  const several = attributes.get(RTA_MULTIPATH);
  if (!several) return [wayOf(attributes, readU32(attributes, RTA_OIF) ?? 0)];
  const ways = [];
  for (let offset = 0; offset + RTNEXTHOP_BYTES <= several.length; ) {
    const length = several.readUInt16LE(offset);
    if (length < RTNEXTHOP_BYTES || offset + length > several.length) break;
    const own = parseAttributes(several.subarray(offset + RTNEXTHOP_BYTES, offset + length));
    ways.push(wayOf(own, several.readInt32LE(offset + 4)));
    offset += (length + 3) & ~3;
  }
  return ways;
}

function wayOf(attributes: Attributes, ifindex: number): Pick<KernelRoute, 'gateway' | 'ifindex'> {
  const gateway = attributes.get(RTA_GATEWAY);
  return { gateway: gateway && formatIp(gateway), ifindex };
}

/** Marks Weir's own routes, in `ip route show` as `proto 87` (rtnetlink(7), RTPROT_*; 87 is 'W'). */
export const WEIR_PROTOCOL = 87;
/** Of Weir's own routes: before what DHCP and router advertisements bring, and nobody else's. */
const WEIR_METRIC = 87;

/** A route that the configuration wants. */
export interface WantedRoute {
  readonly destination: IpPrefix;
  readonly via: string;
  /** The gateway is on the link, whatever the addresses say: they come later, by DHCP. */
  readonly onLink: boolean;
}

export function weirRoutePayload(ifindex: number, { destination, via, onLink }: WantedRoute): Buffer {
  const to = parseIp(destination.address) ?? new Uint8Array();
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload.writeUInt8(familyOf(to), 0);
  payload.writeUInt8(destination.prefixLength, 1);
  payload.writeUInt8(WEIR_PROTOCOL, 5);
  payload.writeUInt8(RTN_UNICAST, 7);
  payload.writeUInt32LE(onLink ? RTNH_F_ONLINK : 0, 8);
  return Buffer.concat([
    payload,
    attribute(RTA_DST, to),
    attribute(RTA_GATEWAY, parseIp(via) ?? new Uint8Array()),
    attributeU32(RTA_OIF, ifindex),
    attributeU32(RTA_PRIORITY, WEIR_METRIC),
    attributeU32(RTA_TABLE, RT_TABLE_MAIN),
  ]);
}

/** With strict checking the kernel dumps this table only, and with a protocol only its routes. */
export function mainDumpPayload(family: IpFamily, protocol = 0): Buffer {
  const payload = Buffer.alloc(RTMSG_BYTES);
  payload.writeUInt8(family, 0);
  payload.writeUInt8(protocol, 5);
  return Buffer.concat([payload, attributeU32(RTA_TABLE, RT_TABLE_MAIN)]);
}
