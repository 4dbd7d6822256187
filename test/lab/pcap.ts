/** One captured frame, as far as the lab looks into it. */
export interface Packet {
  readonly atMs: number;
  /** `link` is whatever is not IP (ARP); `ip` an IP protocol without ports. */
  readonly kind: 'udp' | 'tcp' | 'icmp' | 'ip' | 'link';
  readonly source: Endpoint;
  readonly destination: Endpoint;
  readonly payload: Buffer;
  readonly tcp: TcpFacts | undefined;
  readonly etherType: number;
}

/** Port 0 where the protocol has none; address '' below IP. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface TcpFacts {
  readonly seq: number;
  /** Everything before it has been received; only with `ack`. */
  readonly ackNumber: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly rst: boolean;
}

const nowhere: Endpoint = { address: '', port: 0 };
const etherTypeV4 = 0x0800;
const etherTypeV6 = 0x86dd;

/**
 * Reads a capture file (classic pcap, either byte order, micro- or nanoseconds, Ethernet). Throws where a count
 * of bytes could not be trusted: a frame cut short by the snap length, an IP fragment.
 */
export function readPcap(file: Buffer): Packet[] {
  if (file.length < 24) return [];
  const magic = file.readUInt32LE(0);
  const big = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1;
  const order = big ? file.readUInt32BE(0) : magic;
  if (order !== 0xa1b2c3d4 && order !== 0xa1b23c4d) throw new Error('not a pcap file');
  const perMs = order === 0xa1b23c4d ? 1e6 : 1e3;
  const u32 = (at: number) => (big ? file.readUInt32BE(at) : file.readUInt32LE(at));
  if (u32(20) !== 1) throw new Error(`link type ${u32(20)} is not Ethernet`);
  const packets: Packet[] = [];
  let at = 24;
  while (at + 16 <= file.length) {
    const lengthBytes = u32(at + 8);
    if (u32(at + 12) !== lengthBytes) throw new Error('a frame was cut short by the snap length');
    // The last record may still be on its way into the file.
    if (at + 16 + lengthBytes > file.length) break;
    const frame = file.subarray(at + 16, at + 16 + lengthBytes);
    packets.push(parseFrame(frame, u32(at) * 1000 + u32(at + 4) / perMs));
    at += 16 + lengthBytes;
  }
  return packets;
}

function parseFrame(frame: Buffer, atMs: number): Packet {
  const etherType = frame.readUInt16BE(12);
  const inner = frame.subarray(14);
  if (etherType === etherTypeV4) return parseV4(inner, atMs);
  if (etherType === etherTypeV6) return parseV6(inner, atMs);
  return {
    atMs,
    kind: 'link',
    source: nowhere,
    destination: nowhere,
    payload: inner,
    tcp: undefined,
    etherType,
  };
}

/** RFC 791 s.3.1. */
function parseV4(bytes: Buffer, atMs: number): Packet {
  if ((bytes.readUInt16BE(6) & 0x3fff) !== 0) throw new Error('an IPv4 fragment');
  const headerBytes = (bytes.readUInt8(0) & 0x0f) * 4;
  const payload = bytes.subarray(headerBytes, bytes.readUInt16BE(2));
  const address = (at: number) => bytes.subarray(at, at + 4).join('.');
  return parseTransport(bytes.readUInt8(9), payload, address(12), address(16), atMs, etherTypeV4);
}

/** RFC 8200 s.3 and 4: hop-by-hop, routing and destination options are stepped over. */
function parseV6(bytes: Buffer, atMs: number): Packet {
  const end = 40 + bytes.readUInt16BE(4);
  let next = bytes.readUInt8(6);
  let at = 40;
  while (next === 0 || next === 43 || next === 60) {
    next = bytes.readUInt8(at);
    at += 8 + bytes.readUInt8(at + 1) * 8;
  }
  if (next === 44) throw new Error('an IPv6 fragment');
  const payload = bytes.subarray(at, end);
  return parseTransport(next, payload, textOfV6(bytes, 8), textOfV6(bytes, 24), atMs, etherTypeV6);
}

function parseTransport(
  protocol: number,
  bytes: Buffer,
  from: string,
  to: string,
  atMs: number,
  etherType: number,
): Packet {
  const base = { atMs, etherType, tcp: undefined };
  if (protocol !== 6 && protocol !== 17) {
    return {
      ...base,
      kind: protocol === 1 || protocol === 58 ? 'icmp' : 'ip',
      source: { address: from, port: 0 },
      destination: { address: to, port: 0 },
      payload: bytes,
    };
  }
  const source = { address: from, port: bytes.readUInt16BE(0) };
  const destination = { address: to, port: bytes.readUInt16BE(2) };
  if (protocol === 17) {
    const payload = bytes.subarray(8, bytes.readUInt16BE(4));
    return { ...base, kind: 'udp', source, destination, payload };
  }
  const flags = bytes.readUInt8(13);
  const tcp: TcpFacts = {
    seq: bytes.readUInt32BE(4),
    ackNumber: bytes.readUInt32BE(8),
    fin: (flags & 0x01) !== 0,
    syn: (flags & 0x02) !== 0,
    rst: (flags & 0x04) !== 0,
    ack: (flags & 0x10) !== 0,
  };
  const payload = bytes.subarray((bytes.readUInt8(12) >> 4) * 4);
  return { ...base, kind: 'tcp', source, destination, payload, tcp };
}

const v6Texts = new Map<string, string>();

/** The canonical text of an IPv6 address (RFC 5952). */
function textOfV6(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  let text = v6Texts.get(hex);
  if (text === undefined) {
    text = new URL(`http://[${hex.match(/.{4}/g)?.join(':')}]/`).hostname.slice(1, -1);
    v6Texts.set(hex, text);
  }
  return text;
}
