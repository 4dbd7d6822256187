import { isIPv6 } from 'node:net';
import { formatIp, type IpBytes, isWithin } from '../ip-address.ts';
import type { NicAddress } from '../nics.ts';
import type { NetworkNotice, Rtnetlink } from './rtnetlink.ts';
import type { InterfaceAddress, Link } from './rtnetlink-messages.ts';

/** Links, addresses and neighbours of the kernel, as they were read last and told since. */
export class KnownNetwork {
  readonly #network: Rtnetlink;
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<string, InterfaceAddress>();
  /** MAC by ifindex and address. */
  readonly #neighbours = new Map<string, string>();
  /** Notices that came while everything was being read: they are newer than what was read. */
  #unread: NetworkNotice[] | undefined;

  constructor(network: Rtnetlink) {
    this.#network = network;
  }

  get links(): readonly Link[] {
    return [...this.#links.values()];
  }

  link(ifindex: number): Link | undefined {
    return this.#links.get(ifindex);
  }

  get addresses(): readonly InterfaceAddress[] {
    return [...this.#addresses.values()];
  }

  /** IPv4 first; in an order that does not depend on whether they were read or told one by one. */
  addressesOf(ifindex: number): readonly NicAddress[] {
    return this.addresses
      .filter((address) => address.ifindex === ifindex)
      .sort((a, b) => Number(isIPv6(a.address)) - Number(isIPv6(b.address)) || compare(a.address, b.address))
      .map(({ address, prefixLength, duplicate }) => ({
        address,
        prefixLength,
        ...(duplicate && ({ duplicate } as const)),
      }));
  }

  /** Without a router between: in a subnet of that link. */
  isAttached(ifindex: number, bytes: IpBytes): boolean {
    return this.addresses.some((own) => own.ifindex === ifindex && isWithin(bytes, own));
  }

  neighbour(ifindex: number, bytes: IpBytes): string | undefined {
    return this.#neighbours.get(neighbourKey(ifindex, formatIp(bytes)));
  }

  /** Reads everything anew. */
  async read(): Promise<void> {
    const unread: NetworkNotice[] = [];
    this.#unread = unread;
    try {
      const links = await this.#network.links();
      const addresses = await this.#network.addresses();
      const neighbours = await this.#network.neighbours();
      this.#links.clear();
      this.#addresses.clear();
      this.#neighbours.clear();
      for (const link of links) this.#store({ kind: 'link', link, gone: false });
      for (const address of addresses) this.#store({ kind: 'address', address, gone: false });
      for (const neighbour of neighbours) this.#store({ kind: 'neighbour', neighbour });
    } finally {
      this.#unread = undefined;
      for (const notice of unread) this.#store(notice);
    }
  }

  /** Takes over what the kernel tells; false: not before what is being read has been. */
  learn(notice: NetworkNotice): boolean {
    if (this.#unread) this.#unread.push(notice);
    else this.#store(notice);
    return this.#unread === undefined;
  }

  #store(notice: NetworkNotice): void {
    if (notice.kind === 'link') {
      if (notice.gone) this.#links.delete(notice.link.ifindex);
      else this.#links.set(notice.link.ifindex, notice.link);
    } else if (notice.kind === 'address') {
      const key = `${notice.address.ifindex} ${notice.address.address}/${notice.address.prefixLength}`;
      if (notice.gone) this.#addresses.delete(key);
      else this.#addresses.set(key, notice.address);
    } else if (notice.kind === 'neighbour') {
      const { ifindex, address, mac } = notice.neighbour;
      if (mac === undefined) this.#neighbours.delete(neighbourKey(ifindex, address));
      else this.#neighbours.set(neighbourKey(ifindex, address), mac);
    }
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const neighbourKey = (ifindex: number, address: string): string => `${ifindex} ${address}`;
