import { badMessage } from './bad-message.ts';

const PAD = 0x3d;

/** The value of each byte of the alphabet (RFC 4648 s.4); -1 skipped (blanks, CR, LF), -2 foreign. */
const values = new Int8Array(256).fill(-2);
for (const [value, char] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  values[char.charCodeAt(0)] = value;
}
for (const char of '\t\n\r ') values[char.charCodeAt(0)] = -1;

/**
 * Decodes base64 that comes in any pieces. Padding may come in the middle: players encode every message for itself, so
 * each may end with its own `=` (unlike RFC 4648 s.3.3, where padding ends it all).
 */
export class Base64Stream {
  /** The bits of the group begun, and how many of its four characters have come. */
  #bits = 0;
  #chars = 0;
  #pads = 0;

  /** What these bytes decode to; a group begun waits for its end. RTSP_BAD_MESSAGE when they are no base64. */
  push(chunk: Uint8Array): Uint8Array {
    const decoded = new Uint8Array(Math.ceil(((this.#chars + chunk.length) * 3) / 4));
    let length = 0;
    for (const [offset, byte] of chunk.entries()) {
      const value = values[byte] ?? -2;
      if (value === -1) continue;
      const pad = byte === PAD && this.#chars >= 2;
      // Behind a pad only another one may come, until the group is full.
      if (value === -2 ? !pad : this.#pads > 0) throw badMessage('no base64', { offset, status: 400 });
      this.#bits = (this.#bits << 6) | (pad ? 0 : value);
      this.#chars += 1;
      if (pad) this.#pads += 1;
      if (this.#chars < 4) continue;
      for (let at = 16; at >= 8 * this.#pads; at -= 8) decoded[length++] = (this.#bits >> at) & 0xff;
      this.#bits = 0;
      this.#chars = 0;
      this.#pads = 0;
    }
    return decoded.subarray(0, length);
  }
}
