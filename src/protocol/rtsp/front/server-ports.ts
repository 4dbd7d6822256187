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
 * The UDP ports on the origins' addresses that media leaves from. Viewers of a track share one pair, as the engine
 * sends to all of them through one socket; two viewers at one address never do: behind a NAT both may declare the same
 * ports, and only a port of its own tells the punch of one from the punch of the other.
 */
export class ServerPorts {
  readonly #datapath: Datapath;
  /** By origin address, feed and track. */
  readonly #shared = new Map<string, Shared[]>();

  constructor(datapath: Datapath) {
    this.#datapath = datapath;
  }

  /** @throws {WeirError} SOCKET_FAILED when no port can be bound. */
  async lend(wish: {
    readonly originAddress: string;
    readonly feedKey: string;
    readonly track: number;
    readonly viewerAddress: string;
  }): Promise<LentPair> {
    const key = `${wish.originAddress} ${wish.feedKey} ${wish.track}`;
    const group = this.#shared.get(key) ?? [];
    this.#shared.set(key, group);
    let shared = group.find(({ viewerAddresses }) => !viewerAddresses.has(wish.viewerAddress));
    if (shared === undefined) {
      const pair = this.#datapath.udpPair({ address: wish.originAddress, transparent: true });
      shared = { pair, viewerAddresses: new Set() };
      group.push(shared);
    }
    shared.viewerAddresses.add(wish.viewerAddress);
    try {
      return { pair: await shared.pair, release: () => this.#release(key, shared, wish.viewerAddress) };
    } catch (error) {
      this.#forget(key, shared);
      throw error;
    }
  }

  async #release(key: string, shared: Shared, viewerAddress: string): Promise<void> {
    shared.viewerAddresses.delete(viewerAddress);
    if (shared.viewerAddresses.size > 0) return;
    this.#forget(key, shared);
    await (await shared.pair).close();
  }

  #forget(key: string, shared: Shared): void {
    const left = this.#shared.get(key)?.filter((one) => one !== shared) ?? [];
    if (left.length > 0) this.#shared.set(key, left);
    else this.#shared.delete(key);
  }
}
