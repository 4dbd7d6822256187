import type { Endpoint, Packet } from './pcap.ts';

/** Bytes of one direction that arrived with one segment. */
export interface Chunk {
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** One TCP connection out of a capture. */
export interface TcpConnection {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly openedAtMs: number;
  /** What the client sent, in order, without repetitions. */
  readonly toServer: readonly Chunk[];
  readonly toClient: readonly Chunk[];
  /** What of it the client acknowledged. */
  readonly takenByClient: readonly Chunk[];
  /** Who sent FIN or RST first, and when; undefined while it is open. */
  readonly ended:
    | { readonly by: 'client' | 'server'; readonly how: 'fin' | 'rst'; readonly atMs: number }
    | undefined;
}

/** Reassembles one direction. */
class Direction {
  readonly chunks: Chunk[] = [];
  readonly #waiting = new Map<number, Chunk>();
  #next: number | undefined;
  #first: number | undefined;
  #acknowledgedBytes = 0;

  /** What has been acknowledged, in order. */
  get acknowledged(): readonly Chunk[] {
    let left = this.#acknowledgedBytes;
    return this.chunks.flatMap(({ atMs, bytes }) => {
      const taken = bytes.subarray(0, Math.max(0, left));
      left -= taken.length;
      return taken.length > 0 ? [{ atMs, bytes: taken }] : [];
    });
  }

  /** The receiver of this direction has sent that. A reset acknowledges nothing (RFC 9293 s.3.10.7.4). */
  acknowledge({ tcp }: Packet): void {
    if (!tcp?.ack || tcp.rst || this.#first === undefined) return;
    this.#acknowledgedBytes = Math.max(this.#acknowledgedBytes, (tcp.ackNumber - this.#first) | 0);
  }

  add(packet: Packet): void {
    const { tcp, payload, atMs } = packet;
    if (!tcp) return;
    if (tcp.syn) {
      this.#next = (tcp.seq + 1) >>> 0;
      this.#first = this.#next;
      return;
    }
    if (payload.length === 0) return;
    this.#next ??= tcp.seq;
    this.#take(tcp.seq, { atMs, bytes: payload });
    for (let waiting = this.#waiting.get(this.#next); waiting; waiting = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#take(this.#next, waiting);
    }
  }

  /** Bytes that came after a hole the capture never filled. */
  get unplaced(): number {
    return this.#waiting.size;
  }

  #take(seq: number, chunk: Chunk): void {
    const behind = ((this.#next ?? seq) - seq) | 0;
    if (behind < 0) {
      this.#waiting.set(seq, chunk);
      return;
    }
    if (behind >= chunk.bytes.length) return;
    this.chunks.push({ atMs: chunk.atMs, bytes: chunk.bytes.subarray(behind) });
    this.#next = (seq + chunk.bytes.length) >>> 0;
  }
}

class Connection implements TcpConnection {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly openedAtMs: number;
  readonly up = new Direction();
  readonly down = new Direction();
  ended: TcpConnection['ended'];

  constructor(client: Endpoint, server: Endpoint, openedAtMs: number) {
    this.client = client;
    this.server = server;
    this.openedAtMs = openedAtMs;
  }

  get toServer(): readonly Chunk[] {
    return this.up.chunks;
  }

  get toClient(): readonly Chunk[] {
    return this.down.chunks;
  }

  get takenByClient(): readonly Chunk[] {
    return this.down.acknowledged;
  }

  add(packet: Packet): void {
    const fromClient = same(packet.source, this.client);
    (fromClient ? this.up : this.down).add(packet);
    (fromClient ? this.down : this.up).acknowledge(packet);
    if (packet.tcp?.fin || packet.tcp?.rst) {
      const how = packet.tcp.rst ? 'rst' : 'fin';
      this.ended ??= { by: fromClient ? 'client' : 'server', how, atMs: packet.atMs };
    }
  }
}

/** The connections whose first SYN is in the capture, by the time of that SYN. Throws where bytes are missing. */
export function tcpConnections(packets: readonly Packet[]): TcpConnection[] {
  const all: Connection[] = [];
  const current = new Map<string, Connection>();
  for (const packet of packets) {
    if (!packet.tcp) continue;
    const { source, destination, tcp } = packet;
    const key = [text(source), text(destination)].sort().join(' ');
    const known = current.get(key);
    if (tcp.syn && !tcp.ack && (known === undefined || known.ended)) {
      const opened = new Connection(source, destination, packet.atMs);
      all.push(opened);
      current.set(key, opened);
    }
    current.get(key)?.add(packet);
  }
  for (const { client, server, up, down } of all) {
    if (up.unplaced + down.unplaced > 0) {
      throw new Error(`bytes of ${text(client)} - ${text(server)} are missing in the capture`);
    }
  }
  return all;
}

const same = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;

/** `192.0.2.1:554`, `[2001:db8::1]:554`. */
export function text({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
