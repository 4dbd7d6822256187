import { randomBytes } from 'node:crypto';

/**
 * Makes UUIDs of version 7 (RFC 9562 s.5.7) that sort in the order they were made, also within a millisecond and when
 * the clock is set back: the 12 bits of rand_a are a counter that begins at a random place (s.6.2, method 1), the
 * other 62 are random.
 */
export class RecordIds {
  readonly #nowMs: () => number;
  #lastMs = -1;
  #counter = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  next(): string {
    const random = randomBytes(10);
    const now = Math.max(0, Math.floor(this.#nowMs()));
    if (now > this.#lastMs) {
      this.#lastMs = now;
      // Its topmost bit is left free, so that half of its range is there to count in.
      this.#counter = random.readUInt16BE(0) & 0x7ff;
    } else {
      this.#counter += 1;
      if (this.#counter > 0xfff) {
        this.#lastMs += 1;
        this.#counter = 0;
      }
    }
    const bytes = Buffer.alloc(16);
    bytes.writeUIntBE(this.#lastMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | this.#counter, 6);
    random.copy(bytes, 8, 2);
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
    const hex = bytes.toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  }
}
