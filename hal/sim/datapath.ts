import { type Clock, type Closeable, Signal, systemClock, WeirError } from '#base';
import {
  badArgument,
  checkConnect,
  checkFeed,
  checkLimits,
  checkListen,
  checkUdpPair,
} from '../datapath/arguments.ts';
import type {
  ConnectOptions,
  Datapath,
  Endpoint,
  EngineThread,
  FanOut,
  FeedOptions,
  InterleavedConnection,
  ListenOptions,
  MessageLimits,
  Splice,
  TcpConnection,
  TcpListener,
  UdpPair,
  UdpPairOptions,
} from '../datapath/face.ts';
import { SimConnection } from './connection.ts';
import { SimFeed } from './feed.ts';
import { alreadyClosed, keyOf, raise } from './sim.ts';
import { SimSplice } from './splice.ts';
import { SimUdp, SimUdpPair, type SimUdpSocket } from './udp.ts';
import { WireEnd, WireStream } from './wire.ts';

/** What answers at a simulated origin's address: a server, or a host that drops everything. */
export type SimOrigin = ((stream: WireStream, connection: TcpConnection) => void) | 'silent';

/** Calls that can be told to fail. */
export type SimCall = 'listen' | 'connect' | 'adopt' | 'splice' | 'udpPair' | 'createFeed' | 'ping';

/**
 * The datapath in memory. A test is the far hosts: it dials as a viewer, serves as an origin, binds UDP sockets, and
 * reads what reaches them. Nothing is paced: what a viewer is due arrives at once.
 */
export class SimDatapath implements Datapath {
  readonly #clock: Clock;
  readonly #udp = new SimUdp();
  readonly #listeners = new Map<SimListener, ListenOptions>();
  readonly #origins = new Map<string, SimOrigin>();
  readonly #ends = new WeakMap<TcpConnection, { end: WireEnd; stream: WireStream }>();
  readonly #open = new Set<Closeable>();
  readonly #failures = new Map<SimCall, WeirError>();
  #nextPort = 50_000;
  #closing: Promise<void> | undefined;

