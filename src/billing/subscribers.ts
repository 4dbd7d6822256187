import { isIPv4, isIPv6 } from 'node:net';
import type { Config } from '../config/index.ts';

type Entries = Config['billing']['subscribers'];

/** Who a viewer is: by its MAC address, else by the longest prefix that holds its address. */
export class Subscribers {
  readonly #byMac = new Map<string, string>();
  /** Prefixes of one family and length, by their network bits; the longest length first. */
  readonly #byPrefix: {
    readonly bits: 32 | 128;
    readonly length: number;
    readonly ids: Map<bigint, string>;
  }[] = [];

  constructor(entries: Entries) {
    for (const { id, prefixes, macs } of entries) {
      for (const mac of macs) this.#byMac.set(mac.toLowerCase(), id);
      for (const prefix of prefixes) this.#addPrefix(prefix, id);
    }
    this.#byPrefix.sort((one, other) => other.length - one.length);
  }

  #addPrefix(prefix: string, id: string): void {
    const [address = '', length = ''] = prefix.split('/');
    const network = networkBits(address, Number(length));
    if (network === undefined) return;
    const { bits, value } = network;
    let group = this.#byPrefix.find((one) => one.bits === bits && one.length === Number(length));
    if (group === undefined) {
      group = { bits, length: Number(length), ids: new Map() };
      this.#byPrefix.push(group);
    }
    if (!group.ids.has(value)) group.ids.set(value, id);
  }

  /** The subscriber at this address; undefined: none that is known. */
  find(address: string, mac: string | undefined): string | undefined {
    const byMac = mac === undefined ? undefined : this.#byMac.get(mac.toLowerCase());
    if (byMac !== undefined) return byMac;
    for (const { bits, length, ids } of this.#byPrefix) {
      const network = networkBits(address, length);
      if (network?.bits !== bits) continue;
      const id = ids.get(network.value);
      if (id !== undefined) return id;
    }
    return undefined;
  }
}

/** The first `length` bits of an address as a number. */
function networkBits(address: string, length: number): { bits: 32 | 128; value: bigint } | undefined {
  const all = addressBits(address);
  return all && { bits: all.bits, value: all.value >> BigInt(Math.max(0, all.bits - length)) };
}

function addressBits(address: string): { bits: 32 | 128; value: bigint } | undefined {
  if (isIPv4(address)) return { bits: 32, value: joinBits(address.split('.').map(Number), 8n) };
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const [head = '', tail] = address.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const gap = new Array<number>(8 - before.length - after.length).fill(0);
  return { bits: 128, value: joinBits([...before, ...gap, ...after], 16n) };
}

/** The 16-bit groups of a part of an IPv6 address; its end may be written like an IPv4 address (RFC 4291 s.2.2). */
function groups(text: string): number[] {
  return text.split(':').flatMap((group) => {
    if (group === '') return [];
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

const joinBits = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((value, part) => (value << width) | BigInt(part), 0n);
