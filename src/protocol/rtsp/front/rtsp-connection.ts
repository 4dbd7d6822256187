import { type Clock, describeError, isWeirError, type Log, type WeirError } from '#base';
import type { Datapath, Endpoint, InterleavedConnection, MessageLimits } from '#hal';
import type { Caller, Monitor, Target } from '../../monitor.ts';
import type { Presentation } from '../../origin-session.ts';
import { Headers, type RtspRequest, type RtspResponse, serializeResponse } from '../wire/index.ts';
import type { Reply } from './reply.ts';
import { answerRequest } from './requests.ts';
import type { RtspSession } from './rtsp-session.ts';
import type { ServerPorts } from './server-ports.ts';
import type { ViewerLink } from './viewer-link.ts';

/** URLs a connection is remembered to have asked about; a player asks about one. */
const keptDescriptions = 4;
/** Sessions of one connection; a player has one. */
const maxSessions = 4;
/** Whole requests waiting while one is answered; a player waits for its answers. */
const maxWaiting = 64;

/** Times and limits, as the configuration has them now. */
export interface RtspFrontLimits extends MessageLimits {
  readonly firstRequestMs: number;
  readonly idleMs: number;
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

/** One RTSP connection of a viewer, however it is carried: requests are answered one after the other, in order. */
export class RtspConnection implements Caller {
  readonly protocol = 'rtsp';
  readonly viewer: Endpoint;
  readonly origin: Endpoint;
  readonly parts: RtspFrontParts;
  readonly sessions = new Map<string, RtspSession>();
  readonly closed: Promise<void>;
  readonly #link: ViewerLink;
  readonly #waiting: RtspRequest[] = [];
  readonly #described = new Map<string, { target: Target; presentation: Presentation }>();
  readonly #log: Log;
  readonly #markClosed: () => void;
  #answering = false;
  /** The viewer does not take its answers. */
  #stuck = false;
  #inputEnded = false;
  #closing: Promise<void> | undefined;
  #deadline: Disposable;
  #server: string | undefined;

  constructor(parts: RtspFrontParts, link: ViewerLink) {
    this.parts = parts;
    this.#link = link;
    this.viewer = link.viewer;
    this.origin = link.origin;
    this.#log = parts.log.with({ viewer: this.viewer.address, origin: this.origin.address });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#markClosed = resolve;
    this.#deadline = parts.clock.after(parts.limits().firstRequestMs, () => this.#tooSlow());
    link.listen({
      message: (message) => this.#take(message),
      frame: () => this.#touchSessions(),
      badMessage: (error) => this.#badMessage(error),
      inputEnd: () => this.#onInputEnd(),
      gone: () => void this.close(),
    });
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

  /** No session more can be added. */
  get full(): boolean {
    return this.sessions.size >= maxSessions;
  }

  async #sessionEnded(session: RtspSession, cause: string): Promise<void> {
    this.sessions.delete(session.rtspSessionId);
    this.#restartDeadline();
    try {
      await session.releasePorts();
    } catch (error) {
      this.#log.error('ports could not be given back', { error: describeError(error) });
    }
    if (cause !== 'user-request') await this.close();
  }

  /** The engine's side of this connection; handed over at the first interleaved PLAY. */
  adopt(): Promise<InterleavedConnection> {
    return this.#link.adopt();
  }

  /** Ends its sessions, sends what is queued, then FIN. */
  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    this.#deadline[Symbol.dispose]();
    try {
      await this.parts.monitor.forget(this);
      await this.#link.close();
    } catch (error) {
      this.#log.error('connection could not be ended', { error: describeError(error) });
    } finally {
      this.#markClosed();
    }
  }

  /** FIN: what came before it is answered first, as players send TEARDOWN and FIN together. */
  #onInputEnd(): void {
    this.#inputEnded = true;
    if (!this.#answering) void this.close();
  }

  #badMessage(error: WeirError): void {
    this.#log.debug('bad request', { error: error.describe() });
    this.#refuseMessage(Number(error.fields.status ?? 400), error.fields.cseq?.toString());
  }

  /** What cannot be framed cannot be skipped either: an answer, then the end. */
  #refuseMessage(status: number, cseqText?: string): void {
    if (this.#closing) return;
    this.#send({ status }, cseqText);
    void this.close();
  }

  #take(message: RtspRequest | RtspResponse): void {
    // A viewer's answer to a request of ours: there are none.
    if (message.kind === 'response' || this.#closing) return;
    if (this.#waiting.length >= maxWaiting) {
      this.#refuseMessage(503);
      return;
    }
    this.#waiting.push(message);
    if (!this.#answering) void this.#answerWaiting();
  }

  async #answerWaiting(): Promise<void> {
    this.#answering = true;
    this.#link.pause();
    for (let request = this.#waiting.shift(); request && !this.#closing; request = this.#waiting.shift()) {
      await this.#answer(request);
      await this.#drained();
    }
    this.#answering = false;
    if (this.#inputEnded) await this.close();
    else this.#link.resume();
  }

  /** Who asks without reading the answers is not answered any more, and not waited for longer than others. */
  async #drained(): Promise<void> {
    this.#stuck = true;
    await this.#link.drained();
    this.#stuck = false;
  }

  async #answer(request: RtspRequest): Promise<void> {
    this.#restartDeadline();
    this.#touchSessions();
    try {
      const reply = await this.#replyTo(request);
      if (this.#closing) return;
      this.#send(reply, request.headers.get('CSeq'));
      this.#restartDeadline();
      // Not waited for: a session begins when the disk has its start, and what the viewer asks meanwhile is answered.
      reply
        .after?.()
        .catch((error) => this.#log.error('session could not begin', { error: describeError(error) }));
      await reply.beforeNext?.catch((error) =>
        this.#log.error('session could not end', { error: describeError(error) }),
      );
    } catch (error) {
      this.#log.error('request failed', { method: request.method, error: describeError(error) });
      if (!this.#closing) this.#send({ status: 500 }, request.headers.get('CSeq'));
    }
  }

  async #replyTo(request: RtspRequest): Promise<Reply> {
    try {
      return await answerRequest(this, request);
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      this.#log.debug('bad request', { method: request.method, error: describeError(error) });
      return { status: Number(error.fields.status ?? 400) };
    }
  }

  #send(reply: Reply, cseqText: string | undefined): void {
    const headers = Headers.of([
      ...(cseqText === undefined ? [] : [['CSeq', cseqText] as const]),
      ...(this.#server === undefined ? [] : [['Server', this.#server] as const]),
      ...(reply.headers ?? []),
    ]);
    const { status, phrase, body } = reply;
    this.#link.send(
      serializeResponse({
        status,
        headers,
        ...(phrase !== undefined && { phrase }),
        ...(body && { body }),
      }),
    );
  }

  #touchSessions(): void {
    for (const session of this.sessions.values()) session.viewer.touch();
  }

  /** While a session stands, its own time-out rules; without one, the connection has to ask for something. */
  #restartDeadline(): void {
    this.#deadline[Symbol.dispose]();
    if (this.sessions.size > 0 || this.#closing) return;
    this.#deadline = this.parts.clock.after(this.parts.limits().idleMs, () => this.#tooSlow());
  }

  #tooSlow(): void {
    if (this.#answering && !this.#stuck) this.#restartDeadline();
    else this.#refuseMessage(408);
  }
}
