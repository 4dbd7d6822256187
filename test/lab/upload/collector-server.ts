import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Identity } from './certificates.ts';

/** A request as the collector got it. */
export interface Post {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** CN of the client's certificate. */
  readonly client: string | undefined;
}

/** How the collector answers one request. `hang`: not at all; `cut`: it closes the connection. */
export type Answer = { readonly status: number; readonly body?: string } | 'hang' | 'cut';

/** An HTTPS collector that wants client certificates and answers as it is told. */
export class CollectorServer implements AsyncDisposable {
  readonly posts: Post[] = [];
  answer: (post: Post) => Answer = () => ({ status: 204 });
  readonly #server: Server;
  #posted = () => {};

  private constructor(identity: Identity) {
    const { ca, cert, key } = identity;
    this.#server = createServer(
      { ca, cert, key, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const pieces: Buffer[] = [];
        request.on('data', (piece: Buffer) => pieces.push(piece));
        request.on('end', () => {
          const client = (request.socket as TLSSocket).getPeerCertificate().subject?.CN;
          const post = {
            headers: request.headers,
            body: Buffer.concat(pieces).toString(),
            client: String(client),
          };
          this.posts.push(post);
          this.#posted();
          const answer = this.answer(post);
          if (answer === 'hang') return;
          if (answer === 'cut') {
            request.socket.destroy();
            return;
          }
          response.writeHead(answer.status).end(answer.body);
        });
      },
    );
  }

  static async start(identity: Identity, port = 0): Promise<CollectorServer> {
    const collector = new CollectorServer(identity);
    const { promise, resolve } = Promise.withResolvers<void>();
    collector.#server.listen(port, '127.0.0.1', resolve);
    await promise;
    return collector;
  }

  get url(): URL {
    return new URL(`https://localhost:${(this.#server.address() as AddressInfo).port}/usage`);
  }

  /** Resolves when what was posted is as wanted; looks again at each post. */
  until(wanted: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#posted = () => {
        if (wanted()) resolve();
      };
      this.#posted();
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
