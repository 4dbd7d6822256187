import { WeirError } from '#base';
import { rtspWire } from '../../../src/protocol/index.ts';
import type { Receiver } from './receiver.ts';

export interface LoadViewerOptions {
  readonly number: number;
  readonly url: string;
  /** Where the viewer connects to. */
  readonly server: { readonly address: string; readonly port: number };
  /** The viewer's own. */
  readonly address: string;
  readonly transport: 'udp' | 'tcp';
  /** First of its UDP ports. */
  readonly clientPort: number;
  /** False: it does all a viewer does, but opens no UDP port; its media is counted and dropped before (`dropMedia`). */
  readonly receives: boolean;
  /** Of its connection; 0: as the kernel chooses. */
  readonly receiveBufferBytes: number;
}

/** When what happened, CLOCK_MONOTONIC. */
export interface JoinTimes {
  readonly connectAtMonoNs: number;
  /** The PLAY request was handed to the kernel. */
  readonly playSentMonoNs: number;
}

const limits = { maxHeaderBytes: 65_536, maxBodyBytes: 1_048_576 };
const answerMs = 20_000;
const agent = ['User-Agent', 'weir-load'] as const;

/** One viewer of the load generator: a whole RTSP session, its bytes moved by the receiver. */
export class LoadViewer {
  readonly number: number;
  readonly #options: LoadViewerOptions;
  readonly #receiver: Receiver;
  readonly #listening: Disposable[];
  #sequence = 0;
  #answer: PromiseWithResolvers<rtspWire.RtspResponse> | undefined;
  #base: string;
  #session: rtspWire.SessionHeader | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #discards = false;

  constructor(receiver: Receiver, options: LoadViewerOptions) {
    this.number = options.number;
    this.#options = options;
    this.#receiver = receiver;
    this.#base = options.url;
    this.#listening = [
      receiver.message.on(({ viewer, text }) => {
        if (viewer === this.number) this.#take(text);
      }),
      receiver.closed.on(({ viewer, errno }) => {
        if (viewer === this.number) this.#answer?.reject(this.#failure('was cut off', { errno }));
      }),
    ];
  }

  /** Seconds after which the server forgets it (RFC 2326 s.12.37: 60 when not said). */
  get timeoutSeconds(): number {
    return this.#session?.timeoutSeconds ?? 60;
  }

  /** OPTIONS, DESCRIBE, SETUP of every track, PLAY. Resolves when the server has answered. */
  join(): Promise<JoinTimes> {
    return this.#inTurn(() => this.#join());
  }

  /** Nothing once it has left. */
  keepAlive(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#session && !this.#discards) await this.#ask('GET_PARAMETER', this.#base);
    });
  }

  /** What comes from now on costs its host next to nothing; it hears no answer any more, so it asks nothing. */
  discard(): void {
    this.#discards = true;
    this.#receiver.discard(this.number);
  }

  /** TEARDOWN, then its sockets. */
  leave(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        if (this.#session && !this.#discards) await this.#ask('TEARDOWN', this.#base);
      } finally {
        this.abandon();
      }
    });
  }

  /** Closes its sockets without a word. */
  abandon(): void {
    this.#session = undefined;
    for (const handle of this.#listening) handle[Symbol.dispose]();
    this.#receiver.closeViewer(this.number);
  }

  /** A keep-alive that falls due during a join or a leave waits: an answer belongs to the last request. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #join(): Promise<JoinTimes> {
    const { url, server, address, receiveBufferBytes } = this.#options;
    const connectAtMonoNs = Number(process.hrtime.bigint());
    await this.#receiver.connect(this.number, address, server.address, server.port, receiveBufferBytes);
    await this.#ask('OPTIONS', url);
    const described = await this.#ask('DESCRIBE', url, [['Accept', 'application/sdp']]);
    this.#base = described.headers.get('Content-Base') ?? url;
    const { tracks } = rtspWire.parseSdp(described.body);
    for (const [index, { control }] of tracks.entries()) await this.#setUp(index, control);
    const playSent = Promise.withResolvers<number>();
    await this.#ask('PLAY', this.#base, [['Range', 'npt=0.000-']], playSent.resolve);
    return { connectAtMonoNs, playSentMonoNs: await playSent.promise };
  }

  async #setUp(index: number, control: string | undefined): Promise<void> {
    const { transport, clientPort, address, receives, server } = this.#options;
    const channels = [2 * index, 2 * index + 1] as const;
    const rtpPort = clientPort + 2 * index;
    let wanted = `RTP/AVP/TCP;unicast;interleaved=${channels.join('-')}`;
    if (transport === 'tcp') this.#receiver.expectChannels(this.number, index, channels);
    else {
      wanted = `RTP/AVP;unicast;client_port=${rtpPort}-${rtpPort + 1}`;
      if (receives) await this.#receiver.bind(this.number, index, address, rtpPort);
    }
    const answer = await this.#ask('SETUP', rtspWire.resolveControl(this.#base, control), [
      ['Transport', wanted],
    ]);
    this.#session ??= rtspWire.parseSession(answer.headers.get('Session') ?? '');
    const [spec] = rtspWire.parseTransports(answer.headers.get('Transport') ?? '');
    if (transport === 'udp' && receives && spec?.serverPort) {
      this.#receiver.expect(this.number, index, spec.source || server.address, spec.serverPort);
    }
    if (transport === 'tcp' && spec?.interleaved) {
      this.#receiver.expectChannels(this.number, index, spec.interleaved);
    }
  }

  async #ask(
    method: rtspWire.RtspMethod,
    uri: string,
    headers: readonly (readonly [string, string])[] = [],
    onSent?: (monoNs: number) => void,
  ): Promise<rtspWire.RtspResponse> {
    this.#sequence += 1;
    const session = this.#session ? [['Session', this.#session.rtspSessionId] as const] : [];
    const all = rtspWire.Headers.of([['CSeq', String(this.#sequence)], agent, ...session, ...headers]);
    const answer = Promise.withResolvers<rtspWire.RtspResponse>();
    this.#answer = answer;
    const timer = setTimeout(() => answer.reject(this.#failure(`got no answer to ${method}`)), answerMs);
    try {
      const sent = this.#receiver.send(this.number, rtspWire.serializeRequest({ method, uri, headers: all }));
      const [response, sentMonoNs] = await Promise.all([answer.promise, sent]);
      onSent?.(sentMonoNs);
      if (response.status === 200) return response;
      throw this.#failure(`was refused`, { method, status: response.status });
    } finally {
      clearTimeout(timer);
      this.#answer = undefined;
    }
  }

  #take(text: Buffer): void {
    const message = rtspWire.parseMessage(text, limits);
    if (message.kind === 'response' && rtspWire.cseq(message.headers) === this.#sequence)
      this.#answer?.resolve(message);
  }

  #failure(what: string, fields: Record<string, string | number> = {}): WeirError {
    return new WeirError('ORIGIN_REFUSED', `viewer ${this.number} ${what}`, {
      fields: { url: this.#options.url, ...fields },
    });
  }
}
