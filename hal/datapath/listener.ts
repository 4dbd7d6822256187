import { Signal } from '#base';
import type { EnginePort } from './engine-port.ts';
import type { Endpoint, TcpConnection, TcpListener } from './face.ts';

/** A listening socket of the engine's; connections come as descriptors and become streams. */
export class NativeListener implements TcpListener {
  readonly local: Endpoint;
  readonly accepted: Signal<TcpConnection>;
  readonly #id: number;
  readonly #port: EnginePort;
  #closing: Promise<void> | undefined;

  constructor(
    port: EnginePort,
    options: { id: number; local: Endpoint; toConnection: (made: { fd: number } & Ends) => TcpConnection },
  ) {
    this.#id = options.id;
    this.#port = port;
    this.local = options.local;
    this.accepted = new Signal(port.listenerFailed);
    port.on('accepted', this.#id, (fd, ends) =>
      this.accepted.emit(options.toConnection({ fd: fd as number, ...(ends as Ends) })),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#port.end(this, 'closeListener', { id: this.#id }, () =>
      this.#port.off('accepted', this.#id),
    );
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface Ends {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}
