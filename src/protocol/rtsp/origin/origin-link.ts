import { describeError, type Log, Signal } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits, TcpConnection } from '#hal';
import { endStream } from '../../end-stream.ts';
import { done, type Outcome, refused } from '../../outcome.ts';
import {
  cseq,
  Headers,
  MessageReader,
  parseMessage,
  type RtspRequest,
  type RtspResponse,
  serializeRequest,
  serializeResponse,
} from '../wire/index.ts';

export interface LinkOptions {
  readonly datapath: Datapath;
  readonly remote: Endpoint;
  readonly limits: MessageLimits;
  readonly timeoutMs: number;
  readonly log: Log;
}

interface Pending {
  readonly resolve: (outcome: Outcome<RtspResponse>) => void;
}

/** One RTSP connection to an origin: requests go out one at a time, answers come back by CSeq (RFC 2326 s.12.17). */
export class OriginLink {
  readonly local: Endpoint;
  /** The connection is over; sent once, also after `close`. */
  readonly ended: Signal<{ readonly text: string }>;
  readonly #options: LinkOptions;
  readonly #connection: TcpConnection;
  readonly #reader: MessageReader;
  readonly #pending = new Map<number, Pending>();
  #interleaved: InterleavedConnection | undefined;
  #lastCSeq = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #endText: string | undefined;

  private constructor(options: LinkOptions, connection: TcpConnection) {
    this.#options = options;
    this.#connection = connection;
    this.local = connection.local;
    this.#reader = new MessageReader(options.limits);
    this.ended = new Signal((error) => options.log.error('listener failed', { error: describeError(error) }));
    connection.stream.on('data', this.#onData);
    connection.stream.on('error', this.#onError);
    connection.stream.on('end', this.#onEnd);
    connection.stream.on('close', this.#onEnd);
  }

  /** @throws {WeirError} ORIGIN_UNREACHABLE, TIMED_OUT */
  static async connect(options: LinkOptions): Promise<OriginLink> {
    const { remote, timeoutMs } = options;
    return new OriginLink(options, await options.datapath.connect({ remote, timeoutMs }));
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
    const result = this.#turn.then(() => this.#exchange(request));
    this.#turn = result.catch(() => {});
    return result;
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
    const { promise, resolve } = Promise.withResolvers<Outcome<RtspResponse>>();
    this.#pending.set(number, { resolve });
    const timer = setTimeout(() => {
      const text = `no answer to ${method} within ${request.timeoutMs ?? this.#options.timeoutMs} ms`;
      resolve(refused({ why: 'unreachable', timedOut: true, text }));
    }, request.timeoutMs ?? this.#options.timeoutMs);
    this.#write(serializeRequest({ method, uri, headers, ...(body && { body }) }));
    const outcome = await promise;
    clearTimeout(timer);
    this.#pending.delete(number);
    return outcome;
  }

  /** Hands the connection to the engine, which parts '$' frames and text from now on. */
  async adopt(): Promise<InterleavedConnection> {
    if (this.#interleaved) return this.#interleaved;
    const { stream } = this.#connection;
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    stream.off('close', this.#onEnd);
    stream.pause();
    const unread = this.#reader.takeRest();
    const adopting = this.#options.datapath.adopt(this.#connection, { unread, limits: this.#options.limits });
    adopting.catch((error) => this.#over(describeError(error)));
    const interleaved = await adopting;
    this.#interleaved = interleaved;
    interleaved.message.on((bytes) =>
      this.#guard(() => this.#take(parseMessage(bytes, this.#options.limits))),
    );
    interleaved.ended.on(({ end }) => this.#over(`connection to the origin ended (${end})`));
    return interleaved;
  }

  /** FIN; open requests are refused. */
  async close(): Promise<void> {
    this.#over('closed');
    if (this.#interleaved) await this.#interleaved.close();
    else await endStream(this.#connection.stream);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#guard(() => {
      this.#reader.push(chunk);
      for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
        if (item.kind !== 'frame') this.#take(item);
      }
    });
  };

  readonly #onError = (error: Error): void => this.#over(`connection to the origin broke: ${error.message}`);
  readonly #onEnd = (): void => this.#over('the origin closed the connection');

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#over(`the origin sent no RTSP: ${describeError(error)}`);
      void this.close();
    }
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
    this.#write(serializeResponse({ status: harmless ? 200 : 501, headers }));
    if (request.method === 'TEARDOWN' || request.method === 'REDIRECT') {
      this.#over(`the origin sent ${request.method}`);
    }
  }

  #write(bytes: Uint8Array): void {
    if (this.#interleaved) this.#interleaved.send(bytes);
    else this.#connection.stream.write(bytes);
  }

  #over(text: string): void {
    if (this.#endText !== undefined) return;
    this.#endText = text;
    for (const { resolve } of this.#pending.values())
      resolve(refused({ why: 'unreachable', timedOut: false, text }));
    this.ended.emit({ text });
  }
}
