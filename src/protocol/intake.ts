import { type Clock, describeError, type Log } from '#base';
import type { TcpConnection } from '#hal';
import type { AccessMethod } from './access-method.ts';
import type { PassThrough } from './pass-through.ts';
import { recogniseAccessMethod } from './registry.ts';

/** After so long a viewer may be waiting for the origin to speak first. */
const silenceMs = 2000;
const reportMs = 10_000;

export interface IntakeLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly firstRequestMs: number;
}

/** Serves one connection that speaks the method; resolves when it has ended. */
export type Serve = (method: AccessMethod, connection: TcpConnection, unread: Uint8Array) => Promise<void>;

/** Every intercepted connection comes in here: its first bytes decide which front serves it, or that none does. */
export class Intake {
  readonly #passThrough: PassThrough;
  readonly #serve: Serve;
  readonly #limits: () => IntakeLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #open = new Set<TcpConnection>();
  readonly #byAddress = new Map<string, number>();
  #refused = 0;
  #reporting: Disposable | undefined;

  constructor(options: {
    passThrough: PassThrough;
    serve: Serve;
    limits: () => IntakeLimits;
    clock: Clock;
    log: Log;
  }) {
    this.#passThrough = options.passThrough;
    this.#serve = options.serve;
    this.#limits = options.limits;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Intercepted connections that are open. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** Takes a connection and everything that follows from it. */
  accept(connection: TcpConnection): void {
    const { address } = connection.remote;
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const { maxConnections, maxConnectionsPerAddress } = this.#limits();
    connection.stream.on('error', (error) => this.#log.debug('connection broke', { error: error.message }));
    if (this.#open.size >= maxConnections || ofAddress >= maxConnectionsPerAddress) {
      this.#countRefusal();
      connection.stream.destroy();
      return;
    }
    this.#open.add(connection);
    this.#byAddress.set(address, ofAddress + 1);
    void this.#take(connection)
      .catch((error) => {
        this.#log.error('connection failed', { viewer: address, error: describeError(error) });
        connection.stream.destroy();
      })
      .finally(() => {
        this.#open.delete(connection);
        const left = (this.#byAddress.get(address) ?? 1) - 1;
        if (left > 0) this.#byAddress.set(address, left);
        else this.#byAddress.delete(address);
      });
  }

  async #take(connection: TcpConnection): Promise<void> {
    const { firstRequestMs } = this.#limits();
    let bytes: Uint8Array = new Uint8Array();
    let lastMonoNs: bigint | undefined;
    for (let silent = false; ; ) {
      const { method, recognition } = recogniseAccessMethod(bytes);
      if (method && recognition === 'yes') return this.#serve(method, connection, bytes);
      if (recognition === 'no') return this.#passThrough.carry(connection, bytes, true);
      if (silent && bytes.length === 0) {
        const word = await this.#passThrough.listenToBoth(connection, firstRequestMs);
        if (word.by === 'origin') return;
        bytes = word.bytes;
        continue;
      }
      // From its first byte on: one that comes byte by byte gets no more time than another.
      if (bytes.length > 0) lastMonoNs ??= this.#clock.monoNs() + BigInt(firstRequestMs) * 1_000_000n;
      const more = await this.#more(
        connection,
        lastMonoNs === undefined
          ? Math.min(silenceMs, firstRequestMs)
          : Math.max(0, Number((lastMonoNs - this.#clock.monoNs()) / 1_000_000n)),
      );
      if (more === 'silence') {
        if (bytes.length > 0) return void connection.stream.destroy();
        silent = true;
      } else if (more === 'hung-up') {
        return bytes.length > 0
          ? this.#passThrough.carry(connection, bytes, false)
          : void connection.stream.destroy();
      } else {
        bytes = Buffer.concat([bytes, more]);
      }
    }
  }

  /** The next bytes of the viewer. */
  #more({ stream }: TcpConnection, waitMs: number): Promise<Uint8Array | 'silence' | 'hung-up'> {
    return new Promise((resolve) => {
      const settle = (result: Uint8Array | 'silence' | 'hung-up') => {
        stream.pause();
        timer[Symbol.dispose]();
        stream.off('data', settle).off('end', hungUp).off('close', hungUp);
        resolve(result);
      };
      const hungUp = () => settle('hung-up');
      const timer = this.#clock.after(waitMs, () => settle('silence'));
      stream.on('data', settle).on('end', hungUp).on('close', hungUp).resume();
      if (stream.readableEnded || stream.destroyed) hungUp();
    });
  }

  /** A flood is told of once per period, with its size. */
  #countRefusal(): void {
    this.#refused += 1;
    this.#reporting ??= this.#clock.after(reportMs, () => {
      this.#log.warn('connections refused', { count: this.#refused, open: this.#open.size });
      this.#refused = 0;
      this.#reporting = undefined;
    });
  }

  /** Ends every connection that no front has ended. */
  async close(): Promise<void> {
    for (const connection of this.#open) connection.stream.destroy();
  }
}
