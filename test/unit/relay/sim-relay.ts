/** The relay's control plane on the simulated datapath: a scripted RTSP origin on one side, RTSP viewers on the other. */
import type { Duplex } from 'node:stream';
import { type Clock, isWeirError, silentLog, systemClock } from '#base';
import type { Endpoint } from '#hal';
import { SimDatapath } from '../../../hal/sim/datapath.ts';
import { Feed } from '../../../src/feed/index.ts';
import {
  Intake,
  PassThrough,
  RtspFront,
  RtspOriginSession,
  ServerPorts,
} from '../../../src/protocol/index.ts';
import {
  cseq,
  Headers,
  type InterleavedFrame,
  MessageReader,
  type RtspRequest,
  type RtspResponse,
  serializeRequest,
  serializeResponse,
} from '../../../src/protocol/rtsp/wire/index.ts';
import { openHooks, SessionMonitor } from '../../../src/session/index.ts';

export const originAt: Endpoint = { address: '203.0.113.10', port: 554 };
export const url = 'rtsp://203.0.113.10/live';
const limits = { maxHeaderBytes: 4096, maxBodyBytes: 8192 };

export const sdp = [
  'v=0',
  'o=- 1 1 IN IP4 203.0.113.10',
  's=live',
  't=0 0',
  'a=range:npt=now-',
  'm=video 0 RTP/AVP 96',
  'a=rtpmap:96 H264/90000',
  'a=control:stream=0',
  'm=audio 0 RTP/AVP 0',
  'a=control:stream=1',
  '',
].join('\r\n');

/** An H.264 IDR slice as a single NAL unit (RFC 6184 s.5.6): a decoder can start here. */
export const idr = Buffer.from([0x65, 0x88, 0x84, 0x00]);

/** An RTP packet (RFC 3550 s.5.1). */
export function rtp(packet: { seq: number; rtpTime: number; payload: Uint8Array }): Uint8Array {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = 96;
  header.writeUInt16BE(packet.seq, 2);
  header.writeUInt32BE(packet.rtpTime, 4);
  header.writeUInt32BE(0x1234, 8);
  return Buffer.concat([header, packet.payload]);
}

type Answer = { status: number; headers?: [string, string][]; body?: string } | 'silence' | 'hang up';

/** A scripted origin: well-behaved, unless a test says otherwise for a method. */
export class SimRtspOrigin {
  readonly requests: RtspRequest[] = [];
  readonly scripts = new Map<string, (request: RtspRequest, stream: Duplex) => Answer | undefined>();
  sdp = sdp;
  /** The first packets of its media, sent with the answer to PLAY. */
  playing = (): void => {};
  connections = 0;

  serve(stream: Duplex): void {
    this.connections += 1;
    const reader = new MessageReader(limits);
    stream.on('error', () => {});
    stream.on('end', () => stream.end());
    stream.on('data', (chunk: Uint8Array) => {
      try {
        reader.push(chunk);
        for (let item = reader.next(); item !== undefined; item = reader.next()) {
          if (item.kind === 'request') this.#take(stream, item);
        }
      } catch (error) {
        // What Weir did not take for RTSP was passed through to us as it is.
        if (!isWeirError(error, 'RTSP_BAD_MESSAGE')) throw error;
        stream.end(serializeResponse({ status: 400, headers: Headers.of([]) }));
      }
    });
  }

  /** Resolves once such a request has come. */
  async asked(method: string): Promise<void> {
    while (!this.methods.includes(method)) await new Promise((resolve) => setImmediate(resolve));
  }

  get methods(): string[] {
    return this.requests.map(({ method }) => method);
  }

