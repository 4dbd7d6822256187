import { WeirError } from '#base';
import type { MessageLimits } from '../datapath/face.ts';

/** What shares an RTSP connection: a '$' frame (RFC 2326 s.10.12) or a whole message. */
export type InterleavedUnit =
  | { readonly kind: 'frame'; readonly channel: number; readonly payload: Uint8Array }
  | { readonly kind: 'message'; readonly bytes: Uint8Array };

/** A '$' frame around `payload`. */
export function encodeFrame(channel: number, payload: Uint8Array): Uint8Array {
  const header = [0x24, channel, payload.length >> 8, payload.length & 0xff];
  return Buffer.concat([Uint8Array.from(header), payload]);
}

/** Parts a stream of bytes into frames and messages, however it was cut on its way. */
export class InterleavedParser {
  readonly #limits: MessageLimits;
  #rest: Buffer = Buffer.alloc(0);

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Yields what is whole after `bytes`. Throws RTSP_BAD_MESSAGE when the text is beyond its limits or no message. */
  *push(bytes: Uint8Array): Generator<InterleavedUnit> {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) yield unit;
  }

  #next(): InterleavedUnit | undefined {
    // Empty lines before a message are ignored (RFC 2326 s.4.1).
    while (this.#rest[0] === 0x0d || this.#rest[0] === 0x0a) this.#rest = this.#rest.subarray(1);
    if (this.#rest[0] === 0x24) {
      if (this.#rest.length < 4) return undefined;
      const channel = this.#rest.readUInt8(1);
      const frame = this.#take(4 + this.#rest.readUInt16BE(2));
      return frame && { kind: 'frame', channel, payload: frame.subarray(4) };
    }
    const blank = this.#rest.indexOf('\r\n\r\n');
    const headBytes = blank < 0 ? this.#rest.length : blank + 4;
    if (headBytes > this.#limits.maxHeaderBytes) throw bad('head too long', headBytes);
    if (blank < 0) return undefined;
    const bodyBytes = contentLength(this.#rest.toString('latin1', 0, blank));
    if (bodyBytes > this.#limits.maxBodyBytes) throw bad('body too long', bodyBytes);
    const bytes = this.#take(headBytes + bodyBytes);
    return bytes && { kind: 'message', bytes };
  }

  #take(length: number): Buffer | undefined {
    if (this.#rest.length < length) return undefined;
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

function contentLength(head: string): number {
  const value = /^content-length[ \t]*:[ \t]*(.*?)[ \t]*$/im.exec(head)?.[1];
  if (value === undefined) return 0;
  if (!/^\d{1,9}$/.test(value)) throw bad('Content-Length is no number', 0);
  return Number(value);
}

const bad = (message: string, bytes: number): WeirError =>
  new WeirError('RTSP_BAD_MESSAGE', message, { fields: { bytes } });
