import { isIP } from 'node:net';
import {
  type Clock,
  CloseStack,
  describeError,
  isWeirError,
  type Log,
  Signal,
  WeirError,
  weirVersion,
} from '#base';
import type { Datapath, Endpoint, MessageLimits, UdpPair, UpstreamTrack } from '#hal';
import type { OriginSession, Presentation, Proof } from '../../origin-session.ts';
import { done, type Outcome, refused } from '../../outcome.ts';
import {
  formatTransport,
  parseList,
  parseSession,
  parseTransports,
  type RtspResponse,
  type TransportSpec,
} from '../wire/index.ts';
import { KeepAlive } from './keep-alive.ts';
import { OriginLink } from './origin-link.ts';
import { type OriginCredentials, OwnSignature } from './own-signature.ts';
import { readPresentation } from './presentation.ts';

const teardownMs = 1000;
/** A notice is one of several requests before the end: an origin that does not answer must not hold up TEARDOWN. */
const noticeMs = 2000;

export interface OriginSessionOptions {
  readonly datapath: Datapath;
  readonly clock: Clock;
  readonly log: Log;
  readonly origin: Endpoint;
  readonly url: string;
  readonly limits: MessageLimits;
  /** How long the origin may take for an answer. */
  readonly timeoutMs: number;
  /** How long it may take to accept the connection; undefined: as long. */
  readonly connectTimeoutMs?: number;
  readonly transport: 'auto' | 'udp' | 'tcp';
  readonly credentials: OriginCredentials | undefined;
}

type Lower = 'udp' | 'tcp';

/** Weir as the RTSP client of one origin: one connection, one session. */
export class RtspOriginSession implements OriginSession {
  readonly ended: Signal<{ readonly text: string }>;
  readonly #options: OriginSessionOptions;
  readonly #log: Log;
  readonly #signature: OwnSignature;
  readonly #resources = new CloseStack();
  #link: OriginLink | undefined;
  #connecting: Promise<Outcome<OriginLink>> | undefined;
  #settingUp: Promise<unknown> = Promise.resolve();
  #challenged = false;
  #presentation: Presentation | undefined;
  #rtspSessionId: string | undefined;
  #timeoutSeconds = 60;
  /** The transport that worked for the first track; the others follow it. */
  #lower: Lower | undefined;
  #keepAlive: KeepAlive | undefined;
  /** The origin is not there any more; this has been told. */
  #lost = false;
  #closing: Promise<void> | undefined;

