/**
 * The process of a scripted origin; `origin-scripted.ts` starts it on a host. The only argument is its options as
 * JSON. It ends with its standard input; the line `close-connections` there makes it drop every client.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { ScriptedOriginEvent, ScriptedOriginOptions } from './origin-scripted-options.ts';
import { authParameters, digestResponse } from './rtsp-digest.ts';
import { RtspItems, type RtspMessage } from './rtsp-items.ts';

const options: ScriptedOriginOptions = JSON.parse(process.argv[2] ?? '{}');

const tell = (event: ScriptedOriginEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const unmapped = (address = ''): string => address.replace(/^::ffff:/, '');

/** RTP packets of one stream: seq and time go on whoever listens. */
class Media {
  readonly #outlets = new Set<(packet: Buffer) => void>();
  /** Made and not sent yet: they go together. */
  #made: Buffer[] = [];
  #seq = 1000;
  #pictures = 0;

  constructor() {
    const startedMs = performance.now();
    // By the clock and not by the ticks: on a busy machine ticks are late, the rate shall not be.
    const due = () => ((performance.now() - startedMs) * options.packetsPerSecond) / 1000;
    let sent = 0;
    setInterval(() => {
      for (; sent < due(); sent += 1) this.send();
    }, 5);
  }

  get seq(): number {
    return this.#seq;
  }

