import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent, request as requestHttps } from 'node:https';
import { type Closeable, describeError, WeirError } from '#base';

/** An answer longer than this is not read to its end: nothing that says so much is meant for us. */
const maxAnswerBytes = 1_048_576;

/** The answer of a collector. */
export interface CollectorAnswer {
  readonly status: number;
  readonly body: string;
}

/** The other side: a URL, who it must be, and who we are to it. PEM texts. */
export interface CollectorOptions {
  readonly url: URL;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly timeoutMs: number;
}

/** Posts bodies to one URL over connections that stay open. Redirects are answers like any other: nobody follows them. */
export class Collector implements Closeable {
  readonly #options: CollectorOptions;
  readonly #agent: Agent | HttpAgent;

  constructor(options: CollectorOptions) {
    this.#options = options;
    const { ca, cert, key, url } = options;
    this.#agent =
      url.protocol === 'https:'
        ? new Agent({
            keepAlive: true,
            maxSockets: 1,
            minVersion: 'TLSv1.2',
            ...(ca === undefined ? {} : { ca }),
            ...(cert === undefined ? {} : { cert }),
            ...(key === undefined ? {} : { key }),
          })
        : new HttpAgent({ keepAlive: true, maxSockets: 1 });
  }

  /** Rejects with UPLOAD_FAILED or TIMED_OUT when there is no whole answer. */
  async post(
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CollectorAnswer> {
    const { url, token, timeoutMs } = this.#options;
    const deadline = AbortSignal.timeout(timeoutMs);
    const { promise, resolve, reject } = Promise.withResolvers<CollectorAnswer>();
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = send(url, {
      method: 'POST',
      agent: this.#agent,
      signal: AbortSignal.any([deadline, signal]),
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        'content-length': String(Buffer.byteLength(body)),
      },
    });
    request.on('error', reject);
    request.on('response', (response) => read(response).then(resolve, reject));
    request.end(body);
    try {
      return await promise;
    } catch (error) {
      const fields = { collector: url.host, reason: describeError(error) };
      if (deadline.aborted) {
        throw new WeirError('TIMED_OUT', 'the collector does not answer', { fields, cause: error });
      }
      throw new WeirError('UPLOAD_FAILED', 'no answer from the collector', {
        fields,
        advice: 'see whether it runs, and whether each side trusts the certificate of the other',
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function read(response: IncomingMessage): Promise<CollectorAnswer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) throw new Error('the answer is longer than 1 MiB');
    pieces.push(piece);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(pieces).toString() };
}
