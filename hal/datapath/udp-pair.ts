import type { Parcel } from './addon.ts';
import type { EnginePort } from './engine-port.ts';
import type { Endpoint, UdpPair } from './face.ts';
import { Turns } from './turns.ts';

/** A pair of UDP sockets of an engine's. It goes to the engine of the feed that it is used with. */
export class NativeUdpPair implements UdpPair {
  readonly rtp: Endpoint;
  readonly rtcp: Endpoint;
  readonly #moves = new Turns();
  #port: EnginePort;
  #id: number;
  #closing: Promise<void> | undefined;

  constructor(port: EnginePort, options: { id: number; rtp: Endpoint; rtcp: Endpoint }) {
    this.#id = options.id;
    this.rtp = options.rtp;
    this.rtcp = options.rtcp;
    this.#port = port;
  }

  /** As the engine that has it knows it. */
  get id(): number {
    return this.#id;
  }

  isAt(port: EnginePort): boolean {
    return this.#port === port && this.#moves.over === undefined;
  }

  /** Takes it to another engine; DATAPATH_FAILED while it serves somebody. What came for it meanwhile waits in the kernel. */
  moveTo(port: EnginePort): Promise<void> {
    return this.#moves.take(async () => {
      const from = this.#port;
      if (from === port) return;
      const parcel = await from.request<Parcel>('releasePair', { id: this.#id });
      this.#id = await port.request<number>('takePair', { parcel });
      from.disown(this);
      port.own(this);
      this.#port = port;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#moves.over?.then(() => this.#end()) ?? this.#end();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): Promise<void> {
    return this.#port.end(this, 'closePair', { id: this.#id }, () => {});
  }
}