  get rtpTime(): number {
    return (this.#pictures * 90_000) / options.packetsPerSecond;
  }

  add(outlet: (packet: Buffer) => void): () => void {
    this.#outlets.add(outlet);
    return () => this.#outlets.delete(outlet);
  }

  /** The next picture. */
  send(): void {
    const start = this.#pictures % options.packetsPerStart === 0;
    for (let left = start ? options.startPackets : 1; left > 0; left -= 1)
      this.#sendPacket(start, left === 1);
    this.#pictures += 1;
  }

  #sendPacket(start: boolean, last: boolean): void {
    const packet = Buffer.alloc(12 + options.payloadBytes, this.#pictures & 0xff);
    packet.writeUInt16BE(last ? 0x80_e0 : 0x80_60, 0);
    packet.writeUInt16BE(this.#seq, 2);
    packet.writeUInt32BE(this.rtpTime >>> 0, 4);
    packet.writeUInt32BE(options.ssrc, 8);
    // RFC 6184 s.5.4: one NAL unit; an IDR slice (5) where a decoder can start, else a slice (1).
    packet.writeUInt8(start ? 0x65 : 0x41, 12);
    this.#seq = (this.#seq + 1) & 0xffff;
    this.#made.push(packet);
    if (this.#made.length < new Set(options.sendOrder).size) return;
    const made = this.#made;
    this.#made = [];
    for (const at of options.sendOrder) {
      for (const outlet of this.#outlets) outlet(made[at] as Buffer);
    }
  }
}

/** One RTSP session with one track. */
interface Session {
  readonly id: string;
  readonly send: (packet: Buffer) => void;
  stop: () => void;
  readonly end: () => void;
}

const media = new Media();
const sessions = new Map<string, Session>();
const connections = new Set<Connection>();

class Connection {
  readonly #number: number;
  readonly #socket: Socket;
  readonly #nonce = randomBytes(16).toString('hex');
  readonly #items = new RtspItems();
  readonly #own = new Set<string>();
  #work: Promise<void> = Promise.resolve();

  constructor(number: number, socket: Socket) {
    this.#number = number;
    this.#socket = socket;
    const peer = unmapped(socket.remoteAddress);
    tell({ event: 'connected', connection: number, peer });
    socket.on('data', (bytes: Buffer) => {
      for (const item of this.#items.push({ atMs: 0, bytes })) {
        if (item.kind === 'message') this.#work = this.#work.then(() => this.#answer(item));
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      connections.delete(this);
      for (const id of this.#own) this.#endSession(id);
      tell({ event: 'closed', connection: number, peer });
    });
  }

  drop(): void {
    this.#socket.end();
  }

  async #answer(request: RtspMessage): Promise<void> {
    const [method = '', uri = ''] = request.startLine.split(' ');
    const user = this.#signer(method, request.headers.get('authorization') ?? '');
    const told = {
      event: 'request',
      connection: this.#number,
      method,
      uri,
      session: request.headers.get('session') ?? '',
      user,
      body: request.body.toString('utf8'),
    } as const;
    const refusal = options.refusals[method];
    if (refusal === 'silent') return tell({ ...told, status: 0 });
    if (Object.keys(options.digestUsers).length > 0 && user === '') {
      const challenge = `Digest realm="lab-${options.title}", nonce="${this.#nonce}"`;
      tell({ ...told, status: 401 });
      return this.#send(request, 401, [`WWW-Authenticate: ${challenge}`]);
    }
    if (refusal !== undefined) {
      tell({ ...told, status: refusal });
      return this.#send(request, refusal, options.location ? [`Location: ${options.location}`] : []);
    }
    const { status, headers, body, after } = await this.#perform(method, uri, request);
    tell({ ...told, status });
    this.#send(request, status, headers ?? [], body);
    after?.();
  }

  async #perform(
    method: string,
    uri: string,
    request: RtspMessage,
  ): Promise<{ status: number; headers?: string[]; body?: string; after?: () => void }> {
    const session = sessions.get((request.headers.get('session') ?? '').split(';')[0] ?? '');
    switch (method) {
      case 'OPTIONS':
        return { status: 200, headers: [`Public: ${options.methods.join(', ')}`] };
      case 'DESCRIBE': {
        if (new URL(uri).pathname.replace(/\/$/, '') !== options.path) return { status: 404 };
        return {
          status: 200,
          headers: [`Content-Base: ${uri}/`, 'Content-Type: application/sdp'],
          body: sdp(),
        };
      }
      case 'SETUP':
        return this.#setup(request.headers.get('transport') ?? '');
      case 'PLAY': {
        if (!session) return { status: 454 };
        const info = `url=${uri.replace(/\/$/, '')}/track1;seq=${media.seq};rtptime=${media.rtpTime}`;
        const play = () => {
          session.stop = media.add(session.send);
        };
        if (options.packetsBeforePlayAnswer > 0) play();
        for (let sent = 0; sent < options.packetsBeforePlayAnswer; sent += 1) media.send();
        const after = options.packetsBeforePlayAnswer > 0 ? undefined : play;
        const headers = [`Session: ${session.id}`, 'Range: npt=now-', `RTP-Info: ${info}`];
        return { status: 200, headers, ...(after && { after }) };
      }
      case 'PAUSE':
        session?.stop();
        return { status: session ? 200 : 454 };
      case 'GET_PARAMETER':
      case 'SET_PARAMETER':
        return { status: session ? 200 : 454 };
      case 'TEARDOWN':
        if (session) this.#endSession(session.id);
        return { status: session ? 200 : 454 };
      default:
        return { status: 501 };
    }
  }

  async #setup(transport: string): Promise<{ status: number; headers?: string[] }> {
    const id = randomBytes(6).toString('hex');
    const sessionHeader = `Session: ${id};timeout=${options.sessionTimeoutSeconds}`;
    const interleaved = /interleaved=(\d+)-(\d+)/.exec(transport);
    if (interleaved) {
      if (!options.transports.includes('tcp')) return { status: 461 };
      const channel = Number(interleaved[1]);
      const send = (packet: Buffer) => {
        const header = Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]);
        this.#socket.write(Buffer.concat([header, packet]));
      };
      this.#keep({ id, send, stop: () => {}, end: () => {} });
      return { status: 200, headers: [`Transport: ${transport}`, sessionHeader] };
    }
    const clientPort = Number(/client_port=(\d+)/.exec(transport)?.[1]);
    if (!options.transports.includes('udp') || !clientPort) return { status: 461 };
    const address = unmapped(this.#socket.remoteAddress);
    const [rtp, rtcp] = await udpPair(unmapped(this.#socket.localAddress));
    const end = () => {
      rtp.close();
      rtcp.close();
    };
    this.#keep({ id, send: (packet) => rtp.send(packet, clientPort, address), stop: () => {}, end });
    const ports = options.serverPorts ? `;server_port=${rtp.address().port}-${rtcp.address().port}` : '';
    const answer = `Transport: RTP/AVP;unicast;client_port=${clientPort}-${clientPort + 1}${ports}`;
    return { status: 200, headers: [answer, sessionHeader] };
  }

  #keep(session: Session): void {
    sessions.set(session.id, session);
    this.#own.add(session.id);
  }

  #endSession(id: string): void {
    const session = sessions.get(id);
    sessions.delete(id);
    session?.stop();
    session?.end();
  }

  /** Whose signature this is; '' without a good one for this connection's nonce. */
  #signer(method: string, header: string): string {
    const given = authParameters(header);
    const user = given.get('username') ?? '';
    const password = options.digestUsers[user];
    if (password === undefined || given.get('nonce') !== this.#nonce) return '';
    const facts = { user, password, realm: `lab-${options.title}`, nonce: this.#nonce, method };
    return digestResponse({ ...facts, uri: given.get('uri') ?? '' }) === given.get('response') ? user : '';
  }

  #send(request: RtspMessage, status: number, headers: readonly string[], body = ''): void {
    if (this.#socket.destroyed) return;
    const length = body ? [`Content-Length: ${Buffer.byteLength(body)}`] : [];
    const lines = [
      `RTSP/1.0 ${status} Scripted`,
      `CSeq: ${request.headers.get('cseq')}`,
      ...headers,
      ...length,
    ];
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  }
}

function sdp(): string {
  const lines = ['v=0', `o=- 1 1 IN IP4 0.0.0.0`, `s=${options.title}`, 'c=IN IP4 0.0.0.0', 't=0 0'];
  lines.push(`a=range:${options.range}`, 'a=control:*', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000');
  lines.push(`a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${options.parameterSets}`);
  lines.push('a=control:track1');
  return `${lines.join('\r\n')}\r\n`;
}

/** An even port and the next one, on one address (RFC 3550 s.11). */
async function udpPair(address: string): Promise<[UdpSocket, UdpSocket]> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 20_000) * 2;
    const pair = [await udpSocket(address, port), await udpSocket(address, port + 1)] as const;
    if (pair[0] && pair[1]) return [pair[0], pair[1]];
    pair[0]?.close();
    pair[1]?.close();
  }
}

function udpSocket(address: string, port: number): Promise<UdpSocket | undefined> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.once('error', () => resolve(undefined));
    socket.bind(port, address, () => {
      // A receiver that has gone away answers by ICMP; the origin sends on.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

let accepted = 0;
const server = createServer((socket) => {
  connections.add(new Connection(accepted, socket));
  accepted += 1;
});
server.listen(options.port, '::', () => tell({ event: 'listening' }));
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  if (line === 'close-connections') for (const connection of connections) connection.drop();
});
commands.on('close', () => process.exit(0));
