import { isIPv4, isIPv6 } from 'node:net';
import { WeirError } from '#base';

/** Standard attributes of accounting, by type: RFC 2866 s.5, RFC 2869 s.5, RFC 3162 s.2.1, RFC 6911 s.3.1. */
export const AttributeType = {
  userName: 1,
  nasIpAddress: 4,
  framedIpAddress: 8,
  vendorSpecific: 26,
  calledStationId: 30,
  callingStationId: 31,
  nasIdentifier: 32,
  proxyState: 33,
  acctStatusType: 40,
  acctDelayTime: 41,
  acctOutputOctets: 43,
  acctSessionId: 44,
  acctAuthentic: 45,
  acctSessionTime: 46,
  acctOutputPackets: 48,
  acctTerminateCause: 49,
  acctOutputGigawords: 53,
  eventTimestamp: 55,
  nasPortType: 61,
  messageAuthenticator: 80,
  nasIpv6Address: 95,
  framedIpv6Address: 168,
} as const;

/** The value of an attribute is one length byte short of 255, less type and length (RFC 2865 s.5). */
const maxValueBytes = 253;
/** Less vendor id (4), vendor type and vendor length (RFC 2865 s.5.26). */
const maxVendorBytes = maxValueBytes - 6;

/** One attribute as it goes on the wire. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Text longer than an attribute takes is cut at a character: the record itself keeps it whole. */
export function textAttribute(type: number, text: string): Attribute {
  return { type, value: cut(text, maxValueBytes) };
}

/** 32 bits unsigned (RFC 2865 s.5, integer and time). */
export function integerAttribute(type: number, value: number): Attribute {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return { type, value: bytes };
}

/** A 64-bit count as octets and gigawords (RFC 2869 s.5.1, 5.2); no gigawords attribute below 2^32. */
export function octetAttributes(type: number, gigawordType: number, count: bigint): readonly Attribute[] {
  const low = integerAttribute(type, Number(count & 0xffff_ffffn));
  const high = Number(count >> 32n);
  return high === 0 ? [low] : [low, integerAttribute(gigawordType, high)];
}

/** An address in the attribute of its family: 4 bytes, or 16 (RFC 6911 s.3.1). */
export function addressAttribute(
  types: { readonly v4: number; readonly v6: number },
  address: string,
): Attribute {
  if (isIPv4(address)) return { type: types.v4, value: Uint8Array.from(address.split('.'), Number) };
  if (isIPv6(address)) return { type: types.v6, value: ipv6Bytes(address) };
  throw new WeirError('UPLOAD_FAILED', 'not an IP address', { fields: { address } });
}

/** Text of a vendor (RFC 2865 s.5.26); what is too long for one attribute goes on in further ones of the same type. */
export function vendorText(vendorId: number, vendorType: number, text: string): readonly Attribute[] {
  const attributes: Attribute[] = [];
  for (let rest = text; attributes.length === 0 || rest !== ''; ) {
    const piece = cut(rest, maxVendorBytes);
    rest = rest.slice(piece.toString().length);
    const head = Buffer.alloc(6);
    head.writeUInt32BE(vendorId);
    head.writeUInt8(vendorType, 4);
    head.writeUInt8(piece.length + 2, 5);
    attributes.push({ type: AttributeType.vendorSpecific, value: Buffer.concat([head, piece]) });
  }
  return attributes;
}

/** At most `limit` bytes of UTF-8, no character broken. */
function cut(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}

function ipv6Bytes(address: string): Uint8Array {
  const [head = '', tail] = withoutDottedQuad(address).split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? [] : new Array<string>(8 - before.length - after.length).fill('0');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...before, ...zeros, ...after].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  return bytes;
}

/** `::ffff:192.0.2.1` is `::ffff:c000:201` (RFC 4291 s.2.2). */
function withoutDottedQuad(address: string): string {
  const quad = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (!quad) return address;
  const [a = 0, b = 0, c = 0, d = 0] = quad.slice(1).map(Number);
  return `${address.slice(0, quad.index)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
