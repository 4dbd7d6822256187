/**
 * The process of scripted viewers; `viewers-scripted.ts` starts it on a host. The only argument is its options as
 * JSON; commands come as JSON lines on standard input, at whose end it ends.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { authorization } from './rtsp-digest.ts';
import { RtspItems, type RtspMessage } from './rtsp-items.ts';
import type {
  ScriptedViewersCommand,
  ScriptedViewersEvent,
  ScriptedViewersOptions,
  ViewerCounts,
} from './viewers-scripted-options.ts';

const options: ScriptedViewersOptions = JSON.parse(process.argv[2] ?? '{}');

const tell = (event: ScriptedViewersEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

/** Who dials again does so when nobody has answered by then: sooner than the system would send again what got lost. */
const connectWithinMs = 500;

/** Counts the media of one viewer. */
class Receiver {
  readonly #viewer: number;
  readonly #seqs = new Map<number, { first: number; last: number; packets: number; had: Uint8Array }>();
  readonly #from = new Set<string>();
  #rtpPackets = 0;
  #rtpBytes = 0;
  #repeated = 0;
  #rtcpPackets = 0;
  #byes = 0;
  #playSentMs = 0;
  #joinMs = -1;
  #first: ViewerCounts['first'];

  constructor(viewer: number) {
    this.#viewer = viewer;
  }

  /** PLAY goes out: the next packet is the first one again. */
  playSent(): void {
    this.#playSentMs = performance.now();
    this.#first = undefined;
  }

  /** Has got media since the last PLAY. */
  get watching(): boolean {
    return this.#first !== undefined;
  }