  #take(stream: Duplex, request: RtspRequest): void {
    this.requests.push(request);
    const answer = this.scripts.get(request.method)?.(request, stream) ?? this.#answer(request);
    if (answer === 'silence') return;
    if (answer === 'hang up') return void stream.destroy();
    const number = String(cseq(request.headers) ?? 0);
    const headers = Headers.of([['CSeq', number], ...(answer.headers ?? [])]);
    const body = answer.body === undefined ? undefined : Buffer.from(answer.body);
    stream.write(serializeResponse({ status: answer.status, headers, ...(body && { body }) }));
  }

  #answer(request: RtspRequest): Answer {
    switch (request.method) {
      case 'OPTIONS':
        return {
          status: 200,
          headers: [['Public', 'OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN']],
        };
      case 'DESCRIBE':
        return {
          status: 200,
          headers: [
            ['Content-Type', 'application/sdp'],
            ['Content-Base', `${url}/`],
            ['Server', 'Scripted/1.0'],
          ],
          body: this.sdp,
        };
      case 'SETUP': {
        const asked = request.headers.get('Transport') ?? '';
        const transport = asked.includes('TCP') ? asked : `${asked};server_port=6000-6001`;
        return {
          status: 200,
          headers: [
            ['Transport', transport],
            ['Session', 'upstream;timeout=30'],
          ],
        };
      }
      case 'PLAY':
        this.playing();
        return { status: 200 };
      default:
        return { status: 200 };
    }
  }
}

/** A viewer's RTSP connection. */
export class SimRtspViewer {
  readonly frames: InterleavedFrame[] = [];
  readonly stream: Duplex;
  ended = false;
  readonly #reader = new MessageReader(limits);
  readonly #responses: RtspResponse[] = [];
  readonly #waiting: ((response: RtspResponse | undefined) => void)[] = [];
  #cseq = 0;

  readonly #bindUdp: (port: number) => void;

  constructor(stream: Duplex, bindUdp: (port: number) => void) {
    this.stream = stream;
    this.#bindUdp = bindUdp;
    stream.on('error', () => this.#over());
    stream.on('end', () => this.#over());
    stream.on('close', () => this.#over());
    stream.on('data', (chunk: Uint8Array) => {
      this.#reader.push(chunk);
      for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
        if (item.kind === 'frame') this.frames.push(item);
        if (item.kind === 'response') this.#take(item);
      }
    });
  }

  #take(response: RtspResponse): void {
    const next = this.#waiting.shift();
    if (next) next(response);
    else this.#responses.push(response);
  }

  #over(): void {
    this.ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }

