import type { MessageLimits } from '#hal';
import {
  HeadScan,
  type MessageHead,
  parseHead,
  type RtspRequest,
  type RtspResponse,
  skipEmptyLines,
} from './message.ts';

/** A '$' frame between messages (RFC 2326 s.10.12). */
export interface InterleavedFrame {
  readonly kind: 'frame';
  readonly channel: number;
  readonly payload: Uint8Array;
}

const DOLLAR = 0x24;
const smallestBuffer = 4096;

/**
 * Parts a byte stream into RTSP messages and '$' frames, in any pieces it may come. Call `next` until it gives
 * undefined after each `push`: then at most one unfinished message or frame is held. The first bad message is thrown
 * by `next` once; the stream has no further boundary to be found, so after that there is nothing more but `takeRest`,
 * which begins with that message.
 */
export class MessageReader {
  readonly #limits: MessageLimits;
  #buffer = new Uint8Array(smallestBuffer);
  #start = 0;
  #end = 0;
  #scan = new HeadScan();
  #head: MessageHead | undefined;
  #failed = false;

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Takes a copy of `chunk`. */
  push(chunk: Uint8Array): void {
    if (this.#failed) return;
    this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole message or frame; undefined when more bytes are needed. */
  next(): RtspRequest | RtspResponse | InterleavedFrame | undefined {
    if (this.#failed) return undefined;
    try {
      return this.#next();
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** The bytes not consumed yet, given away; the reader is empty after that. */
  takeRest(): Uint8Array {
    const rest = this.#buffer.slice(this.#start, this.#end);
    this.#buffer = new Uint8Array(smallestBuffer);
    this.#start = 0;
    this.#end = 0;
    this.#beginMessage();
    return rest;
  }

  #next(): RtspRequest | RtspResponse | InterleavedFrame | undefined {
    if (!this.#head) {
      const head = this.#nextHead();
      if (head === undefined || 'kind' in head) return head;
      this.#head = head;
    }
    const { lengthBytes, bodyBytes, withBody } = this.#head;
    const body = this.#take(lengthBytes, bodyBytes);
    if (!body) return undefined;
    this.#beginMessage();
    return withBody(body);
  }

  #nextHead(): MessageHead | InterleavedFrame | undefined {
    this.#start = skipEmptyLines(this.#buffer, this.#start, this.#end);
    if (this.#start === this.#end) return undefined;
    if (this.#buffer[this.#start] === DOLLAR) return this.#nextFrame();
    const message = this.#buffer.subarray(this.#start, this.#end);
    const headBytes = this.#scan.find(message, message.length, this.#limits);
    return headBytes === undefined ? undefined : parseHead(message.subarray(0, headBytes), this.#limits);
  }

  /** '$', channel u8, length u16 big-endian, payload. */
  #nextFrame(): InterleavedFrame | undefined {
    if (this.#end - this.#start < 4) return undefined;
    const view = new DataView(this.#buffer.buffer, this.#start, 4);
    const channel = view.getUint8(1);
    const payload = this.#take(4, view.getUint16(2));
    return payload && { kind: 'frame', channel, payload };
  }

  /** Consumes `skipBytes` and gives a copy of the `bytes` behind them; undefined while they are not all there. */
  #take(skipBytes: number, bytes: number): Uint8Array | undefined {
    const from = this.#start + skipBytes;
    if (this.#end < from + bytes) return undefined;
    this.#start = from + bytes;
    return this.#buffer.slice(from, from + bytes);
  }

  #beginMessage(): void {
    this.#scan = new HeadScan();
    this.#head = undefined;
  }

  /** Room for `bytes` more. Moves what is held only when that is no more than half of the buffer: O(1) a byte. */
  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const held = this.#buffer.subarray(this.#start, this.#end);
    const fits = (held.length + bytes) * 2 <= this.#buffer.length;
    const next = fits ? this.#buffer : new Uint8Array(roomFor(held.length + bytes));
    next.set(held);
    this.#buffer = next;
    this.#start = 0;
    this.#end = held.length;
  }
}

const roomFor = (bytes: number): number => Math.max(smallestBuffer, bytes * 2);
