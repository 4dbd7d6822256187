import type { Closeable } from '#base';
import type { TcpConnection } from '#hal';
import { beginsTunnel } from '../wire/index.ts';
import { PlainLink } from './plain-link.ts';
import { RtspConnection, type RtspFrontParts } from './rtsp-connection.ts';
import { Tunnels } from './tunnels.ts';
import type { ViewerLink } from './viewer-link.ts';

/** RTSP toward viewers: every connection that begins with it, plain or through HTTP, is served here. */
export class RtspFront implements Closeable {
  readonly #parts: RtspFrontParts;
  readonly #tunnels: Tunnels;
  readonly #connections = new Set<RtspConnection>();

  constructor(parts: RtspFrontParts) {
    this.#parts = parts;
    this.#tunnels = new Tunnels(parts);
  }

  /** Serves a connection to its end; `unread` was read of it already. */
  serve(connection: TcpConnection, unread: Uint8Array): Promise<void> {
    const { datapath, limits } = this.#parts;
    if (beginsTunnel(unread)) {
      return this.#tunnels.serve(connection, unread, (link) => this.#converse(link));
    }
    return this.#converse(new PlainLink({ datapath, limits: limits(), connection, unread }));
  }

  async #converse(link: ViewerLink): Promise<void> {
    const connection = new RtspConnection(this.#parts, link);
    this.#connections.add(connection);
    await connection.closed;
    this.#connections.delete(connection);
  }

  /** Ends every viewer's connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