  /** The next response; undefined when the connection ends before. */
  next(): Promise<RtspResponse | undefined> {
    const response = this.#responses.shift();
    if (response || this.ended) return Promise.resolve(response);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  write(text: string): void {
    this.stream.write(Buffer.from(text, 'latin1'));
  }

  async ask(
    method: string,
    uri: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<RtspResponse> {
    this.#cseq += 1;
    const all = Headers.of([['CSeq', String(this.#cseq)], ...Object.entries(headers)]);
    this.stream.write(
      serializeRequest({ method, uri, headers: all, ...(body && { body: Buffer.from(body) }) }),
    );
    const response = await this.next();
    if (!response) throw new Error(`the connection ended instead of an answer to ${method}`);
    return response;
  }

  /** Describes, sets both tracks up and plays; the answers in this order. */
  async watch(transport: 'udp' | 'tcp', port = 5000): Promise<RtspResponse[]> {
    const answers = [await this.ask('DESCRIBE', url, { Accept: 'application/sdp' })];
    let session: Record<string, string> = {};
    for (const track of [0, 1]) {
      if (transport === 'udp') for (const side of [0, 1]) this.#bindUdp(port + 2 * track + side);
      const ports = `${port + 2 * track}-${port + 2 * track + 1}`;
      const channels = `${2 * track}-${2 * track + 1}`;
      const value =
        transport === 'udp'
          ? `RTP/AVP;unicast;client_port=${ports}`
          : `RTP/AVP/TCP;unicast;interleaved=${channels}`;
      const answer = await this.ask('SETUP', `${url}/stream=${track}`, { ...session, Transport: value });
      answers.push(answer);
      session = { Session: sessionOf(answer) };
    }
    answers.push(await this.ask('PLAY', `${url}/`, session));
    return answers;
  }
}

export const sessionOf = (response: RtspResponse): string =>
  response.headers.get('Session')?.split(';')[0] ?? '';

/** Everything between the two, as `relay.ts` wires it. */
export class SimRelay {
  readonly datapath: SimDatapath;
  readonly origin = new SimRtspOrigin();
  readonly notLive: Endpoint[] = [];
  limits = {
    ...limits,
    maxConnections: 100,
    maxConnectionsPerAddress: 50,
    firstRequestMs: 2000,
    idleMs: 2000,
    sessionTimeoutSeconds: 60,
  };
  times = { silenceMs: 5000, patienceMs: 30_000 };
  readonly monitor: SessionMonitor;
  readonly intake: Intake;
  #ports = 20_000;

  constructor(
    options: {
      transport?: 'auto' | 'udp' | 'tcp';
      credentials?: { username: string; password: string };
      clock?: Clock;
    } = {},
  ) {
    const clock = options.clock ?? systemClock;
    const datapath = new SimDatapath({ clock });
    this.datapath = datapath;
    const common = { datapath, clock, log: silentLog };
    const session = (origin: Endpoint, feedUrl: string) =>
      new RtspOriginSession({
        ...common,
        origin,
        url: feedUrl,
        limits,
        timeoutMs: 500,
        transport: options.transport ?? 'auto',
        credentials: options.credentials,
      });
    this.monitor = new SessionMonitor({
      ...common,
      hooks: openHooks,
      openFeed: (feed) =>
        Feed.open({
          ...feed,
          ...common,
          ringBytes: 1 << 20,
          ringMs: 8000,
          catchUp: { maxMs: 8000, maxBytes: 1 << 20 },
          openSession: () => session(feed.origin, feed.url),
          times: () => this.times,
        }),
      openOriginSession: session,
      limits: () => ({
        maxFeeds: 10,
        maxFeedsPerAddress: 10,
        maxViewers: 100,
        lingerMs: 0,
        patienceMs: 10_000,
        sessionTimeoutMs: this.limits.sessionTimeoutSeconds * 1000,
        slowViewerMs: 60_000,
      }),
    });
    const front = new RtspFront({
      ...common,
      monitor: this.monitor,
      serverPorts: new ServerPorts(datapath),
      limits: () => this.limits,
    });
    this.intake = new Intake({
      ...common,
      limits: () => this.limits,
      passThrough: new PassThrough({ ...common, notLive: (origin) => this.notLive.push(origin) }),
      serve: (_method, connection, unread) => front.serve(connection, unread),
    });
    this.origin.playing = () => {
      for (const feed of datapath.feeds) {
        feed.push(0, rtp({ seq: 1, rtpTime: 0, payload: idr }));
        feed.push(1, rtp({ seq: 1, rtpTime: 0, payload: Buffer.alloc(10) }));
      }
    };
    datapath.serve(originAt, (stream) => this.origin.serve(stream));
  }

  async open(): Promise<this> {
    const listener = await this.datapath.listen({
      local: { address: '127.0.0.1', port: 0 },
      transparent: true,
    });
    listener.accepted.on((connection) => this.intake.accept(connection));
    return this;
  }

  /** A connection to an origin. */
  connect(address: string, to: Endpoint = originAt): Duplex {
    this.#ports += 1;
    return this.datapath.dial({ address, port: this.#ports }, to);
  }

  /** Another viewer's connection to an origin. */
  dial(address = '198.18.0.10', to: Endpoint = originAt): SimRtspViewer {
    const bindUdp = (port: number) => void this.datapath.udpSocket({ address, port });
    return new SimRtspViewer(this.connect(address, to), bindUdp);
  }

  /** The engine gives the places of all viewers up when this is resolved: until then what they got is not acknowledged. */
  holdPlaces(): PromiseWithResolvers<void> {
    const held = Promise.withResolvers<void>();
    for (const viewer of this.datapath.feeds.flatMap(({ viewers }) => [...viewers])) {
      const close = viewer.close.bind(viewer);
      viewer.close = async (options) => {
        await held.promise;
        await close(options);
      };
    }
    return held;
  }

  async close(): Promise<void> {
    await this.monitor.close();
    await this.intake.close();
    await this.datapath.close();
  }
}
