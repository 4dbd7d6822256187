import { describeError, type Log, Signal } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits, TcpConnection } from '#hal';
import { done, type Outcome, refused } from '../../outcome.ts';
import { MessageStream } from '../message-stream.ts';
import {
  cseq,
  Headers,
  type RtspRequest,
  type RtspResponse,
  serializeRequest,
  serializeResponse,
} from '../wire/index.ts';

/** An origin that asks and does not read our answers is cut off beyond this. */
const maxBacklogBytes = 64 * 1024;

export interface LinkOptions {
  readonly datapath: Datapath;
  readonly remote: Endpoint;
  readonly limits: MessageLimits;
  /** For each answer. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly log: Log;
}

const givenUp = { why: 'unreachable', timedOut: true, text: 'given up for the end of the session' } as const;

interface Pending {
  readonly resolve: (outcome: Outcome<RtspResponse>) => void;
}

/** One RTSP connection to an origin: requests go out one at a time, answers come back by CSeq (RFC 2326 s.12.17). */
export class OriginLink {
  readonly local: Endpoint;
  /** The connection is over; sent once, also after `close`. */
  readonly ended: Signal<{ readonly text: string }>;
  readonly #options: LinkOptions;
  readonly #stream: MessageStream;
  readonly #pending = new Map<number, Pending>();
  #lastCSeq = 0;
  #turn: Promise<unknown> = Promise.resolve();
  /** Grows when what waits for its turn is given up. */
  #round = 0;
  #endText: string | undefined;

  private constructor(options: LinkOptions, connection: TcpConnection) {
    this.#options = options;
    this.local = connection.local;
    this.ended = new Signal((error) => options.log.error('listener failed', { error: describeError(error) }));
    this.#stream = new MessageStream({ ...options, connection });
    this.#stream.listen({
      message: (message) => this.#take(message),
      frame: () => {},
      badMessage: (error) => this.#lost(`the origin sent no RTSP: ${error.describe()}`),
      inputEnd: () => this.#lost('the origin closed the connection'),
      gone: (text) => this.#lost(`connection to the origin: ${text}`),
    });
  }

  /** @throws {WeirError} ORIGIN_UNREACHABLE, TIMED_OUT */
  static async connect(options: LinkOptions): Promise<OriginLink> {
    const { remote, connectTimeoutMs } = options;
    return new OriginLink(options, await options.datapath.connect({ remote, timeoutMs: connectTimeoutMs }));
  }

  get alive(): boolean {
    return this.#endText === undefined;
  }

  /** Sends a request and waits for its answer; one is under way at a time, as not every origin takes pipelining. */
  request(request: {
    method: string;
    uri: string;
    headers: readonly (readonly [string, string])[];
    body?: Uint8Array;
    timeoutMs?: number;
  }): Promise<Outcome<RtspResponse>> {
    const round = this.#round;
    const result = this.#turn.then(() => {
      return round === this.#round ? this.#exchange(request) : refused(givenUp);
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Resolves when all requests so far are over; those that are not within `limitMs` are given up. */
  async settle(limitMs: number): Promise<void> {
    const timer = setTimeout(() => {
      this.#round += 1;
      for (const { resolve } of this.#pending.values()) resolve(refused(givenUp));
    }, limitMs);
    await this.#turn;
    clearTimeout(timer);
  }

  async #exchange(request: {
    method: string;
    uri: string;
    headers: readonly (readonly [string, string])[];
    body?: Uint8Array;
    timeoutMs?: number;
  }): Promise<Outcome<RtspResponse>> {
    if (this.#endText !== undefined)
      return refused({ why: 'unreachable', timedOut: false, text: this.#endText });
    const number = ++this.#lastCSeq;
    const { method, uri, body } = request;
    const headers = Headers.of([['CSeq', String(number)], ...request.headers]);
    const bytes = serializeRequest({ method, uri, headers, ...(body && { body }) });
    const { promise, resolve } = Promise.withResolvers<Outcome<RtspResponse>>();
    this.#pending.set(number, { resolve });
    const timer = setTimeout(() => {
      const text = `no answer to ${method} within ${request.timeoutMs ?? this.#options.timeoutMs} ms`;
      resolve(refused({ why: 'unreachable', timedOut: true, text }));
    }, request.timeoutMs ?? this.#options.timeoutMs);
    this.#stream.send(bytes);
    const outcome = await promise;
    clearTimeout(timer);
    this.#pending.delete(number);
    return outcome;
  }

  /** Hands the connection to the engine, which parts '$' frames and text from now on. */
  adopt(): Promise<InterleavedConnection> {
    return this.#stream.adopt();
  }

  /** FIN; open requests are refused. */
  async close(): Promise<void> {
    this.#over('closed');
    await this.#stream.close();
  }

  #lost(text: string): void {
    this.#over(text);
    this.close().catch((error) =>
      this.#options.log.warn('origin connection could not be ended', { error: describeError(error) }),
    );
  }

  #take(message: RtspRequest | RtspResponse): void {
    if (message.kind === 'request') {
      this.#answer(message);
      return;
    }
    const number = cseq(message.headers);
    const pending = number === undefined ? undefined : this.#pending.get(number);
    if (message.status >= 200) pending?.resolve(done(message));
  }

  /** An origin may ask us for a sign of life (RFC 2326 s.10.1, 10.8); more it cannot ask of a receiver. */
  #answer(request: RtspRequest): void {
    const harmless = ['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER', 'ANNOUNCE'].includes(request.method);
    const number = request.headers.get('CSeq');
    const headers = Headers.of(number === undefined ? [] : [['CSeq', number]]);
    this.#stream.send(serializeResponse({ status: harmless ? 200 : 501, headers }));
    if (this.#stream.backlogBytes > maxBacklogBytes) this.#lost('the origin asks and does not read');
    if (request.method === 'TEARDOWN' || request.method === 'REDIRECT') {
      this.#over(`the origin sent ${request.method}`);
    }
  }

  #over(text: string): void {
    if (this.#endText !== undefined) return;
    this.#endText = text;
    for (const { resolve } of this.#pending.values())
      resolve(refused({ why: 'unreachable', timedOut: false, text }));
    this.ended.emit({ text });
  }
}
