import type { CounterSlot } from './counters.ts';
import type { EnginePort } from './engine-port.ts';
import type { Splice, SpliceCounters } from './face.ts';

/** Two connections that the engine ties together. */
export class NativeSplice implements Splice {
  readonly ended: Promise<SpliceCounters>;
  readonly #id: number;
  readonly #port: EnginePort;
  readonly #slot: CounterSlot<'splice'>;
  readonly #finish: (counters: SpliceCounters) => void;
  #closing: Promise<void> | undefined;

  constructor(port: EnginePort, options: { id: number; slot: CounterSlot<'splice'> }) {
    const { promise, resolve } = Promise.withResolvers<SpliceCounters>();
    this.ended = promise;
    this.#finish = resolve;
    this.#id = options.id;
    this.#port = port;
    this.#slot = options.slot;
    port.on('spliceEnded', this.#id, (aToBBytes, bToABytes) => {
      this.#finish({ aToBBytes: aToBBytes as bigint, bToABytes: bToABytes as bigint });
    });
  }

  counters(): SpliceCounters {
    return this.#slot.read();
  }

  close(): Promise<void> {
    this.#closing ??= this.#port.end(this, 'closeSplice', { id: this.#id }, () => {
      this.#port.off('spliceEnded', this.#id);
      this.#slot.release();
      this.#finish(this.counters());
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
