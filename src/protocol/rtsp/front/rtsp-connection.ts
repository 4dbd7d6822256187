import { type Clock, describeError, isWeirError, type Log } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits, TcpConnection } from '#hal';
import { endStream } from '../../end-stream.ts';
import type { Caller, Monitor, Target } from '../../monitor.ts';
import type { Presentation } from '../../origin-session.ts';
import {
  Headers,
  MessageReader,
  parseMessage,
  type RtspRequest,
  type RtspResponse,
  serializeResponse,
} from '../wire/index.ts';
import type { Reply } from './reply.ts';
import { answerRequest } from './requests.ts';
import type { RtspSession } from './rtsp-session.ts';
import type { ServerPorts } from './server-ports.ts';

/** URLs a connection is remembered to have asked about; a player asks about one. */
const keptDescriptions = 16;
/** Whole requests waiting while one is answered; a player waits for its answers. */
const maxWaiting = 64;

/** Times and limits, as the configuration has them now. */
export interface RtspFrontLimits extends MessageLimits {
  readonly firstRequestMs: number;
  readonly idleMs: number;
  readonly sessionTimeoutSeconds: number;
}

/** What a connection of the front works with. */
export interface RtspFrontParts {
  readonly datapath: Datapath;
  readonly monitor: Monitor;
  readonly serverPorts: ServerPorts;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: () => RtspFrontLimits;
}

/**
 * One RTSP connection of a viewer: requests are answered one after the other, in order. JavaScript reads and writes it
 * until an interleaved PLAY; from then on the engine alone does, and text goes through it.
 */
export class RtspConnection implements Caller {
  readonly protocol = 'rtsp';
  readonly viewer: Endpoint;
  readonly origin: Endpoint;
  readonly parts: RtspFrontParts;
  readonly sessions = new Map<string, RtspSession>();
  readonly closed: Promise<void>;
  readonly #connection: TcpConnection;
  readonly #reader: MessageReader;
  readonly #waiting: RtspRequest[] = [];
  readonly #described = new Map<string, { target: Target; presentation: Presentation }>();
  readonly #log: Log;
  readonly #markClosed: () => void;
  #interleaved: InterleavedConnection | undefined;
  #answering = false;
  #inputEnded = false;
  #closing: Promise<void> | undefined;
  #deadline: Disposable;
  #server: string | undefined;

