import type { Datapath, UdpPair } from '#hal';

/** A pair of server ports lent to one viewer; `release` may be called once. */
export interface LentPair {
  readonly pair: UdpPair;
  release(): Promise<void>;
}

interface Shared {
  readonly pair: Promise<UdpPair>;
  readonly viewerAddresses: Set<string>;
}

/**
 * The UDP ports on the origins' addresses that media leaves from. Viewers of a feed's track share one pair, as the engine
 * sends to all of them through one socket; viewers of different feeds never do: a feed and its sockets live on one thread
 * of the engine, also where two feeds are of one URL (each viewer of a recording has its own). Two viewers at one address never do: behind a NAT both may declare the same
 * ports, and only a port of its own tells the punch of one from the punch of the other.
 */
export class ServerPorts {
  readonly #datapath: Datapath;
  /** By feed and track. */
  readonly #shared = new WeakMap<object, Map<number, Set<Shared>>>();

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
  }

  /** @throws {WeirError} SOCKET_FAILED when no port can be bound. */
  async lend(wish: {
    readonly originAddress: string;
    readonly feed: object;
    readonly track: number;
    readonly viewerAddress: string;
  }): Promise<LentPair> {
    const { feed, track, viewerAddress } = wish;
    const group = this.#group(feed, track);
    let shared = group.values().find(({ viewerAddresses }) => !viewerAddresses.has(viewerAddress));
    if (shared === undefined) {
      const pair = this.#datapath.udpPair({ address: wish.originAddress, transparent: true });
      shared = { pair, viewerAddresses: new Set() };
      group.add(shared);
    }
    shared.viewerAddresses.add(viewerAddress);
    try {
      return { pair: await shared.pair, release: () => release(group, shared, viewerAddress) };
    } catch (error) {
      group.delete(shared);
      throw error;
    }
  }

  #group(feed: object, track: number): Set<Shared> {
    const tracks = this.#shared.get(feed) ?? new Map<number, Set<Shared>>();
    this.#shared.set(feed, tracks);
    const group = tracks.get(track) ?? new Set();
    tracks.set(track, group);
    return group;
  }
}

async function release(group: Set<Shared>, shared: Shared, viewerAddress: string): Promise<void> {
  shared.viewerAddresses.delete(viewerAddress);
  if (shared.viewerAddresses.size > 0) return;
  group.delete(shared);
  await (await shared.pair).close();
}
