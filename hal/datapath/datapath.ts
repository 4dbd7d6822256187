import { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import {
  type Clock,
  describeError,
  type ErrorFields,
  isWeirError,
  type Log,
  systemClock,
  WeirError,
} from '#base';
import { type Addon, type Answers, loadAddon } from './addon.ts';
import { badArgument, checkConnect, checkFeed, checkLimits, checkListen, checkUdpPair } from './arguments.ts';
import { NativeConnection } from './connection.ts';
import { CounterTable } from './counters.ts';
import { EngineThreads } from './engine-threads.ts';
import type {
  ConnectOptions,
  Datapath,
  Endpoint,
  EngineThread,
  FanOut,
  FeedOptions,
  FeedPath,
  InterleavedConnection,
  ListenOptions,
  MessageLimits,
  Splice,
  TcpConnection,
  TcpListener,
  UdpPair,
  UdpPairOptions,
} from './face.ts';
import { NativeFeed } from './feed.ts';
import { NativeListener } from './listener.ts';
import { NativeSplice } from './splice.ts';
import { NativeUdpPair } from './udp-pair.ts';

/** SCHED_FIFO priority of the engines: above normal work, below the kernel's own threads (50). */
const realtimePriority = 10;
/** One per feed, viewer, connection and splice; 128 bytes each. */
const defaultSlots = 16_384;
/** RFC 5482: how long sent bytes may stay unacknowledged before the connection is given up. */
const userTimeoutMs = 30_000;
const pingLimitMs = 1_000;

export interface DatapathOptions {
  readonly log: Log;
  /** Run the engines' threads under SCHED_FIFO; without the rights they run as others do, and the log says so. */
  readonly realtime: boolean;
  /** How many engines, one thread each, the feeds are spread over. 1 when not given. */
  readonly threads?: number;
  /** Have the kernel clone what goes to many viewers, see `Datapath.cloneAt`. Where it cannot, the log says so. */
  readonly cloning?: boolean;
  readonly clock?: Clock;
  readonly slots?: number;
}

/** Starts the native engines. DATAPATH_NOT_BUILT when the addon is not there. */
export function openDatapath(options: DatapathOptions): Datapath {
  return new NativeDatapath(loadAddon(), options);
}

interface Taken {
  readonly fd: number;
  readonly unread: Uint8Array;
}

interface HeldSocket {
  readonly socket: Socket;
  readonly fd: number;
}

class NativeDatapath implements Datapath {
  readonly #addon: Addon;
  readonly #threads: EngineThreads;
  readonly #counters: CounterTable;
  readonly #log: Log;
  readonly #cloning: boolean;
  /** Why the kernel does not clone; undefined: it does, once it is told where. */
  #cloneRefusal: string | undefined;
  readonly #clock: Clock;
  readonly #sockets = new WeakMap<TcpConnection, HeldSocket>();
  #closing: Promise<void> | undefined;

  constructor(addon: Addon, options: DatapathOptions) {
    this.#addon = addon;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
    this.#cloning = options.cloning ?? false;
    this.#counters = new CounterTable(options.slots ?? defaultSlots);
    this.#threads = new EngineThreads({
      addon,
      counters: this.#counters,
      threads: options.threads ?? 1,
      realtimePriority: options.realtime ? realtimePriority : 0,
      cloning: this.#cloning,
      log: options.log,
    });
    if (options.realtime && !this.#threads.realtime) {
      options.log.warn('datapath without realtime scheduling', { advice: 'grant CAP_SYS_NICE' });
    }
    const refused = this.#threads.cloning().find((engine) => engine.refused)?.refused;
    if (refused) {
      const { what, errno, verifier } = refused;
      this.#noClones(`${what}: ${getSystemErrorName(-errno)}`, verifier ? { verifier } : {});
    }
  }

  async listen(options: ListenOptions): Promise<TcpListener> {
    checkListen(options);
    this.#mustBeOpen();
    const { local, transparent, backlog = 1024 } = options;
    const { first } = this.#threads;
    const made = await first.request<Answers['listen']>('listen', { local, transparent, backlog });
    const toConnection = (accepted: Answers['connect']) => this.#connection(accepted);
    return first.own(new NativeListener(first, { ...made, toConnection }));
  }

  async connect(options: ConnectOptions): Promise<TcpConnection> {
    checkConnect(options);
    this.#mustBeOpen();
    const { remote, local, transparent = false, timeoutMs } = options;
    try {
      const request = { remote, transparent, timeoutMs, ...(local && { local }) };
      return this.#connection(await this.#threads.first.request<Answers['connect']>('connect', request));
    } catch (cause) {
      if (!isWeirError(cause, 'SOCKET_FAILED')) throw cause;
      const fields = { ...cause.fields, ...remote };
      throw new WeirError('ORIGIN_UNREACHABLE', `cannot connect: ${cause.fields.errno}`, { fields, cause });
    }
  }

  async adopt(
    connection: TcpConnection,
    options: { unread?: Uint8Array; limits: MessageLimits },
  ): Promise<InterleavedConnection> {
    checkLimits(options.limits);
    this.#mustBeOpen();
    const slot = this.#counters.take('connection');
    const { first } = this.#threads;
    try {
      const taken = await this.#take(connection);
      const unread = Buffer.concat([options.unread ?? new Uint8Array(), taken.unread]);
      const request = { fd: taken.fd, unread, ...options.limits, userTimeoutMs, slot: slot.index };
      const id = await this.#give<number>([taken.fd], () => first.request('adopt', request));
      const { local, remote } = connection;
      return first.own(new NativeConnection(first, { id, local, remote, slot }));
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  async splice(
    a: TcpConnection,
    b: TcpConnection,
    options: { toA?: Uint8Array; toB?: Uint8Array } = {},
  ): Promise<Splice> {
    this.#mustBeOpen();
    const port = this.#threads.leastLoaded;
    const slot = port.takeSlot('splice');
    const taken: Taken[] = [];
    try {
      for (const connection of [a, b]) taken.push(await this.#take(connection));
      const [fromA, fromB] = taken as [Taken, Taken];
      const toA = Buffer.concat([options.toA ?? new Uint8Array(), fromB.unread]);
      const toB = Buffer.concat([options.toB ?? new Uint8Array(), fromA.unread]);
      const request = { a: fromA.fd, b: fromB.fd, toA, toB, slot: slot.index };
      const id = await this.#give<number>(
        taken.splice(0).map(({ fd }) => fd),
        () => port.request('splice', request),
      );
      return port.own(new NativeSplice(port, { id, slot }));
    } catch (error) {
      for (const { fd } of taken) this.#addon.closeDescriptor(fd);
      slot.release();
      throw error;
    }
  }

  async udpPair(options: UdpPairOptions): Promise<UdpPair> {
    checkUdpPair(options);
    this.#mustBeOpen();
    const { first } = this.#threads;
    const made = await first.request<Answers['openPair']>('openPair', { ...options });
    return first.own(new NativeUdpPair(first, made));
  }

  async createFeed(options: FeedOptions): Promise<FeedPath> {
    checkFeed(options);
    this.#mustBeOpen();
    const port = this.#threads.leastLoaded;
    const slot = port.takeSlot('feed');
    try {
      const id = await port.request<number>('createFeed', { ...options, slot: slot.index });
      const tracks = options.tracks.length;
      return port.own(new NativeFeed(port, { id, tracks, slot }));
    } catch (error) {
      slot.release();
      throw error;
    }
  }

  async ping(): Promise<void> {
    this.#mustBeOpen();
    const { promise, reject } = Promise.withResolvers<undefined>();
    using _limit = this.#clock.after(pingLimitMs, () =>
      reject(
        new WeirError('TIMED_OUT', 'the datapath does not answer', { fields: { limitMs: pingLimitMs } }),
      ),
    );
    await Promise.race([this.#threads.ping(), promise]);
  }

  engineCpuNs(): bigint {
    return this.engineThreads().reduce((sum, { cpuNs }) => sum + cpuNs, 0n);
  }

  engineThreads(): readonly EngineThread[] {
    return this.#threads.facts();
  }

  async cloneAt(device: number | undefined): Promise<void> {
    if (!this.#cloning || this.#closing) return;
    try {
      await this.#threads.cloneAt(device ?? 0);
    } catch (error) {
      // A device may go as we say so; with the next one it is tried again.
      this.#noClones(describeError(error));
    }
  }

  fanOut(): FanOut {
    const engines = this.#threads.cloning();
    const clonedPackets = engines.reduce((sum, { packets }) => sum + packets, 0n);
    if (engines.length > 0 && engines.every(({ attached }) => attached)) {
      return { by: 'clones', why: undefined, clonedPackets };
    }
    const why = this.#cloneRefusal ?? 'no access NIC';
    return { by: 'sockets', why: this.#cloning ? why : 'switched off', clonedPackets };
  }

  /** Said once for each reason. */
  #noClones(why: string, more: ErrorFields = {}): void {
    if (why === this.#cloneRefusal) return;
    this.#cloneRefusal = why;
    this.#log.warn('media is not cloned in the kernel: each viewer is sent to', {
      why,
      ...more,
      advice: 'Linux 6.6 or later, CAP_BPF and CAP_NET_ADMIN; or set relay.cloneInKernel false',
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#threads.endAll().then(() => this.#threads.close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #connection(made: { fd: number; local: Endpoint; remote: Endpoint }): TcpConnection {
    const { fd, local, remote } = made;
    const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    socket.setNoDelay(true);
    const connection = { stream: socket, local, remote };
    this.#sockets.set(connection, { socket, fd });
    return connection;
  }

  /**
   * Takes the open connection out of its socket. After the last write has gone to the kernel all happens in one turn of
   * the loop, so that nothing is read between the last `read` and the end of the socket.
   */
  async #take(connection: TcpConnection): Promise<Taken> {
    const held = this.#sockets.get(connection);
    if (!held) throw badArgument('connection', 'handed over before, or of another datapath');
    const { socket, fd } = held;
    if (socket.writableEnded) throw badArgument('connection', 'its stream was ended');
    this.#sockets.delete(connection);
    socket.pause();
    if (socket.writableLength > 0) await new Promise<void>((resolve) => socket.write('', () => resolve()));
    if (socket.destroyed) throw new WeirError('ALREADY_CLOSED', 'the connection is over');

    socket.removeAllListeners();
    const unread: unknown = socket.read();
    const copy = this.#addon.dup(fd);
    socket.destroy();
    if (copy < 0) {
      const errno = getSystemErrorName(copy);
      throw new WeirError('SOCKET_FAILED', `cannot take the connection over: ${errno}`, {
        fields: { errno },
      });
    }
    return { fd: copy, unread: unread instanceof Uint8Array ? unread : new Uint8Array() };
  }

  /** The engine owns the descriptors once it has the command, however that ends. */
  #give<T>(fds: readonly number[], request: () => Promise<T>): Promise<T> {
    try {
      return request();
    } catch (error) {
      for (const fd of fds) this.#addon.closeDescriptor(fd);
      throw error;
    }
  }

  #mustBeOpen(): void {
    if (this.#closing) throw new WeirError('ALREADY_CLOSED', 'the datapath is closed');
  }
}