  constructor(parts: RtspFrontParts, connection: TcpConnection, unread: Uint8Array) {
    this.parts = parts;
    this.#connection = connection;
    this.viewer = connection.remote;
    this.origin = connection.local;
    this.#log = parts.log.with({ viewer: this.viewer.address, origin: this.origin.address });
    this.#reader = new MessageReader(parts.limits());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#markClosed = resolve;
    this.#deadline = parts.clock.after(parts.limits().firstRequestMs, () => this.#tooSlow());
    connection.stream.on('data', this.#onData);
    connection.stream.on('error', this.#onGone);
    connection.stream.on('end', this.#onInputEnd);
    connection.stream.on('close', this.#onGone);
    this.#onData(unread);
    if (!this.#answering) connection.stream.resume();
  }

  /** Remembers what a URL of this connection was found to be. */
  remember(target: Target, presentation: Presentation): void {
    this.#described.delete(target.key);
    this.#described.set(target.key, { target, presentation });
    const [oldest] = this.#described.keys();
    if (this.#described.size > keptDescriptions && oldest !== undefined) this.#described.delete(oldest);
    this.#server = presentation.headers.find(([name]) => name.toLowerCase() === 'server')?.[1];
  }

  /** What this connection asked about, the latest first. */
  described(): { target: Target; presentation: Presentation }[] {
    return [...this.#described.values()].reverse();
  }

  /** Takes a session in; when it ends by another's hand, the connection ends with it: players obey nothing else. */
  add(session: RtspSession): void {
    this.sessions.set(session.rtspSessionId, session);
    session.viewer.ended.on(({ cause }) => void this.#sessionEnded(session, cause));
  }

  async #sessionEnded(session: RtspSession, cause: string): Promise<void> {
    this.sessions.delete(session.rtspSessionId);
    this.#restartDeadline();
    await session.releasePorts();
    if (cause !== 'user-request') await this.close();
  }

  /** The engine's side of this connection; handed over at the first interleaved PLAY. */
  async adopt(): Promise<InterleavedConnection> {
    if (this.#interleaved) return this.#interleaved;
    const { stream } = this.#connection;
    stream.pause();
    stream.off('data', this.#onData);
    stream.off('end', this.#onInputEnd);
    stream.off('close', this.#onGone);
    const limits = this.parts.limits();
    const unread = this.#reader.takeRest();
    const adopting = this.parts.datapath.adopt(this.#connection, { unread, limits });
    adopting.catch(() => this.close());
    const interleaved = await adopting;
    this.#interleaved = interleaved;
    interleaved.message.on((bytes) => this.#guard(() => this.#take(parseMessage(bytes, limits))));
    interleaved.ended.on(({ end }) => {
      if (end === 'bad-message') this.#refuseMessage(400);
      else if (end === 'fin') this.#onInputEnd();
      else void this.close();
    });
    return interleaved;
  }

  /** Ends its sessions, sends what is queued, then FIN. */
  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    this.#deadline[Symbol.dispose]();
    await this.parts.monitor.forget(this);
    if (this.#interleaved) await this.#interleaved.close();
    else await endStream(this.#connection.stream);
    this.#markClosed();
  }

  readonly #onGone = (): void => void this.close();

  /** FIN: what came before it is answered first, as players send TEARDOWN and FIN together. */
  readonly #onInputEnd = (): void => {
    this.#inputEnded = true;
    if (!this.#answering) void this.close();
  };

  readonly #onData = (chunk: Uint8Array): void => {
    this.#guard(() => {
      this.#reader.push(chunk);
      for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
        if (item.kind !== 'frame') this.#take(item);
      }
    });
  };

  #guard(work: () => void): void {
    if (this.#closing) return;
    try {
      work();
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      this.#log.debug('bad request', { error: describeError(error) });
      this.#refuseMessage(Number(error.fields.status ?? 400), error.fields.cseq?.toString());
    }
  }

  /** What cannot be framed cannot be skipped either: an answer, then the end. */
  #refuseMessage(status: number, cseqText?: string): void {
    this.#send({ status, close: true }, cseqText);
    void this.close();
  }

  #take(message: RtspRequest | RtspResponse): void {
    // A viewer's answer to a request of ours: there are none.
    if (message.kind === 'response') return;
    if (this.#waiting.length >= maxWaiting) {
      this.#refuseMessage(503);
      return;
    }
    this.#waiting.push(message);
    void this.#answerWaiting();
  }

  async #answerWaiting(): Promise<void> {
    if (this.#answering) return;
    this.#answering = true;
    this.#connection.stream.pause();
    for (let request = this.#waiting.shift(); request && !this.#closing; request = this.#waiting.shift()) {
      await this.#answer(request);
    }
    this.#answering = false;
    if (this.#inputEnded) await this.close();
    else if (!this.#interleaved) this.#connection.stream.resume();
  }

  async #answer(request: RtspRequest): Promise<void> {
    this.#restartDeadline();
    for (const session of this.sessions.values()) session.viewer.touch();
    let reply: Reply;
    try {
      reply = await answerRequest(this, request);
    } catch (error) {
      const bad = isWeirError(error, 'RTSP_BAD_MESSAGE');
      const fields = { method: request.method, error: describeError(error) };
      if (bad) this.#log.debug('bad request', fields);
      else this.#log.error('request failed', fields);
      reply = { status: bad ? Number(error.fields.status ?? 400) : 500 };
    }
    if (this.#closing) return;
    this.#send(reply, request.headers.get('CSeq'));
    this.#restartDeadline();
    await reply.after?.();
    if (reply.close) await this.close();
  }

  #send(reply: Reply, cseqText: string | undefined): void {
    const headers = Headers.of([
      ...(cseqText === undefined ? [] : [['CSeq', cseqText] as const]),
      ...(this.#server === undefined ? [] : [['Server', this.#server] as const]),
      ...(reply.headers ?? []),
    ]);
    const { status, phrase, body } = reply;
    const bytes = serializeResponse({
      status,
      headers,
      ...(phrase !== undefined && { phrase }),
      ...(body && { body }),
    });
    if (this.#interleaved) this.#interleaved.send(bytes);
    else this.#connection.stream.write(bytes);
  }

  /** While a session stands, its own time-out rules; without one, the connection has to ask for something. */
  #restartDeadline(): void {
    this.#deadline[Symbol.dispose]();
    if (this.sessions.size > 0 || this.#closing) return;
    this.#deadline = this.parts.clock.after(this.parts.limits().idleMs, () => this.#tooSlow());
  }

  #tooSlow(): void {
    if (this.#answering) this.#restartDeadline();
    else this.#refuseMessage(408);
  }
}
