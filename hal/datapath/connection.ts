import { isWeirError, Signal, WeirError } from '#base';
import type { Parcel } from './addon.ts';
import type { CounterSlot } from './counters.ts';
import type { EnginePort } from './engine-port.ts';
import {
  type ConnectionCounters,
  type ConnectionEnd,
  connectionEnds,
  type Endpoint,
  type InterleavedConnection,
} from './face.ts';
import { Turns } from './turns.ts';

/** An RTSP connection that an engine reads and writes. It goes to the engine of the feed that it is used with. */
export class NativeConnection implements InterleavedConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly message: Signal<Uint8Array>;
  readonly ended: Signal<{ end: ConnectionEnd; errno: number }>;
  readonly #slot: CounterSlot<'connection'>;
  readonly #moves = new Turns();
  /** Between two engines; what is commanded meanwhile waits. */
  #moving = false;
  readonly #held: Array<() => void> = [];
  #port: EnginePort;
  #id: number;
  #closing: Promise<void> | undefined;

  constructor(
    port: EnginePort,
    options: { id: number; local: Endpoint; remote: Endpoint; slot: CounterSlot<'connection'> },
  ) {
    this.#id = options.id;
    this.local = options.local;
    this.remote = options.remote;
    this.#port = port;
    this.#slot = options.slot;
    this.message = new Signal(port.listenerFailed);
    this.ended = new Signal(port.listenerFailed);
    this.#listen();
  }

  /** As the engine that has it knows it. */
  get id(): number {
    return this.#id;
  }

  isAt(port: EnginePort): boolean {
    return this.#port === port && this.#moves.over === undefined;
  }

  /**
   * Takes it to another engine; CONNECTION_BUSY while frames of somebody go by it. What was read and not parsed, and what
   * is queued and not sent, goes along.
   */
  moveTo(port: EnginePort): Promise<void> {
    return this.#moves.take(() => this.#move(port));
  }

  send(text: Uint8Array): void {
    if (!this.#closing) this.#command(() => this.#port.engine.sendText(0, { id: this.#id, text }));
  }

  takeFrame(channel: number, payload: Uint8Array): void {
    if (this.#closing || this.#port.closed) return;
    this.#port.engine.takeFrame(0, { id: this.id, channel, bytes: payload });
  }

  counters(): ConnectionCounters {
    return this.#slot.read();
  }

  close(): Promise<void> {
    this.#closing ??= this.#moves.over?.then(() => this.#end()) ?? this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): Promise<void> {
    return this.#port.end(this, 'closeConnection', { id: this.#id }, () => {
      this.#deafen();
      this.#slot.release();
    });
  }

  async #move(port: EnginePort): Promise<void> {
    const from = this.#port;
    if (from === port) return;
    this.#moving = true;
    try {
      const parcel = await from.request<Parcel>('releaseConnection', { id: this.#id }).catch(inUse);
      this.#deafen();
      await this.#arrive(port, parcel);
      from.disown(this);
    } finally {
      this.#moving = false;
      for (const command of this.#held.splice(0)) this.#command(command);
    }
  }

  /** What arrives nowhere was closed on the way. */
  async #arrive(port: EnginePort, parcel: Parcel): Promise<void> {
    try {
      this.#id = await port.request<number>('takeConnection', { parcel, slot: this.#slot.index });
    } catch (error) {
      this.ended.emit({ end: 'error', errno: 0 });
      throw error;
    }
    port.own(this);
    this.#port = port;
    this.#listen();
  }

  #listen(): void {
    this.#port.on('message', this.#id, (bytes) => this.#deliver(bytes as Uint8Array));
    this.#port.on('connectionEnded', this.#id, (end, errno) =>
      this.ended.emit({ end: connectionEnds[end as number] ?? 'error', errno: errno as number }),
    );
  }

  #deafen(): void {
    this.#port.off('message', this.#id);
    this.#port.off('connectionEnded', this.#id);
  }

  /** The engine reads on when its messages have been heard: a slow listener slows the sender down. */
  #deliver(bytes: Uint8Array): void {
    if (this.#closing) return;
    this.message.emit(bytes);
    this.#command(() => this.#port.engine.consumed(0, { id: this.#id, bytes: bytes.length }));
  }

  #command(command: () => void): void {
    if (this.#moving) this.#held.push(command);
    else if (!this.#port.closed) command();
  }
}

/** Two engines cannot write one connection. */
function inUse(error: unknown): never {
  if (!isWeirError(error) || error.fields.errno !== 'EBUSY') throw error;
  throw new WeirError('CONNECTION_BUSY', 'the connection carries a feed of another engine thread', {
    advice: 'use a connection for each feed',
    cause: error,
  });
}
