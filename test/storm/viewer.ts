import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6, type Socket } from 'node:net';
import { RtspItems, type RtspMessage } from '../lab/rtsp-items.ts';
import type { StormEnd, StormSession } from './viewers-options.ts';

/** Whatever the box had sent has come when nothing has come for so long. */
const silenceMs = 400;
const latelyStepMs = 10;

/** One viewer of the storm: joins, counts its media, leaves, and takes what is still on its way. */
export class StormViewer {
  readonly #url: URL;
  readonly #address: string;
  readonly #transport: 'udp' | 'tcp';
  readonly #latelyMs: number;
  readonly #answerMs: number;
  readonly #socket: Socket;
  readonly #items = new RtspItems();
  readonly #udp: UdpSocket[] = [];
  readonly #answers: Array<(answer: RtspMessage | undefined) => void> = [];
  readonly #lately: Array<[number, number]> = [];
  readonly #closed: Promise<unknown>;
  #cseq = 0;
  #session = '';
  #base: string;
  #packets = 0;
  #bytes = 0;
  #firstMediaAt = 0;
  #lastMediaAt = 0;
  #lastHeardMs = performance.now();

  constructor(options: {
    url: string;
    address: string;
    port: number;
    transport: 'udp' | 'tcp';
    latelyMs: number;
    answerMs: number;
  }) {
    this.#url = new URL(options.url);
    this.#base = options.url;
    this.#address = options.address;
    this.#transport = options.transport;
    this.#latelyMs = options.latelyMs;
    this.#answerMs = options.answerMs;
    this.#socket = connect({
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(this.#url.port || 554),
      localAddress: options.address,
      localPort: options.port,
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closed = promise;
    this.#socket.on('error', () => {});
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.on('close', () => {
      for (const answer of this.#answers.splice(0)) answer(undefined);
      resolve();
    });
  }

  /** From the dial to the end, which it chooses at `leave` unless it comes before; undefined: it got no media. */
  async watch(leave: Promise<unknown>, how: 'teardown' | 'hung-up'): Promise<StormSession | undefined> {
    const viewer = await this.#dial();
    const plays = viewer !== undefined && (await this.#play());
    let end: StormEnd = 'closed';
    if (plays) {
      await Promise.race([leave, this.#closed]);
      if (!this.#socket.destroyed && this.#socket.readable) end = await this.#leave(how);
    }
    // Reads on to the end: what the box has sent by TCP is on its way and is billed.
    this.#socket.end();
    const endedAt = Date.now();
    const patience = setTimeout(() => this.#socket.destroy(), 4 * this.#answerMs);
    await this.#closed;
    clearTimeout(patience);
    await this.#silence();
    for (const socket of this.#udp) socket.close();
    if (viewer === undefined || this.#packets === 0) return undefined;
    return {
      ...{ viewer, transport: this.#transport, end, endedAt },
      ...{ firstMediaAt: this.#firstMediaAt, lastMediaAt: this.#lastMediaAt },
      ...{ packets: this.#packets, bytes: this.#bytes },
      lately: this.#lately.filter(([at]) => at >= this.#lastMediaAt - this.#latelyMs),
    };
  }

  /** Nobody is at the other end any more. */
  giveUp(): void {
    this.#socket.destroy(new Error('given up'));
  }

  async #leave(how: 'teardown' | 'hung-up'): Promise<StormEnd> {
    if (how === 'hung-up') return how;
    return (await this.#request('TEARDOWN')) ? how : 'closed';
  }

  /** Its address and port; undefined when nobody answers. */
  async #dial(): Promise<string | undefined> {
    const late = AbortSignal.timeout(this.#answerMs);
    try {
      await once(this.#socket, 'connect', { signal: late });
      return `${this.#address} ${this.#socket.localPort}`;
    } catch {
      this.#socket.destroy();
      return undefined;
    }
  }

  async #play(): Promise<boolean> {
    const described = await this.#request('DESCRIBE', this.#base, ['Accept: application/sdp']);
    if (!described) return false;
    this.#base = described.headers.get('content-base') ?? this.#base;
    const control = /^m=[\s\S]*?^a=control:(\S+)/m.exec(described.body.toString('latin1'))?.[1] ?? '';
    const track = control.includes('://') ? control : `${this.#base.replace(/\/$/, '')}/${control}`;
    const setUp = await this.#request('SETUP', track, [`Transport: ${await this.#ports()}`]);
    this.#session = setUp?.headers.get('session')?.split(';')[0] ?? '';
    if (!setUp) return false;
    return (await this.#request('PLAY', this.#base, ['Range: npt=0.000-'])) !== undefined;
  }

  /** The answer when it is 200. */
  async #request(
    method: string,
    uri = this.#base,
    headers: readonly string[] = [],
  ): Promise<RtspMessage | undefined> {
    if (this.#socket.destroyed || !this.#socket.writable) return undefined;
    this.#cseq += 1;
    const session = this.#session ? [`Session: ${this.#session}`] : [];
    const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${this.#cseq}`, ...session, ...headers];
    const { promise, resolve } = Promise.withResolvers<RtspMessage | undefined>();
    const patience = setTimeout(() => this.#socket.destroy(), 4 * this.#answerMs);
    this.#answers.push(resolve);
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const answer = await promise;
    clearTimeout(patience);
    return answer?.startLine.split(' ')[1] === '200' ? answer : undefined;
  }

  async #ports(): Promise<string> {
    if (this.#transport === 'tcp') return 'RTP/AVP/TCP;unicast;interleaved=0-1';
    // The address is this viewer's alone, so any pair is free.
    const [rtp, rtcp] = [await bound(this.#address, rtpPort), await bound(this.#address, rtpPort + 1)];
    rtp.on('message', (packet) => this.#media(packet.length));
    rtcp.on('message', () => this.#heard());
    this.#udp.push(rtp, rtcp);
    return `RTP/AVP;unicast;client_port=${rtpPort}-${rtpPort + 1}`;
  }

  #take(bytes: Buffer): void {
    this.#heard();
    for (const item of this.#items.push({ atMs: 0, bytes })) {
      if (item.kind === 'message') this.#answers.shift()?.(item);
      else if (item.channel === 0) this.#media(item.data.length);
    }
  }

  #media(bytes: number): void {
    this.#heard();
    this.#packets += 1;
    this.#bytes += bytes;
    this.#lastMediaAt = Date.now();
    this.#firstMediaAt ||= this.#lastMediaAt;
    const last = this.#lately.at(-1);
    if (last && last[0] > this.#lastMediaAt - latelyStepMs) last[1] = this.#bytes;
    else this.#lately.push([this.#lastMediaAt, this.#bytes]);
    const steps = this.#latelyMs / latelyStepMs;
    if (this.#lately.length > 2 * steps) this.#lately.splice(0, steps);
  }

  #heard(): void {
    this.#lastHeardMs = performance.now();
  }

  /** A turn of the loop after the time is over has read what came before it, however late that turn is. */
  async #silence(): Promise<void> {
    this.#heard();
    for (let leftMs = silenceMs; leftMs > 0; ) {
      await new Promise((resolve) => setTimeout(resolve, leftMs));
      await new Promise((resolve) => setImmediate(resolve));
      leftMs = this.#lastHeardMs + silenceMs - performance.now();
    }
  }
}

const rtpPort = 5004;

async function bound(address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  socket.bind(port, address);
  await once(socket, 'listening');
  socket.on('error', () => {});
  return socket;
}
