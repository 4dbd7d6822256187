import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Clock, isWeirError, type Log } from '#base';
import { rtspWire } from '../../protocol/index.ts';
import type { LiveTrack } from './live-track.ts';
import { InterleavedTransport, type TrackTransport, UdpTransport } from './rtp/transport.ts';
import { describeTracks, trackControl } from './sdp.ts';
import type { SourceCounters } from './source-counters.ts';
import { SourceSession } from './source-session.ts';
import { TrackSender } from './track-sender.ts';

const { Headers } = rtspWire;
type Headers = rtspWire.Headers;

/** What all connections of a source share. */
export interface SourceParts {
  readonly mountPath: string;
  readonly tracks: readonly LiveTrack[];
  readonly transports: ReadonlySet<'udp' | 'tcp'>;
  readonly sessionTimeoutSeconds: number;
  readonly senderReportSeconds: number;
  readonly stampPayload: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: SourceCounters;
  readonly sessions: Map<string, SourceSession>;
  /** Ends a session and drops it from `sessions`. */
  readonly endSession: (session: SourceSession, options: { bye: boolean }) => void;
  readonly onParameters: (parameters: { rtspSessionId: string; contentType: string; body: string }) => void;
}

interface Answer {
  readonly status: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  /** Done after the answer is on its way. */
  readonly after?: () => void;
}

const limits = { maxHeaderBytes: 16_384, maxBodyBytes: 262_144 };
const methods = 'OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN';

/** One control connection to the source. */
export class SourceConnection {
  readonly #socket: Socket;
  readonly #parts: SourceParts;
  readonly #reader = new rtspWire.MessageReader(limits);
  #queue: Promise<void> = Promise.resolve();
  #nextChannel = 0;

  constructor(socket: Socket, parts: SourceParts) {
    this.#socket = socket;
    this.#parts = parts;
    parts.counters.connectionsAccepted += 1;
    parts.counters.connectionsOpen += 1;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => parts.log.debug('source connection failed', { error: error.message }));
    socket.on('close', () => this.#ended());
  }

  #ended(): void {
    this.#parts.counters.connectionsOpen -= 1;
    for (const session of [...this.#parts.sessions.values()]) {
      if (session.carriers.has(this)) this.#parts.endSession(session, { bye: false });
    }
  }

