import type { Chunk } from './tcp-connections.ts';

/** The lab reads RTSP by itself, so that Weir's own reader is not its own witness. */
export interface RtspMessage {
  readonly kind: 'message';
  readonly atMs: number;
  /** `DESCRIBE rtsp://... RTSP/1.0` or `RTSP/1.0 200 OK`. */
  readonly startLine: string;
  /** By lower-case name; repeated ones joined with ', ' except `www-authenticate` (kept apart by newlines). */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** RFC 2326 s.10.12: '$', channel, length, data. */
export interface RtspFrame {
  readonly kind: 'frame';
  readonly atMs: number;
  readonly channel: number;
  readonly data: Buffer;
}

export type RtspItem = RtspMessage | RtspFrame;

/** Takes bytes as they come and gives what is complete. */
export class RtspItems {
  #held: Buffer = Buffer.alloc(0);

  /** Bytes that are not yet a whole item. */
  get heldBytes(): number {
    return this.#held.length;
  }

  push({ atMs, bytes }: Chunk): RtspItem[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const items: RtspItem[] = [];
    for (let taken = this.#take(atMs); taken; taken = this.#take(atMs)) {
      this.#held = this.#held.subarray(taken.lengthBytes);
      items.push(taken.item);
    }
    return items;
  }

  #take(atMs: number): { item: RtspItem; lengthBytes: number } | undefined {
    const held = this.#held;
    if (held[0] === 0x24) {
      if (held.length < 4) return undefined;
      const lengthBytes = 4 + held.readUInt16BE(2);
      if (held.length < lengthBytes) return undefined;
      const item = {
        kind: 'frame',
        atMs,
        channel: held.readUInt8(1),
        data: held.subarray(4, lengthBytes),
      } as const;
      return { item, lengthBytes };
    }
    const end = held.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [startLine = '', ...lines] = held.toString('latin1', 0, end).split('\r\n');
    if (!/RTSP\/1\.0/.test(startLine)) throw new Error(`not RTSP: ${JSON.stringify(startLine)}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).trim().toLowerCase();
      const value = line.slice(colon + 1).trim();
      const before = headers.get(name);
      const separator = name === 'www-authenticate' ? '\n' : ', ';
      headers.set(name, before === undefined ? value : before + separator + value);
    }
    const bodyBytes = Number(headers.get('content-length') ?? 0);
    const lengthBytes = end + 4 + bodyBytes;
    if (held.length < lengthBytes) return undefined;
    const body = held.subarray(end + 4, lengthBytes);
    return { item: { kind: 'message', atMs, startLine, headers, body }, lengthBytes };
  }
}

/** Everything one direction of a connection said; throws when it ends inside an item it should have finished. */
export function rtspItems(chunks: readonly Chunk[]): RtspItem[] {
  const items = new RtspItems();
  return chunks.flatMap((chunk) => items.push(chunk));
}

export interface RtspRequest {
  readonly method: string;
  readonly uri: string;
  readonly message: RtspMessage;
}

/** The requests that one direction of a connection carried. */
export function requestsOf(chunks: readonly Chunk[]): RtspRequest[] {
  return rtspItems(chunks).flatMap((message) => {
    if (message.kind !== 'message' || message.startLine.startsWith('RTSP/')) return [];
    const [method = '', uri = ''] = message.startLine.split(' ');
    return [{ method, uri, message }];
  });
}

/** The answers that one direction of a connection carried. */
export function answersOf(
  chunks: readonly Chunk[],
): { readonly status: number; readonly message: RtspMessage }[] {
  return rtspItems(chunks).flatMap((message) => {
    if (message.kind !== 'message' || !message.startLine.startsWith('RTSP/')) return [];
    return [{ status: Number(message.startLine.split(' ')[1]), message }];
  });
}
