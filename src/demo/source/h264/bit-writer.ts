/** Writes the bit strings of ITU-T H.264 s.7.2 and s.9.1. */
export class BitWriter {
  #bytes = new Uint8Array(1024);
  #bitCount = 0;

  /** u(n): `bits` low bits of `value`, most significant first; at most 32. */
  u(bits: number, value: number): this {
    for (let bit = bits - 1; bit >= 0; bit--) this.#put(Math.floor(value / 2 ** bit) & 1);
    return this;
  }

  /** ue(v): Exp-Golomb. */
  ue(value: number): this {
    const bits = Math.floor(Math.log2(value + 1));
    return this.u(bits, 0).u(bits + 1, value + 1);
  }

  /** se(v): signed Exp-Golomb (s.9.1.1). */
  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value);
  }

  /** Zero bits up to the next byte (pcm_alignment_zero_bit). */
  align(): this {
    while (this.#bitCount % 8 !== 0) this.#put(0);
    return this;
  }

  /** Whole bytes; only when aligned. */
  bytes(values: Uint8Array): this {
    const at = this.#bitCount / 8;
    this.#makeRoom(at + values.length);
    this.#bytes.set(values, at);
    this.#bitCount += values.length * 8;
    return this;
  }

  /** The bits so far with rbsp_trailing_bits (s.7.3.2.11). */
  rbsp(): Uint8Array {
    this.u(1, 1).align();
    return this.#bytes.slice(0, this.#bitCount / 8);
  }

  #put(bit: number): void {
    const at = this.#bitCount >> 3;
    this.#makeRoom(at + 1);
    if (bit) this.#bytes[at] = (this.#bytes[at] ?? 0) | (0x80 >> (this.#bitCount & 7));
    this.#bitCount += 1;
  }

  #makeRoom(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
