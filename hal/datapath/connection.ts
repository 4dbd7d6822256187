import { Signal } from '#base';
import type { CounterSlot } from './counters.ts';
import type { EnginePort } from './engine-port.ts';
import {
  type ConnectionCounters,
  type ConnectionEnd,
  connectionEnds,
  type Endpoint,
  type InterleavedConnection,
} from './face.ts';

/** An RTSP connection that the engine reads and writes. */
export class NativeConnection implements InterleavedConnection {
  readonly id: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly message: Signal<Uint8Array>;
  readonly ended: Signal<{ end: ConnectionEnd; errno: number }>;
  readonly #port: EnginePort;
  readonly #slot: CounterSlot<'connection'>;
  #closing: Promise<void> | undefined;

  constructor(
    port: EnginePort,
    options: { id: number; local: Endpoint; remote: Endpoint; slot: CounterSlot<'connection'> },
  ) {
    this.id = options.id;
    this.local = options.local;
    this.remote = options.remote;
    this.#port = port;
    this.#slot = options.slot;
    this.message = new Signal(port.listenerFailed);
    this.ended = new Signal(port.listenerFailed);
    port.on('message', this.id, (bytes) => this.#deliver(bytes as Uint8Array));
    port.on('connectionEnded', this.id, (end, errno) =>
      this.ended.emit({ end: connectionEnds[end as number] ?? 'error', errno: errno as number }),
    );
  }

  send(text: Uint8Array): void {
    if (!this.#closing && !this.#port.closed) this.#port.engine.sendText(0, { id: this.id, text });
  }

  takeFrame(channel: number, payload: Uint8Array): void {
    if (this.#closing || this.#port.closed) return;
    this.#port.engine.takeFrame(0, { id: this.id, channel, bytes: payload });
  }

  counters(): ConnectionCounters {
    return this.#slot.read();
  }

  close(): Promise<void> {
    this.#closing ??= this.#port.end(this, 'closeConnection', { id: this.id }, () => {
      this.#port.off('message', this.id);
      this.#port.off('connectionEnded', this.id);
      this.#slot.release();
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The engine reads on when its messages have been heard: a slow listener slows the sender down. */
  #deliver(bytes: Uint8Array): void {
    if (this.#closing) return;
    this.message.emit(bytes);
    if (!this.#port.closed) this.#port.engine.consumed(0, { id: this.id, bytes: bytes.length });
  }
}
