import { Signal, WeirError } from '#base';
import type { Endpoint, UdpPair, UdpPairOptions } from '../datapath/face.ts';
import { keyOf, raise } from './sim.ts';

export interface Datagram {
  readonly from: Endpoint;
  readonly bytes: Uint8Array;
}

/** A socket of a simulated far host. */
export interface SimUdpSocket extends Disposable {
  readonly local: Endpoint;
  /** All that arrived, in order. */
  readonly received: readonly Datagram[];
  readonly arrived: Signal<Datagram>;
  send(to: Endpoint, bytes: Uint8Array): void;
}

/** Datagrams in memory: whoever bound an endpoint gets what is sent to it. */
export class SimUdp {
  readonly #bound = new Map<string, (datagram: Datagram) => void>();
  #nextPort = 30_000;

  /** Delivers at once; false when nobody is bound there, as ICMP would tell. */
  send(from: Endpoint, to: Endpoint, bytes: Uint8Array): boolean {
    const receive = this.#bound.get(keyOf(to));
    receive?.({ from, bytes: Uint8Array.from(bytes) });
    return receive !== undefined;
  }

  isFree(at: Endpoint): boolean {
    return !this.#bound.has(keyOf(at));
  }

  bind(at: Endpoint, receive: (datagram: Datagram) => void): Disposable {
    if (!this.isFree(at)) {
      throw new WeirError('SOCKET_FAILED', 'bind failed', { fields: { errno: 'EADDRINUSE', ...at } });
    }
    this.#bound.set(keyOf(at), receive);
    return { [Symbol.dispose]: () => this.#bound.delete(keyOf(at)) };
  }

  /** A socket of a far host; port 0: any. */
  socket(at: Endpoint): SimUdpSocket {
    const local = at.port === 0 ? { ...at, port: this.freeEvenPort(at.address) } : at;
    const received: Datagram[] = [];
    const arrived = new Signal<Datagram>(raise);
    const bound = this.bind(local, (datagram) => {
      received.push(datagram);
      arrived.emit(datagram);
    });
    return {
      local,
      received,
      arrived,
      send: (to, bytes) => void this.send(local, to, bytes),
      [Symbol.dispose]: () => bound[Symbol.dispose](),
    };
  }

  freeEvenPort(address: string): number {
    for (let tries = 0; tries < 16_384; tries += 1) {
      const port = this.#nextPort;
      this.#nextPort = port >= 65_532 ? 30_000 : port + 2;
      if (this.isFree({ address, port }) && this.isFree({ address, port: port + 1 })) return port;
    }
    throw new WeirError('LIMIT_REACHED', 'no two adjacent ports are free', { fields: { address } });
  }
}

/** Who listens on a pair: a feed for its upstream, or viewers, told apart by their address. */
export interface PairUser {
  /** True when the datagram was for this user. */
  receive(datagram: Datagram, port: 'rtp' | 'rtcp'): boolean;
}

export class SimUdpPair implements UdpPair {
  readonly rtp: Endpoint;
  readonly rtcp: Endpoint;
  readonly users = new Set<PairUser>();
  readonly #udp: SimUdp;
  readonly #bound: readonly Disposable[];
  #closing: Promise<void> | undefined;

  constructor(udp: SimUdp, options: UdpPairOptions) {
    const { address, rtpPort } = options;
    const wanted =
      rtpPort !== undefined && [rtpPort, rtpPort + 1].every((port) => udp.isFree({ address, port }));
    const port = wanted ? rtpPort : udp.freeEvenPort(address);
    this.#udp = udp;
    this.rtp = { address, port };
    this.rtcp = { address, port: port + 1 };
    this.#bound = [
      udp.bind(this.rtp, (datagram) => this.#receive(datagram, 'rtp')),
      udp.bind(this.rtcp, (datagram) => this.#receive(datagram, 'rtcp')),
    ];
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** False when the port was refused. */
  send(port: 'rtp' | 'rtcp', to: Endpoint, bytes: Uint8Array): boolean {
    return this.closed || this.#udp.send(this[port], to, bytes);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(() => {
      for (const bound of this.#bound) bound[Symbol.dispose]();
      this.users.clear();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(datagram: Datagram, port: 'rtp' | 'rtcp'): void {
    for (const user of this.users) if (user.receive(datagram, port)) return;
  }
}