  #read(chunk: Buffer): void {
    this.#reader.push(chunk);
    try {
      for (let item = this.#reader.next(); item; item = this.#reader.next()) {
        if (item.kind === 'request') {
          const request = item;
          // One after the other: a SETUP takes a moment, and answers keep the order of the requests.
          this.#queue = this.#queue.then(() => this.#serve(request));
        } else if (item.kind === 'frame') this.#frame(item.channel);
      }
    } catch (error) {
      if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
      const { status = 400, cseq } = error.fields;
      this.#respond({ status: Number(status) }, cseq === undefined ? undefined : String(cseq));
      this.#socket.end();
    }
  }

  #frame(channel: number): void {
    if (channel % 2 === 1) this.#parts.counters.rtcpPacketsReceived += 1;
    for (const session of this.#parts.sessions.values()) if (session.carriers.has(this)) session.touch();
  }

  async #serve(request: rtspWire.RtspRequest): Promise<void> {
    const { counters, log } = this.#parts;
    counters.requests[request.method] = (counters.requests[request.method] ?? 0) + 1;
    const sequence = request.headers.get('CSeq');
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      const bad = isWeirError(error, 'RTSP_BAD_MESSAGE');
      if (!bad) log.error('source request failed', { method: request.method, error: String(error) });
      answer = { status: bad ? Number(error.fields.status ?? 400) : 500 };
    }
    if (this.#socket.destroyed) return;
    this.#respond(answer, sequence);
    answer.after?.();
  }

  #respond(answer: Answer, sequence: string | undefined): void {
    const headers = Headers.of([
      ...(sequence === undefined ? [] : ([['CSeq', sequence]] as const)),
      ['Server', 'weir-source'],
      ...(answer.headers ?? []),
    ]);
    const { status } = answer;
    this.#socket.write(
      rtspWire.serializeResponse(
        answer.body === undefined ? { status, headers } : { status, headers, body: Buffer.from(answer.body) },
      ),
    );
  }

  async #answer(request: rtspWire.RtspRequest): Promise<Answer> {
    const { method, headers } = request;
    if (rtspWire.cseq(headers) === undefined) return { status: 400 };
    const required = headers.get('Require');
    if (required !== undefined) return { status: 551, headers: [['Unsupported', required]] };
    const session = this.#sessionOf(headers);
    if (session === 'unknown') return { status: 454 };
    session?.touch();
    if (method === 'OPTIONS')
      return { status: 200, headers: [['Public', methods], ...sessionHeader(session)] };
    if (!rtspWire.isKnownMethod(method) || !methods.includes(method)) return { status: 501 };
    const place = this.#placeOf(request.uri);
    if (!place) return { status: 404 };
    switch (method) {
      case 'DESCRIBE':
        return this.#describe(headers, place.base);
      case 'SETUP':
        return this.#setup(headers, place, session);
      case 'GET_PARAMETER':
        // Without a body it keeps the session alive; there is no parameter to be read.
        return { status: request.body.length > 0 ? 451 : 200, headers: sessionHeader(session) };
      case 'SET_PARAMETER':
        return this.#setParameter(request, session);
      default:
        return session ? this.#control(method, session, place) : { status: 454 };
    }
  }

  #sessionOf(headers: Headers): SourceSession | undefined | 'unknown' {
    const value = headers.get('Session');
    if (value === undefined) return undefined;
    return this.#parts.sessions.get(rtspWire.parseSession(value).rtspSessionId) ?? 'unknown';
  }

  /** What a URL names: the presentation, or one of its tracks. The query is anybody's. */
  #placeOf(uri: string): { base: string; track: number | undefined } | undefined {
    const { raw, path } = rtspWire.parseRtspUrl(uri);
    const authority = raw.slice(0, raw.indexOf('/', 'rtsp://'.length));
    const base = `${authority}${this.#parts.mountPath}/`;
    const tracks = this.#parts.tracks.map((_, index) => ({ control: trackControl(index) }));
    if (path.replace(/\/+$/, '') === this.#parts.mountPath) return { base, track: undefined };
    const track = rtspWire.trackOfUrl(uri, { base, tracks });
    return track === undefined ? undefined : { base, track };
  }

  #describe(headers: Headers, base: string): Answer {
    const accept = headers.get('Accept');
    if (accept !== undefined && !/application\/sdp|application\/\*|\*\/\*/i.test(accept))
      return { status: 406 };
    return {
      status: 200,
      headers: [
        ['Content-Type', 'application/sdp'],
        ['Content-Base', base],
        ['Cache-Control', 'no-store'],
      ],
      body: describeTracks(this.#parts.tracks, {
        address: this.#socket.localAddress ?? '::',
        stamped: this.#parts.stampPayload,
      }),
    };
  }

  async #setup(
    headers: Headers,
    place: { track: number | undefined },
    known: SourceSession | undefined,
  ): Promise<Answer> {
    const parts = this.#parts;
    // A presentation of one track may be set up by its own URL.
    const index = place.track ?? (parts.tracks.length === 1 ? 0 : undefined);
    const track = index === undefined ? undefined : parts.tracks[index];
    if (index === undefined || !track) return { status: 459 };
    if (known?.senders.has(index)) return { status: 455 };
    if (known && !known.accept('SETUP')) return { status: 455 };
    const specs = rtspWire.parseTransports(headers.get('Transport') ?? '');
    const session = known ?? this.#newSession();
    const opened = await this.#openTransport(specs, session);
    if (!opened) return { status: 461 };
    if (!known) {
      parts.sessions.set(session.rtspSessionId, session);
      parts.counters.sessionsOpened += 1;
      // Its time runs from here: one whose transport was refused is none.
      session.touch();
    }
    const { clock, stampPayload, senderReportSeconds } = parts;
    const { transport, spec } = opened;
    const sender = new TrackSender({ track, transport, clock, stampPayload, senderReportSeconds });
    session.senders.set(index, sender);
    // The session may have ended while its ports were opened.
    if (session.state === 'closed') sender.close({ bye: false });
    const formatted = rtspWire.formatTransport({ ...spec, ssrc: sender.ssrc, mode: 'PLAY' });
    return { status: 200, headers: [['Transport', formatted], ...sessionHeader(session, parts)] };
  }

  #newSession(): SourceSession {
    const { clock, sessionTimeoutSeconds, counters, endSession, log } = this.#parts;
    return new SourceSession({
      rtspSessionId: randomBytes(8).toString('hex'),
      clock,
      timeoutSeconds: sessionTimeoutSeconds,
      onTimeout: (silent) => {
        log.info('source session timed out', { rtspSessionId: silent.rtspSessionId });
        counters.sessionsTimedOut += 1;
        endSession(silent, { bye: true });
      },
    });
  }

  /** The first alternative of the Transport header that is offered here (RFC 2326 s.12.39). */
  async #openTransport(
    specs: readonly rtspWire.TransportSpec[],
    session: SourceSession,
  ): Promise<{ transport: TrackTransport; spec: rtspWire.TransportSpec } | undefined> {
    const { transports, counters } = this.#parts;
    for (const spec of specs) {
      if (spec.profile !== 'RTP/AVP' || spec.cast !== 'unicast') continue;
      const common = { profile: spec.profile, cast: spec.cast, unknown: [] } as const;
      if (spec.lower === 'TCP' && transports.has('tcp')) {
        const interleaved = spec.interleaved ?? [this.#nextChannel, this.#nextChannel + 1];
        this.#nextChannel = Math.max(this.#nextChannel, interleaved[1] + 1);
        session.carriers.add(this);
        const transport = new InterleavedTransport(this.#socket, interleaved);
        return { transport, spec: { ...common, lower: 'TCP', interleaved } };
      }
      const { localAddress, remoteAddress } = this.#socket;
      if (spec.lower !== 'UDP' || !spec.clientPort || !transports.has('udp')) continue;
      if (localAddress === undefined || remoteAddress === undefined) return undefined;
      const transport = await UdpTransport.open({
        localAddress,
        remoteAddress,
        remotePorts: spec.clientPort,
        onReceive: (kind) => {
          if (kind === 'rtcp') counters.rtcpPacketsReceived += 1;
          session.touch();
        },
        onRefused: () => {
          counters.refusals += 1;
        },
      });
      const { clientPort } = spec;
      return { transport, spec: { ...common, lower: 'UDP', clientPort, serverPort: transport.localPorts } };
    }
    return undefined;
  }

  #control(
    method: rtspWire.RtspMethod,
    session: SourceSession,
    place: { base: string; track: number | undefined },
  ): Answer {
    if (method !== 'PLAY' && method !== 'PAUSE' && method !== 'TEARDOWN') return { status: 501 };
    // One track alone cannot be controlled when there are others (RFC 2326 s.10.4: 460).
    if (place.track !== undefined && session.senders.size > 1) return { status: 460 };
    if (!session.accept(method)) return { status: 455 };
    const headers = sessionHeader(session);
    switch (method) {
      case 'PLAY': {
        const info = [...session.senders].map(([index, { next }]) => ({
          url: `${place.base}${trackControl(index)}`,
          ...next,
        }));
        return {
          status: 200,
          headers: [...headers, ['Range', 'npt=now-'], ['RTP-Info', rtspWire.formatRtpInfo(info)]],
          after: () => session.play(),
        };
      }
      case 'PAUSE':
        session.pause();
        return { status: 200, headers };
      case 'TEARDOWN':
        this.#parts.endSession(session, { bye: false });
        return { status: 200, headers };
    }
  }

  #setParameter(request: rtspWire.RtspRequest, session: SourceSession | undefined): Answer {
    if (request.body.length > 0) {
      this.#parts.onParameters({
        rtspSessionId: session?.rtspSessionId ?? '',
        contentType: request.headers.get('Content-Type') ?? '',
        body: Buffer.from(request.body).toString('utf8'),
      });
    }
    return { status: 200, headers: sessionHeader(session) };
  }
}

function sessionHeader(
  session: SourceSession | undefined,
  withTimeout?: { readonly sessionTimeoutSeconds: number },
): readonly (readonly [string, string])[] {
  if (!session) return [];
  const { rtspSessionId } = session;
  const value = withTimeout
    ? { rtspSessionId, timeoutSeconds: withTimeout.sessionTimeoutSeconds }
    : { rtspSessionId };
  return [['Session', rtspWire.formatSession(value)]];
}
