import { isWeirError } from '#base';
import type { TcpConnection } from '#hal';
import { endStream } from '../../end-stream.ts';
import {
  isTunnelRefusal,
  type TunnelRefusal,
  type TunnelRequest,
  TunnelRequestReader,
  tunnelRefused,
} from '../wire/index.ts';
import type { RtspFrontParts } from './rtsp-connection.ts';
import { TunnelLink } from './tunnel-link.ts';
import type { ViewerLink } from './viewer-link.ts';

interface Asked {
  readonly request: TunnelRequest;
  /** What came behind the head. */
  readonly rest: Uint8Array;
}

/**
 * Ties the GET and the POSTs of one viewer that name the same cookie. There is one cookie per open connection at most, so
 * the limits on connections are limits on cookies as well.
 */
export class Tunnels {
  readonly #parts: RtspFrontParts;
  readonly #links = new Map<string, TunnelLink>();
  /** POSTs that came before their GET. */
  readonly #early = new Map<string, (link: TunnelLink | undefined) => void>();

  constructor(parts: RtspFrontParts) {
    this.#parts = parts;
  }

  /** Serves a connection that begins with such a GET or POST, to its end; `converse` speaks RTSP on a link to its end. */
  async serve(
    connection: TcpConnection,
    unread: Uint8Array,
    converse: (link: ViewerLink) => Promise<void>,
  ): Promise<void> {
    const asked = await this.#read(connection, unread);
    const refusal = typeof asked === 'number' ? asked : await this.#tie(connection, asked, converse);
    if (refusal === undefined) return;
    this.#parts.log.debug('tunnel refused', { viewer: connection.remote.address, status: refusal });
    connection.stream.write(tunnelRefused(refusal));
    await endStream(connection.stream);
  }

  async #tie(
    connection: TcpConnection,
    { request, rest }: Asked,
    converse: (link: ViewerLink) => Promise<void>,
  ): Promise<TunnelRefusal | undefined> {
    const { local, remote } = connection;
    const key = `${remote.address} ${local.address} ${local.port} ${request.cookie}`;
    if (request.method === 'GET') {
      if (this.#links.has(key)) return 409;
      const { datapath, clock, limits } = this.#parts;
      const link = new TunnelLink({ datapath, clock, limits: limits(), get: connection });
      this.#links.set(key, link);
      const ended = converse(link);
      this.#early.get(key)?.(link);
      await ended;
      this.#links.delete(key);
      return undefined;
    }
    if (this.#early.has(key)) return 409;
    const link = this.#links.get(key) ?? (await this.#linkOf(key));
    if (!link) return 408;
    return (await link.carry(connection, rest)) ? undefined : 409;
  }

  /** The GET may come after its POST: another connection, another way through the network. */
  #linkOf(key: string): Promise<TunnelLink | undefined> {
    return new Promise((resolve) => {
      const settle = (link: TunnelLink | undefined) => {
        this.#early.delete(key);
        timer[Symbol.dispose]();
        resolve(link);
      };
      const timer = this.#parts.clock.after(this.#parts.limits().firstRequestMs, () => settle(undefined));
      this.#early.set(key, settle);
    });
  }

  /** The request, whole; or the status to refuse with. */
  #read({ stream }: TcpConnection, unread: Uint8Array): Promise<Asked | TunnelRefusal> {
    const { clock, limits } = this.#parts;
    const reader = new TunnelRequestReader(limits());
    return new Promise((resolve) => {
      const settle = (result: Asked | TunnelRefusal) => {
        stream.pause();
        timer[Symbol.dispose]();
        stream.off('data', take).off('end', cutShort).off('close', cutShort);
        resolve(result);
      };
      const take = (chunk: Uint8Array) => {
        try {
          const asked = reader.push(chunk);
          if (asked) settle(asked);
        } catch (error) {
          if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
          settle(isTunnelRefusal(error.fields.status) ? error.fields.status : 400);
        }
      };
      const cutShort = () => settle(400);
      const timer = clock.after(limits().firstRequestMs, () => settle(408));
      stream.on('data', take).on('end', cutShort).on('close', cutShort).resume();
      if (stream.readableEnded || stream.destroyed) cutShort();
      else take(unread);
    });
  }
}