  constructor(options: OriginSessionOptions) {
    this.#options = options;
    this.#log = options.log.with({
      url: options.url,
      origin: `${options.origin.address} ${options.origin.port}`,
    });
    this.#signature = new OwnSignature(options.credentials);
    this.ended = new Signal((error) => this.#log.error('listener failed', { error: describeError(error) }));
  }

  get challenged(): boolean {
    return this.#challenged;
  }

  get signsItself(): boolean {
    return !this.#challenged || this.#signature.able;
  }

  async describe(proof: Proof | undefined): Promise<Outcome<Presentation>> {
    const uri = proof?.uri ?? this.#options.url;
    const headers: [string, string][] = [['Accept', 'application/sdp']];
    const signItself = proof === undefined;
    const answered = await this.#request('DESCRIBE', uri, headers, { proof, signItself });
    if (!answered.ok) return answered;
    const read = readPresentation(answered.value, uri);
    if (read.ok) this.#presentation = read.value;
    return read;
  }

  /** One track after the other: the first answer tells session and transport for all of them. */
  setup(track: number, proof: Proof | undefined): Promise<Outcome<UpstreamTrack>> {
    const result = this.#settingUp.then(() => this.#setup(track, proof));
    this.#settingUp = result.catch(() => {});
    return result;
  }

  async #setup(track: number, proof: Proof | undefined): Promise<Outcome<UpstreamTrack>> {
    const facts = this.#presentation?.tracks[track];
    if (!facts) throw new WeirError('DATAPATH_BAD_ARGUMENT', 'no such track', { fields: { track } });
    const { transport } = this.#options;
    const wanted: readonly Lower[] = this.#lower
      ? [this.#lower]
      : transport === 'auto'
        ? ['udp', 'tcp']
        : [transport];
    let last: Outcome<UpstreamTrack> = refused({ why: 'bad-answer', text: 'no transport' });
    for (const lower of wanted) {
      last = await this.#setupBy(lower, track, proof?.uri ?? facts.controlUrl, proof);
      if (last.ok) {
        this.#lower = lower;
        return last;
      }
      const unsupported = last.refusal.why === 'origin' && last.refusal.answer.status === 461;
      if (!unsupported) return last;
    }
    return last;
  }

  async #setupBy(
    lower: Lower,
    track: number,
    uri: string,
    proof: Proof | undefined,
  ): Promise<Outcome<UpstreamTrack>> {
    const connected = await this.#connected();
    if (!connected.ok) return connected;
    const link = connected.value;
    const pair =
      lower === 'udp'
        ? await this.#options.datapath.udpPair({ address: link.local.address, transparent: false })
        : undefined;
    if (pair) this.#resources.use(pair);
    const asked: TransportSpec = {
      profile: 'RTP/AVP',
      lower: lower === 'udp' ? 'UDP' : 'TCP',
      cast: 'unicast',
      ...(pair
        ? { clientPort: [pair.rtp.port, pair.rtcp.port] as const }
        : { interleaved: [2 * track, 2 * track + 1] as const }),
      unknown: [],
    };
    const answered = await this.#request('SETUP', uri, [['Transport', formatTransport(asked)]], { proof });
    const outcome = answered.ok ? await this.#agreed(answered.value, track, link, pair) : answered;
    if (!outcome.ok) await pair?.close();
    return outcome;
  }

  /** What the origin agreed to, as the engine needs it. */
  async #agreed(
    response: RtspResponse,
    track: number,
    link: OriginLink,
    pair: UdpPair | undefined,
  ): Promise<Outcome<UpstreamTrack>> {
    const session = response.headers.get('Session');
    const transport = response.headers.get('Transport');
    if (session === undefined || transport === undefined) {
      return refused({ why: 'bad-answer', text: 'the origin answered SETUP without Session or Transport' });
    }
    try {
      const { rtspSessionId, timeoutSeconds } = parseSession(session);
      this.#rtspSessionId = rtspSessionId;
      this.#timeoutSeconds = timeoutSeconds ?? this.#timeoutSeconds;
      const [spec] = parseTransports(transport);
      if (spec === undefined) return refused({ why: 'bad-answer', text: 'an empty Transport header' });
      if (pair) {
        // A name, or what is no address, says nothing to a packet filter.
        const source = spec.source?.replace(/^\[|\]$/g, '') ?? '';
        const address = isIP(source) ? source : this.#options.origin.address;
        const [rtp, rtcp] = spec.serverPort ?? [0, 0];
        const rtpSource = { address, port: rtp };
        return done({ track, transport: 'udp', pair, rtpSource, rtcpSource: { address, port: rtcp } });
      }
      const [rtpChannel, rtcpChannel] = spec.interleaved ?? [2 * track, 2 * track + 1];
      return done({
        track,
        transport: 'interleaved',
        connection: await link.adopt(),
        rtpChannel,
        rtcpChannel,
      });
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return refused({ why: 'bad-answer', text: `the origin's answer to SETUP: ${error.message}` });
    }
  }

  async play(range: string | undefined, proof: Proof | undefined): Promise<Outcome<void>> {
    const uri = proof?.uri ?? this.#aggregateUrl;
    const answered = await this.#request('PLAY', uri, [['Range', range ?? 'npt=0.000-']], { proof });
    if (!answered.ok) return answered;
    this.#keepAlive ??= this.#resources.use(
      new KeepAlive({
        clock: this.#options.clock,
        timeoutSeconds: this.#timeoutSeconds,
        offered: async () => this.#offeredMethods(),
        send: (method, timeoutMs) => this.#keepAliveRequest(method, timeoutMs),
        lost: (text) => this.#over(text),
      }),
    );
    return done(undefined);
  }

  async pause(proof: Proof | undefined): Promise<Outcome<void>> {
    const answered = await this.#request('PAUSE', proof?.uri ?? this.#aggregateUrl, [], { proof });
    return answered.ok ? done(undefined) : answered;
  }

  async notify(contentType: string, body: Uint8Array): Promise<number | undefined> {
    if (this.#rtspSessionId === undefined || !this.signsItself || this.#lost || this.#closing)
      return undefined;
    const headers: [string, string][] = [['Content-Type', contentType]];
    const timeoutMs = Math.min(noticeMs, this.#options.timeoutMs);
    const answered = await this.#request('SET_PARAMETER', this.#aggregateUrl, headers, { body, timeoutMs });
    if (answered.ok) return answered.value.status;
    return answered.refusal.why === 'origin' ? answered.refusal.answer.status : undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    const parts = new CloseStack();
    parts.use(this.#resources);
    parts.defer(() => this.#link?.close());
    parts.defer(() => this.#teardown());
    parts.defer(() => this.#keepAlive?.close());
    await parts.close();
  }

  async #teardown(): Promise<void> {
    if (!this.#link?.alive || this.#rtspSessionId === undefined) return;
    // An origin that is gone answers nothing: TEARDOWN does not wait for all that was asked before.
    await this.#link.settle(teardownMs);
    await this.#request('TEARDOWN', this.#aggregateUrl, [], { timeoutMs: teardownMs });
  }

  get #aggregateUrl(): string {
    return this.#presentation?.aggregateUrl ?? this.#options.url;
  }

  async #offeredMethods(): Promise<readonly string[] | undefined> {
    if (!this.signsItself) return undefined;
    const answered = await this.#request('OPTIONS', this.#aggregateUrl, []);
    return answered.ok ? parseList(answered.value.headers.get('Public') ?? '') : undefined;
  }

  async #keepAliveRequest(method: string, periodMs: number): Promise<number | 'not-sent' | 'no-answer'> {
    if (!this.signsItself) return 'not-sent';
    const timeoutMs = Math.min(periodMs, this.#options.timeoutMs);
    const answered = await this.#request(method, this.#aggregateUrl, [], { timeoutMs });
    if (answered.ok) return answered.value.status;
    return answered.refusal.why === 'origin' ? answered.refusal.answer.status : 'no-answer';
  }

  #connected(): Promise<Outcome<OriginLink>> {
    if (this.#link?.alive) return Promise.resolve(done(this.#link));
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Outcome<OriginLink>> {
    if (this.#rtspSessionId !== undefined) {
      return refused({ why: 'unreachable', timedOut: false, text: 'the connection of this session is gone' });
    }
    const { datapath, origin, limits, timeoutMs, connectTimeoutMs = timeoutMs } = this.#options;
    try {
      const link = await OriginLink.connect({
        datapath,
        remote: origin,
        limits,
        timeoutMs,
        connectTimeoutMs,
        log: this.#log,
      });
      if (this.#closing) {
        await link.close();
        return refused({ why: 'unreachable', timedOut: false, text: 'closed' });
      }
      link.ended.on(({ text }) => this.#over(text));
      this.#link = link;
      return done(link);
    } catch (error) {
      if (!isWeirError(error)) throw error;
      return refused({ why: 'unreachable', timedOut: error.code === 'TIMED_OUT', text: error.describe() });
    }
  }

  /**
   * One request within the session. A 2xx is the value; anything else is the refusal. With a viewer's proof its
   * signature goes out verbatim; without, Weir signs where the operator gave credentials, once it was asked to.
   */
  async #request(
    method: string,
    uri: string,
    headers: readonly (readonly [string, string])[],
    options: { proof?: Proof | undefined; body?: Uint8Array; timeoutMs?: number; signItself?: boolean } = {},
  ): Promise<Outcome<RtspResponse>> {
    const connected = await this.#connected();
    if (!connected.ok) return connected;
    const { proof, body, timeoutMs, signItself = true } = options;
    const send = (authorization: string | undefined) =>
      connected.value.request({
        method,
        uri,
        headers: [
          ['User-Agent', `Weir/${weirVersion}`],
          ...(this.#rtspSessionId === undefined ? [] : [['Session', this.#rtspSessionId] as const]),
          ...(authorization === undefined ? [] : [['Authorization', authorization] as const]),
          ...headers,
        ],
        ...(body && { body }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    const own = () => (signItself ? this.#signature.sign(method, uri) : undefined);
    let answered = await send(proof?.authorization ?? own());
    if (answered.ok && answered.value.status === 401) {
      this.#challenged = true;
      this.#signature.challenge(answered.value.headers.all('WWW-Authenticate'));
      const signed = own();
      if (signed !== undefined) answered = await send(signed);
    }
    if (!answered.ok) return answered;
    const { status, phrase, body: answerBody } = answered.value;
    if (status >= 200 && status < 300) return answered;
    const answer = { status, phrase, headers: answered.value.headers.entries(), body: answerBody };
    return refused({ why: 'origin', answer });
  }

  #over(text: string): void {
    if (this.#closing || this.#rtspSessionId === undefined) return;
    this.#lost = true;
    this.ended.emit({ text });
  }
}
