import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { CloseStack, type Signal } from '#base';
import type { Datapath, Endpoint } from '../../hal/datapath/face.ts';
import { SimDatapath } from '../../hal/sim/datapath.ts';

export interface Datagram {
  readonly from: Endpoint;
  readonly bytes: Uint8Array;
}

/** A UDP socket of a far host. */
export interface FarUdp {
  readonly local: Endpoint;
  readonly received: readonly Datagram[];
  send(to: Endpoint, bytes: Uint8Array): void;
  /** Resolves when so many have arrived in all. */
  arrived(count: number): Promise<readonly Datagram[]>;
  close(): Promise<void>;
}

/** A datapath and the far hosts around it. */
export interface DatapathWorld {
  readonly datapath: Datapath;
  /** Where the datapath's own sockets may be bound. */
  readonly address: string;
  /** Connects as a viewer. */
  dial(to: Endpoint): Promise<Duplex>;
  /** Serves as an origin. */
  serve(accept: (stream: Duplex) => void): Promise<Endpoint>;
  udp(): Promise<FarUdp>;
  /** An address where nobody listens. */
  readonly refusing: Endpoint;
  /** An address that never answers; undefined where such a place cannot be made. */
  readonly silent: Endpoint | undefined;
  close(): Promise<void>;
}

/** Resolves with the next fact of a signal. */
export function next<T>(signal: Signal<T>): Promise<T> {
  return new Promise((resolve) => {
    const listening = signal.on((fact) => {
      listening[Symbol.dispose]();
      resolve(fact);
    });
  });
}

/** Resolves when `condition` holds. For what announces itself by no event: counters. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Far sockets count arrivals alike, however the bytes travel. */
class Inbox {
  readonly received: Datagram[] = [];
  readonly #waiting: Array<{ count: number; resolve: () => void }> = [];

  readonly put = (datagram: Datagram): void => {
    this.received.push(datagram);
    for (const { count, resolve } of this.#waiting) if (this.received.length >= count) resolve();
  };

  async arrived(count: number): Promise<readonly Datagram[]> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ count, resolve });
    if (this.received.length < count) await promise;
    return this.received;
  }
}

/** The simulated datapath in a world without a kernel. */
export async function simWorld(): Promise<DatapathWorld> {
  const datapath = new SimDatapath();
  const viewer = '198.51.100.7';
  const origin = '203.0.113.9';
  const silent = { address: origin, port: 9 };
  let port = 554;
  datapath.serve(silent, 'silent');
  return {
    datapath,
    address: '192.0.2.1',
    refusing: { address: origin, port: 1 },
    silent,
    dial: async (to) => datapath.dial({ address: viewer, port: ++port }, to),
    serve: async (accept) => {
      const at = { address: origin, port: ++port };
      datapath.serve(at, accept);
      return at;
    },
    udp: async () => {
      const socket = datapath.udpSocket({ address: viewer, port: 0 });
      const inbox = new Inbox();
      socket.arrived.on(inbox.put);
      return {
        local: socket.local,
        received: inbox.received,
        send: socket.send,
        arrived: (count) => inbox.arrived(count),
        close: async () => socket[Symbol.dispose](),
      };
    },
    close: () => datapath.close(),
  };
}

/** `datapath` on loopback sockets of this machine. */
export async function loopbackWorld(
  datapath: Datapath,
  silent: Endpoint | undefined,
): Promise<DatapathWorld> {
  const address = '127.0.0.1';
  const owned = new CloseStack();
  owned.use(datapath);
  return {
    datapath,
    address,
    refusing: { address, port: 1 },
    silent,
    dial: async (to) => {
      const socket = connect({ host: to.address, port: to.port, allowHalfOpen: true, noDelay: true });
      owned.defer(() => void socket.destroy());
      await once(socket, 'connect');
      return socket;
    },
    serve: async (accept) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        owned.defer(() => void socket.destroy());
        accept(socket);
      });
      server.listen(0, address);
      await once(server, 'listening');
      owned.defer(() => void server.close());
      return { address, port: (server.address() as AddressInfo).port };
    },
    udp: async () => {
      const socket = createSocket('udp4');
      const inbox = new Inbox();
      socket.on('message', (bytes, from) =>
        inbox.put({ bytes, from: { address: from.address, port: from.port } }),
      );
      socket.bind(0, address);
      await once(socket, 'listening');
      const closed = once(socket, 'close');
      const close = async () => {
        socket.close();
        await closed;
      };
      let closing: Promise<void> | undefined;
      const closeOnce = () => (closing ??= close());
      owned.defer(closeOnce);
      return {
        local: { address, port: socket.address().port },
        received: inbox.received,
        send: (to, bytes) => socket.send(bytes, to.port, to.address),
        arrived: (count) => inbox.arrived(count),
        close: closeOnce,
      };
    },
    close: () => owned.close(),
  };
}
