import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { WeirError } from '#base';

export const AF_INET = 2;
export const AF_INET6 = 10;
export type IpFamily = typeof AF_INET | typeof AF_INET6;

/** An IP address as the kernel takes it: 4 or 16 bytes in network order. */
export type IpBytes = Uint8Array;

/** An address with the length of its network prefix: `192.0.2.1/24`. */
export interface IpPrefix {
  readonly address: string;
  readonly prefixLength: number;
}

export const familyOf = (bytes: IpBytes): IpFamily => (bytes.length === 4 ? AF_INET : AF_INET6);

/** An address family of the kernel's, if it is one of IP. */
export const ipFamily = (value: number | undefined): IpFamily | undefined =>
  value === AF_INET || value === AF_INET6 ? value : undefined;

/** The bytes of `text`; undefined when it is not an IP address. A zone (`%wan0`) is none of an address. */
export function parseIp(text: string): IpBytes | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const before = groupBytes(head);
  const after = groupBytes(tail ?? '');
  const gap = new Array<number>(16 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...gap, ...after]);
}

function groupBytes(groups: string): number[] {
  return groups.split(':').flatMap((group) => {
    if (group === '') return [];
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** The canonical text of an address, the same as inet_ntop(3) and so as the datapath's (RFC 5952). */
export function formatIp(bytes: IpBytes): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** The canonical text of an address; CONFIG_BAD_VALUE when it is none. */
export function canonicalIp(text: string): string {
  const bytes = parseIp(text);
  if (!bytes) throw new WeirError('CONFIG_BAD_VALUE', `"${text}" is not an IP address`);
  return formatIp(bytes);
}

/** Parses `192.0.2.1/24` or `2001:db8::1/64`; CONFIG_BAD_VALUE when it is not that. */
export function parsePrefix(text: string): IpPrefix {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const bytes = parseIp(address);
  const prefixLength = Number(length);
  if (!bytes || prefixLength > bytes.length * 8) {
    throw new WeirError('CONFIG_BAD_VALUE', `"${text}" is not an address with a prefix length`, {
      advice: 'write it like 192.0.2.1/24 or 2001:db8::1/64',
    });
  }
  return { address: formatIp(bytes), prefixLength };
}

/** The network an address with a prefix length belongs to: `192.0.2.0/24`. */
export function networkOf({ address, prefixLength }: IpPrefix): string {
  const bytes = parseIp(address) ?? new Uint8Array();
  const network = bytes.map((byte, index) => {
    const significant = Math.max(0, Math.min(8, prefixLength - 8 * index));
    return byte & (0xff << (8 - significant));
  });
  return `${formatIp(network)}/${prefixLength}`;
}

/** Whether the address belongs to the network of `prefix`. */
export function isWithin(bytes: IpBytes, prefix: IpPrefix): boolean {
  const network = parseIp(prefix.address);
  if (network?.length !== bytes.length) return false;
  return network.every((byte, index) => {
    const significant = Math.max(0, Math.min(8, prefix.prefixLength - 8 * index));
    return (byte ^ (bytes[index] ?? 0)) >> (8 - significant) === 0;
  });
}

/** 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 s.2.5.6). */
export function isLinkLocal(bytes: IpBytes): boolean {
  const [first = 0, second = 0] = bytes;
  return bytes.length === 4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80;
}