  constructor(options: { clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  /** Feeds that are open, oldest first. */
  get feeds(): readonly SimFeed[] {
    return [...this.#open].filter((owned) => owned instanceof SimFeed).filter((feed) => !feed.closed);
  }

  /** Connects as the viewer at `from`; the listener bound there, or a transparent one, gets it. Throws when none is. */
  dial(from: Endpoint, to: Endpoint): WireStream {
    const listeners = [...this.#listeners];
    const exact = listeners.find(([, options]) => keyOf(options.local) === keyOf(to));
    const family = (at: Endpoint) => at.address.includes(':');
    const any = listeners.find(([, { transparent, local }]) => transparent && family(local) === family(to));
    const [listener] = exact ?? any ?? [];
    if (!listener) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const [far, near] = WireEnd.pair(from, to);
    listener.accepted.emit(this.#connection(near));
    return new WireStream(far);
  }

  /** Answers `connect` to this address from now on. Without it a connection is refused. */
  serve(at: Endpoint, origin: SimOrigin): Disposable {
    this.#origins.set(keyOf(at), origin);
    return { [Symbol.dispose]: () => this.#origins.delete(keyOf(at)) };
  }

  /** A UDP socket of a far host. Datagrams to where nobody is bound count as refused. */
  udpSocket(at: Endpoint): SimUdpSocket {
    return this.#udp.socket(at);
  }

  /** The next such call rejects with this error. */
  failNext(call: SimCall, error: WeirError): void {
    this.#failures.set(call, error);
  }

  async listen(options: ListenOptions): Promise<TcpListener> {
    checkListen(options);
    this.#begin('listen');
    const port = options.local.port === 0 ? this.#port() : options.local.port;
    const local = { ...options.local, port };
    if ([...this.#listeners.values()].some((other) => keyOf(other.local) === keyOf(local))) {
      throw new WeirError('SOCKET_FAILED', 'bind failed', { fields: { errno: 'EADDRINUSE', ...local } });
    }
    const listener = new SimListener(local, () => this.#listeners.delete(listener));
    this.#listeners.set(listener, { ...options, local });
    return this.#own(listener);
  }

  async connect(options: ConnectOptions): Promise<TcpConnection> {
    checkConnect(options);
    this.#begin('connect');
    const origin = this.#origins.get(keyOf(options.remote));
    const fields = { ...options.remote };
    if (origin === undefined) {
      throw new WeirError('ORIGIN_UNREACHABLE', 'connect failed', {
        fields: { errno: 'ECONNREFUSED', ...fields },
      });
    }
    if (origin === 'silent') {
      const { promise, resolve } = Promise.withResolvers<void>();
      using _limit = this.#clock.after(options.timeoutMs, resolve);
      await promise;
      throw new WeirError('TIMED_OUT', 'connect timed out', {
        fields: { timeoutMs: options.timeoutMs, ...fields },
      });
    }
    const address = options.local?.address ?? (options.remote.address.includes(':') ? '::1' : '127.0.0.1');
    const local = { address, port: options.local?.port || this.#port() };
    const [near, far] = WireEnd.pair(local, options.remote);
    const stream = new WireStream(far);
    origin(stream, { stream, local: far.local, remote: far.remote });
    return this.#connection(near);
  }

  async adopt(
    connection: TcpConnection,
    options: { unread?: Uint8Array; limits: MessageLimits },
  ): Promise<InterleavedConnection> {
    checkLimits(options.limits);
    const [taken] = this.#begin('adopt', connection) as [Taken];
    const unread = Buffer.concat([options.unread ?? new Uint8Array(), taken.unread]);
    const { limits } = options;
    return this.#own(new SimConnection(taken.end, { unread, limits, clock: this.#clock }));
  }

  async splice(
    a: TcpConnection,
    b: TcpConnection,
    options: { toA?: Uint8Array; toB?: Uint8Array } = {},
  ): Promise<Splice> {
    const [endA, endB] = this.#begin('splice', a, b) as [Taken, Taken];
    const toA = Buffer.concat([options.toA ?? new Uint8Array(), endB.unread]);
    const toB = Buffer.concat([options.toB ?? new Uint8Array(), endA.unread]);
    return this.#own(new SimSplice(endA.end, endB.end, { toA, toB }));
  }

  async udpPair(options: UdpPairOptions): Promise<UdpPair> {
    checkUdpPair(options);
    this.#begin('udpPair');
    return this.#own(new SimUdpPair(this.#udp, options));
  }

  async createFeed(options: FeedOptions): Promise<SimFeed> {
    checkFeed(options);
    this.#begin('createFeed');
    return this.#own(new SimFeed(options, this.#clock));
  }

  async ping(): Promise<void> {
    this.#begin('ping');
  }

  engineCpuNs(): bigint {
    return 0n;
  }

  engineThreads(): readonly EngineThread[] {
    return [];
  }

  async cloneAt(): Promise<void> {}

  fanOut(): FanOut {
    return { by: 'sockets', why: 'simulated', clonedPackets: 0n };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(async () => {
      await Promise.all([...this.#open].map((owned) => owned.close()));
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Fails as told or closed; takes the wires out of the connections that are handed over. */
  #begin(call: SimCall, ...connections: TcpConnection[]): Taken[] {
    if (this.#closing) throw alreadyClosed('datapath');
    const failure = this.#failures.get(call);
    this.#failures.delete(call);
    if (failure) throw failure;
    return connections.map((connection) => {
      const held = this.#ends.get(connection);
      if (!held) throw badArgument('connection', 'handed over before, or of another datapath');
      this.#ends.delete(connection);
      return { end: held.end, unread: held.stream.release() };
    });
  }

  #connection(end: WireEnd): TcpConnection {
    const stream = new WireStream(end);
    const connection = { stream, local: end.local, remote: end.remote };
    this.#ends.set(connection, { end, stream });
    return connection;
  }

  #own<T extends Closeable>(owned: T): T {
    this.#open.add(owned);
    return owned;
  }

  #port(): number {
    this.#nextPort += 1;
    return this.#nextPort;
  }
}

interface Taken {
  readonly end: WireEnd;
  readonly unread: Uint8Array;
}

class SimListener implements TcpListener {
  readonly local: Endpoint;
  readonly accepted = new Signal<TcpConnection>(raise);
  readonly #forget: () => void;
  #closing: Promise<void> | undefined;

  constructor(local: Endpoint, forget: () => void) {
    this.local = local;
    this.#forget = forget;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(this.#forget);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
