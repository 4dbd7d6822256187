import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6, type Socket } from 'node:net';
import { type Closeable, WeirError } from '#base';
import { rtspWire } from '../../protocol/index.ts';

const { Headers, MessageReader, parseSdp, parseSession, resolveControl, serializeRequest } = rtspWire;
type RtspResponse = rtspWire.RtspResponse;

const limits = { maxHeaderBytes: 16_384, maxBodyBytes: 65_536 };
const answerMs = 10_000;

export interface RtspViewerOptions {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
  /** The viewer's own address. */
  readonly localAddress: string;
}

/** A small RTSP player that shows nothing: it joins, takes what comes, and says when it leaves. */
export class RtspViewer implements Closeable {
  packets = 0;
  bytes = 0;
  readonly #options: RtspViewerOptions;
  readonly #socket: Socket;
  readonly #reader = new MessageReader(limits);
  readonly #udp: UdpSocket[] = [];
  readonly #answers = new Map<number, (response: RtspResponse) => void>();
  #cseq = 0;
  #session: string | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: RtspViewerOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on('error', () => void this.close());
    socket.on('close', () => void this.close());
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** Connects, describes, sets every track up and plays. */
  static async play(options: RtspViewerOptions): Promise<RtspViewer> {
    const { host, port, localAddress } = options;
    const socket = connect({ host, port, localAddress });
    await once(socket, 'connect');
    const viewer = new RtspViewer(options, socket);
    try {
      await viewer.#start();
    } catch (error) {
      await viewer.close();
      throw error;
    }
    return viewer;
  }

  async #start(): Promise<void> {
    const { url } = this.#options;
    const described = await this.#request('DESCRIBE', url, [['Accept', 'application/sdp']]);
    const base = described.headers.get('Content-Base') ?? url;
    const sdp = parseSdp(described.body);
    for (const { index, control } of sdp.tracks) {
      const transport = await this.#transport(index);
      const setUp = await this.#request('SETUP', resolveControl(base, control), [['Transport', transport]]);
      const { rtspSessionId, timeoutSeconds = 60 } = parseSession(setUp.headers.get('Session') ?? '');
      this.#session = rtspSessionId;
      this.#keepAlive ??= setInterval(() => void this.#keepAliveNow(base), timeoutSeconds * 400);
    }
    await this.#request('PLAY', base, [['Range', 'npt=0.000-']]);
  }

  async #keepAliveNow(base: string): Promise<void> {
    await this.#request('GET_PARAMETER', base, []).catch(() => this.close());
  }

  async #transport(track: number): Promise<string> {
    if (this.#options.transport === 'tcp')
      return `RTP/AVP/TCP;unicast;interleaved=${2 * track}-${2 * track + 1}`;
    const [rtp, rtcp] = await bindPair(this.#options.localAddress);
    this.#udp.push(rtp, rtcp);
    rtp.on('message', (packet) => this.#count(packet.length));
    return `RTP/AVP;unicast;client_port=${rtp.address().port}-${rtcp.address().port}`;
  }

  #count(bytes: number): void {
    this.packets += 1;
    this.bytes += bytes;
  }

  #take(chunk: Uint8Array): void {
    this.#reader.push(chunk);
    for (let item = this.#reader.next(); item !== undefined; item = this.#reader.next()) {
      if (item.kind === 'frame' && item.channel % 2 === 0) this.#count(item.payload.length);
      if (item.kind !== 'response') continue;
      const number = Number(item.headers.get('CSeq'));
      this.#answers.get(number)?.(item);
      this.#answers.delete(number);
    }
  }

  /** @throws {WeirError} ORIGIN_REFUSED, TIMED_OUT */
  async #request(method: string, uri: string, headers: [string, string][]): Promise<RtspResponse> {
    const number = ++this.#cseq;
    const { promise, resolve, reject } = Promise.withResolvers<RtspResponse>();
    this.#answers.set(number, resolve);
    const timer = setTimeout(() => reject(new WeirError('TIMED_OUT', `no answer to ${method}`)), answerMs);
    const session: [string, string][] = this.#session === undefined ? [] : [['Session', this.#session]];
    this.#socket.write(
      serializeRequest({
        method,
        uri,
        headers: Headers.of([['CSeq', String(number)], ...session, ...headers]),
      }),
    );
    try {
      const response = await promise;
      if (response.status === 200) return response;
      throw new WeirError('ORIGIN_REFUSED', `${method} was answered ${response.status} ${response.phrase}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** TEARDOWN, as far as anybody listens, then gone. */
  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    clearInterval(this.#keepAlive);
    if (this.#session !== undefined && this.#socket.writable) {
      await this.#request('TEARDOWN', this.#options.url, []).catch(() => {});
    }
    this.#socket.destroy();
    for (const socket of this.#udp) socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Two adjacent ports, the first even (RFC 3550 s.11). */
async function bindPair(address: string): Promise<[UdpSocket, UdpSocket]> {
  const family = isIPv6(address) ? 'udp6' : 'udp4';
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 15_000);
    const pair: [UdpSocket, UdpSocket] = [createSocket(family), createSocket(family)];
    try {
      await Promise.all(pair.map((socket, index) => bind(socket, address, port + index)));
      return pair;
    } catch {
      for (const socket of pair) socket.close();
    }
  }
  throw new WeirError('SOCKET_FAILED', 'no two adjacent UDP ports are free', { fields: { address } });
}

function bind(socket: UdpSocket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}
