import type { EnginePort } from './engine-port.ts';
import type { Endpoint, UdpPair } from './face.ts';

/** A pair of UDP sockets of the engine's. */
export class NativeUdpPair implements UdpPair {
  readonly id: number;
  readonly rtp: Endpoint;
  readonly rtcp: Endpoint;
  readonly #port: EnginePort;
  #closing: Promise<void> | undefined;

  constructor(port: EnginePort, options: { id: number; rtp: Endpoint; rtcp: Endpoint }) {
    this.id = options.id;
    this.rtp = options.rtp;
    this.rtcp = options.rtcp;
    this.#port = port;
  }

  close(): Promise<void> {
    this.#closing ??= this.#port.end(this, 'closePair', { id: this.id }, () => {});
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
