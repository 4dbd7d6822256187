/**
 * Netlink attributes (struct nlattr): length u16 with its own 4 bytes, type u16, value, padded to 4. Headers and
 * numbers are in host order, which is little-endian on every board Weir runs on; addresses are in network order.
 */
import { WeirError } from '#base';

const HEADER_BYTES = 4;
/** The two upper bits of a type are flags: NLA_F_NESTED, NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

export type Attributes = ReadonlyMap<number, Buffer>;

const align = (length: number): number => (length + 3) & ~3;

/** One attribute, padded. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(align(HEADER_BYTES + value.length));
  bytes.writeUInt16LE(HEADER_BYTES + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, HEADER_BYTES);
  return bytes;
}

export function attributeU32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attribute(type, bytes);
}

/** The attributes in `bytes`; of a repeated one the last. NETLINK_FAILED when a length does not fit. */
export function parseAttributes(bytes: Buffer): Attributes {
  const found = new Map<number, Buffer>();
  for (let offset = 0; offset + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt16LE(offset);
    if (length < HEADER_BYTES || offset + length > bytes.length) {
      throw new WeirError('NETLINK_FAILED', 'attribute with a bad length', { fields: { offset, length } });
    }
    const type = bytes.readUInt16LE(offset + 2) & TYPE_MASK;
    found.set(type, bytes.subarray(offset + HEADER_BYTES, offset + length));
    offset += align(length);
  }
  return found;
}

export function readU32(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value && value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

/** A string attribute without its closing NUL. */
export function readText(attributes: Attributes, type: number): string | undefined {
  return attributes.get(type)?.toString('utf8').replace(/\0.*$/s, '');
}