  rtp(packet: Buffer, from: string): void {
    if (!this.#first) {
      this.#joinMs = performance.now() - this.#playSentMs;
      const key = (packet.readUInt8(12) & 0x1f) === 5;
      this.#first = { seq: packet.readUInt16BE(2), rtpTime: packet.readUInt32BE(4), key };
      tell({ event: 'media', viewer: this.#viewer, atMs: Date.now() });
    }
    this.#rtpPackets += 1;
    this.#rtpBytes += packet.length;
    this.#from.add(from);
    const ssrc = packet.readUInt32BE(8);
    const seq = packet.readUInt16BE(2);
    const known = this.#seqs.get(ssrc) ?? { first: seq, last: seq, packets: 0, had: new Uint8Array(65_536) };
    this.#seqs.set(ssrc, known);
    if (known.had[seq] === 1) {
      this.#repeated += 1;
      return;
    }
    known.had[seq] = 1;
    // What is half a turn away is of another turn.
    known.had[(seq + 32_768) & 0xffff] = 0;
    known.packets += 1;
    // Sequence numbers are 16 bits (RFC 3550 s.5.1): the step, as a signed number.
    const step = ((seq - known.last) << 16) >> 16;
    if (step > 0) known.last += step;
  }

  rtcp(packet: Buffer): void {
    this.#rtcpPackets += 1;
    for (let at = 0; at + 4 <= packet.length; at += 4 + packet.readUInt16BE(at + 2) * 4) {
      if (packet.readUInt8(at + 1) !== 203) continue;
      this.#byes += 1;
      tell({ event: 'bye', viewer: this.#viewer });
    }
  }

  counts(): ViewerCounts {
    const expected = [...this.#seqs.values()].map(({ first, last, packets }) => last - first + 1 - packets);
    return {
      rtpPackets: this.#rtpPackets,
      rtpBytes: this.#rtpBytes,
      rtcpPackets: this.#rtcpPackets,
      byes: this.#byes,
      lost: expected.reduce((sum, missing) => sum + missing, 0),
      repeated: this.#repeated,
      ssrcs: [...this.#seqs.keys()],
      mediaFrom: [...this.#from],
      joinMs: this.#joinMs,
      first: this.#first,
    };
  }
}

/** One viewer: a dialogue, then media until it or the server ends it. */
class Viewer {
  readonly receiver: Receiver;
  readonly #index: number;
  readonly #source: string;
  readonly #socket: Socket;
  readonly #items = new RtspItems();
  readonly #udp: UdpSocket[] = [];
  readonly #answers: Array<(answer: RtspMessage | undefined) => void> = [];
  #cseq = 0;
  #session = '';
  #base = options.url;
  #trackUris: readonly string[] = [];
  #challenge = '';
  #how: 'teardown' | 'closed' | 'reset' = 'closed';
  #patience: NodeJS.Timeout | undefined;

  constructor(index: number, source: string) {
    this.receiver = new Receiver(index);
    this.#index = index;
    this.#source = source;
    this.#socket = connect({ host: options.dial.address, port: options.dial.port, localAddress: source });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes: Buffer) => {
      for (const item of this.#items.push({ atMs: 0, bytes })) {
        if (item.kind === 'message') this.#answers.shift()?.(item);
        else if (item.channel % 2 === 0) this.receiver.rtp(item.data, this.#server);
        else this.receiver.rtcp(item.data);
      }
    });
    this.#socket.on('error', () => {
      this.#how = 'reset';
    });
    this.#socket.on('close', () => {
      for (const answer of this.#answers.splice(0)) answer(undefined);
      clearTimeout(this.#patience);
      this.closeUdp();
      tell({ event: 'ended', viewer: index, how: this.#how, atMs: Date.now() });
      if (options.dialAgainMs > 0 && this.#how !== 'teardown') come(index, source);
    });
    if (options.dialAgainMs > 0) {
      this.#hangUpAfter(connectWithinMs, () => this.#socket.connecting);
      this.#socket.on('connect', () => {
        this.#hangUpAfter(options.dialAgainMs, () => !this.receiver.watching);
      });
    }
  }

  #hangUpAfter(patienceMs: number, inVain: () => boolean): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      if (inVain()) this.#socket.destroy();
    }, patienceMs);
  }

  get #server(): string {
    return `${options.dial.address} ${options.dial.port}`;
  }

  /** Up to playing, or the first refusal. */
  async play(): Promise<void> {
    tell({ event: 'settled', viewer: this.#index, status: await this.#dialogue() });
  }

  async #dialogue(): Promise<number> {
    let described = await this.request('DESCRIBE', options.url, ['Accept: application/sdp']);
    if (statusOf(described) === 401 && options.credentials) {
      this.#challenge = described?.headers.get('www-authenticate')?.split('\n')[0] ?? '';
      described = await this.request('DESCRIBE', options.url, ['Accept: application/sdp']);
    }
    if (!described || statusOf(described) !== 200) return statusOf(described);
    this.#base = described.headers.get('content-base') ?? options.url;
    const media = described.body.toString('latin1').split(/^m=/m).slice(1);
    const controls = media.map((section) => /^a=control:(\S+)/m.exec(section)?.[1] ?? '');
    this.#trackUris = controls.map((control) =>
      control.includes('://') ? control : `${this.#base.replace(/\/$/, '')}/${control}`,
    );
    return this.#setUpAndPlay();
  }

  async #setUpAndPlay(): Promise<number> {
    for (const [track, uri] of this.#trackUris.entries()) {
      const answer = await this.request('SETUP', uri, [`Transport: ${await this.#transport(track)}`]);
      if (!answer || statusOf(answer) !== 200) return statusOf(answer);
      this.#session = answer.headers.get('session')?.split(';')[0] ?? '';
      this.#punch(track, answer.headers.get('transport') ?? '');
    }
    return statusOf(await this.request('PLAY', this.#base, ['Range: npt=0.000-']));
  }

  async again(): Promise<void> {
    void this.request('TEARDOWN');
    this.#session = '';
    this.closeUdp();
    tell({ event: 'settled', viewer: this.#index, status: await this.#setUpAndPlay() });
  }

  /** Sends one request; undefined when the connection ends before the answer. */
  request(
    method: string,
    uri = this.#base,
    headers: readonly string[] = [],
  ): Promise<RtspMessage | undefined> {
    this.#cseq += 1;
    if (method === 'PLAY') this.receiver.playSent();
    const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${this.#cseq}`, ...headers];
    if (this.#session) lines.push(`Session: ${this.#session}`);
    if (this.#challenge && options.credentials) {
      lines.push(`Authorization: ${authorization(this.#challenge, options.credentials, method, uri)}`);
    }
    return new Promise((resolve) => {
      this.#answers.push((answer) => {
        const headerFacts = Object.fromEntries(answer?.headers ?? []);
        const status = statusOf(answer);
        tell({ event: 'answer', viewer: this.#index, method, status, headers: headerFacts });
        resolve(answer);
      });
      if (this.#socket.destroyed) this.#answers.shift()?.(undefined);
      else this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
  }

  async teardown(): Promise<void> {
    const answer = await this.request('TEARDOWN');
    if (answer) this.#how = 'teardown';
    this.#socket.end();
  }

  /** From now on the kernel refuses media by ICMP, as for a player that died behind an open connection. */
  closeUdp(): void {
    for (const socket of this.#udp.splice(0)) socket.close();
  }

  async #transport(track: number): Promise<string> {
    if (options.transport === 'tcp') return `RTP/AVP/TCP;unicast;interleaved=${track * 2}-${track * 2 + 1}`;
    const [rtp, rtcp] = await udpPair(this.#source, options.clientPort && options.clientPort + track * 2);
    rtp.on('message', (packet, from) => this.receiver.rtp(packet, `${from.address} ${from.port}`));
    rtcp.on('message', (packet) => this.receiver.rtcp(packet));
    this.#udp.push(rtp, rtcp);
    return `RTP/AVP;unicast;client_port=${rtp.address().port}-${rtcp.address().port}`;
  }

  #punch(track: number, transport: string): void {
    const serverPort = Number(/server_port=(\d+)/.exec(transport)?.[1]);
    const rtp = this.#udp[track * 2];
    if (!options.punch || !rtp || !serverPort) return;
    rtp.send(Buffer.from('800000000000000000000000', 'hex'), serverPort, options.dial.address);
  }
}

const statusOf = (answer: RtspMessage | undefined): number => Number(answer?.startLine.split(' ')[1] ?? 0);

/** An even port and the next one; `wanted` when not 0. */
async function udpPair(address: string, wanted: number): Promise<[UdpSocket, UdpSocket]> {
  for (;;) {
    const port = wanted || 20_000 + Math.floor(Math.random() * 20_000) * 2;
    const [rtp, rtcp] = [await udpSocket(address, port), await udpSocket(address, port + 1)];
    if (rtp && rtcp) return [rtp, rtcp];
    if (wanted) throw new Error(`port ${wanted} is taken`);
    rtp?.close();
    rtcp?.close();
  }
}

function udpSocket(address: string, port: number): Promise<UdpSocket | undefined> {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const { receiveBytes } = options;
  const socket = createSocket({ type, ...(receiveBytes > 0 && { recvBufferSize: receiveBytes }) });
  return new Promise((resolve) => {
    socket.once('error', () => resolve(undefined));
    socket.bind(port, address, () => {
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

const viewers: Viewer[] = [];

function come(index: number, source: string): void {
  tell({ event: 'dialled', viewer: index, atMs: Date.now() });
  const viewer = new Viewer(index, source);
  viewers[index] = viewer;
  void viewer.play();
}

for (const [index, source] of options.sources.entries()) {
  // All at once in the same turn, unless they come one by one.
  if (options.everyMs === 0) come(index, source);
  else setTimeout(() => come(index, source), index * options.everyMs);
}
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const { command, viewers: chosen, method = 'OPTIONS' }: ScriptedViewersCommand = JSON.parse(line);
  if (command === 'count')
    return tell({ event: 'counts', counts: viewers.map(({ receiver }) => receiver.counts()) });
  for (const viewer of viewers.filter((_, index) => chosen?.includes(index) ?? true)) {
    if (command === 'teardown') void viewer.teardown();
    else if (command === 'again') void viewer.again();
    else if (command === 'close-udp') viewer.closeUdp();
    else void viewer.request(method);
  }
});
commands.on('close', () => process.exit(0));
