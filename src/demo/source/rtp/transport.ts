import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6, type Socket as TcpSocket } from 'node:net';
import { WeirError } from '#base';

/** Header and payload; the header is made when the packet is taken, so that it can tell the time. */
export type RtpPackets = Iterable<readonly [header: Uint8Array, payload: Uint8Array]>;

/** How one track of one session reaches its receiver. */
export interface TrackTransport {
  /** Sends the packets of one unit. */
  sendRtp(packets: RtpPackets): void;
  sendRtcp(packet: Uint8Array): void;
  /** Packets not sent because the receiver takes too little. */
  readonly droppedPackets: number;
  close(): void;
}

/** RTP in '$' frames on the RTSP connection (RFC 2326 s.10.12). */
export class InterleavedTransport implements TrackTransport {
  droppedPackets = 0;
  readonly #socket: TcpSocket;
  readonly #channels: readonly [number, number];

  constructor(socket: TcpSocket, channels: readonly [number, number]) {
    this.#socket = socket;
    this.#channels = channels;
  }

  sendRtp(packets: RtpPackets): void {
    // A receiver that is this far behind loses whole units.
    const behind = this.#socket.writableLength > 2 ** 20;
    this.#socket.cork();
    for (const [header, payload] of packets) {
      if (behind) {
        this.droppedPackets += 1;
        continue;
      }
      this.#socket.write(this.#frameHeader(this.#channels[0], header.length + payload.length));
      this.#socket.write(header);
      this.#socket.write(payload);
    }
    this.#socket.uncork();
  }

  sendRtcp(packet: Uint8Array): void {
    this.#socket.write(Buffer.concat([this.#frameHeader(this.#channels[1], packet.length), packet]));
  }

  close(): void {
    // The connection is not ours.
  }

  #frameHeader(channel: number, length: number): Buffer {
    return Buffer.of(0x24, channel, length >> 8, length & 0xff);
  }
}

export interface UdpTransportOptions {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly remotePorts: readonly [rtp: number, rtcp: number];
  /** Anything came from the receiver's RTCP or RTP port. */
  readonly onReceive: (kind: 'rtp' | 'rtcp') => void;
  /** The receiver's port is closed (ICMP). */
  readonly onRefused: () => void;
}

/** RTP and RTCP on two adjacent ports of their own (RFC 3550 s.11). */
export class UdpTransport implements TrackTransport {
  readonly droppedPackets = 0;
  readonly localPorts: readonly [rtp: number, rtcp: number];
  readonly #rtp: UdpSocket;
  readonly #rtcp: UdpSocket;

  private constructor(rtp: UdpSocket, rtcp: UdpSocket) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.localPorts = [rtp.address().port, rtcp.address().port];
  }

  static async open(options: UdpTransportOptions): Promise<UdpTransport> {
    const { localAddress, remoteAddress, remotePorts } = options;
    const [rtp, rtcp] = await bindPair(localAddress);
    for (const [socket, port, kind] of [
      [rtp, remotePorts[0], 'rtp'],
      [rtcp, remotePorts[1], 'rtcp'],
    ] as const) {
      // A connected socket hears its receiver only, and sends without a look-up each time.
      socket.connect(port, remoteAddress);
      await once(socket, 'connect');
      socket.on('message', () => options.onReceive(kind));
      socket.on('error', options.onRefused);
    }
    return new UdpTransport(rtp, rtcp);
  }

  sendRtp(packets: RtpPackets): void {
    for (const packet of packets) this.#rtp.send(packet);
  }

  sendRtcp(packet: Uint8Array): void {
    this.#rtcp.send(packet);
  }

  close(): void {
    this.#rtp.close();
    this.#rtcp.close();
  }
}

const pairAttempts = 50;

async function bindPair(address: string): Promise<readonly [UdpSocket, UdpSocket]> {
  for (let attempt = 0; attempt < pairAttempts; attempt++) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 20_000);
    const rtp = await bind(address, port);
    if (!rtp) continue;
    const rtcp = await bind(address, port + 1);
    if (rtcp) return [rtp, rtcp];
    rtp.close();
  }
  throw new WeirError('SOCKET_FAILED', 'no pair of UDP ports is free', { fields: { address } });
}

/** Undefined when the port is taken. */
async function bind(address: string, port: number): Promise<UdpSocket | undefined> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
  try {
    socket.bind({ address, port, exclusive: true });
    await once(socket, 'listening');
    return socket;
  } catch (error) {
    socket.close();
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw new WeirError('SOCKET_FAILED', 'cannot bind a UDP port', {
      fields: { address, port },
      cause: error,
    });
  }
}
