import type { Splice, SpliceCounters } from '../datapath/face.ts';
import type { WireEnd } from './wire.ts';

/** Two wires tied together, half-closes kept. */
export class SimSplice implements Splice {
  readonly ended: Promise<SpliceCounters>;
  readonly #ends: readonly [WireEnd, WireEnd];
  readonly #count = { aToBBytes: 0n, bToABytes: 0n };
  readonly #open = new Set<keyof SpliceCounters>(['aToBBytes', 'bToABytes']);
  readonly #finish: (counters: SpliceCounters) => void;
  #closing: Promise<void> | undefined;

  constructor(a: WireEnd, b: WireEnd, first: { toA: Uint8Array; toB: Uint8Array }) {
    const { promise, resolve } = Promise.withResolvers<SpliceCounters>();
    this.ended = promise;
    this.#finish = resolve;
    this.#ends = [a, b];
    this.#carry(a, b, 'aToBBytes', first.toB);
    this.#carry(b, a, 'bToABytes', first.toA);
  }

  counters(): SpliceCounters {
    return { ...this.#count };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve().then(() => {
      // Who is cut off in the middle learns that it was no orderly end.
      if (this.#open.size > 0) for (const end of this.#ends) end.reset();
      this.#finish(this.counters());
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #carry(from: WireEnd, to: WireEnd, name: keyof SpliceCounters, first: Uint8Array): void {
    const data = (bytes: Uint8Array) => {
      this.#count[name] += BigInt(bytes.length);
      to.write(bytes);
    };
    data(first);
    from.attach({
      data,
      fin: () => {
        to.fin();
        this.#open.delete(name);
        if (this.#open.size === 0) this.#finish(this.counters());
      },
      reset: () => {
        to.reset();
        this.#finish(this.counters());
      },
    });
  }
}
