import type { Endpoint, Packet } from './pcap.ts';
import { rtspItems } from './rtsp-items.ts';
import { type Chunk, type TcpConnection, tcpConnections, text } from './tcp-connections.ts';

/** RTP that went one way between two ports: one 5-tuple by UDP, one connection by TCP. */
export interface MediaFlow {
  readonly transport: 'udp' | 'tcp';
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** RTP header and payload; not RTCP, not the '$' header. */
  readonly rtpPackets: number;
  readonly rtpBytes: number;
  readonly rtcpPackets: number;
  /** RTCP packets that carry a BYE (RFC 3550 s.6.6). */
  readonly byes: number;
  readonly ssrcs: ReadonlySet<number>;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

interface Counting extends MediaFlow {
  rtpPackets: number;
  rtpBytes: number;
  rtcpPackets: number;
  byes: number;
  readonly ssrcs: Set<number>;
  lastAtMs: number;
}

/** Every media flow of a capture. By UDP the bytes tell RTP from RTCP (RFC 5761 s.4), by TCP the channel does. */
export const mediaFlows = (packets: readonly Packet[]): MediaFlow[] =>
  flowsIn(packets, ({ toClient }) => toClient);

/** The same, by TCP as far as the viewer acknowledged it; a packet that was acknowledged in part is none. */
export const takenFlows = (packets: readonly Packet[]): MediaFlow[] =>
  flowsIn(packets, ({ takenByClient }) => takenByClient);

function flowsIn(
  packets: readonly Packet[],
  streamOf: (connection: TcpConnection) => readonly Chunk[],
): MediaFlow[] {
  const flows = new Map<string, Counting>();
  for (const { kind, source, destination, payload, atMs } of packets) {
    if (kind !== 'udp' || payload.length < 8 || payload.readUInt8(0) >> 6 !== 2) continue;
    const packetType = payload.readUInt8(1);
    const rtcp = packetType >= 192 && packetType <= 223;
    // A bare header without payload is a hole punch, no media (RFC 6263 s.4.1).
    if (!rtcp && payload.length <= 12) continue;
    add(flowOf(flows, 'udp', source, destination, atMs), payload, rtcp, atMs);
  }
  for (const connection of rtspConnections(packets)) {
    const { client, server } = connection;
    for (const item of rtspItems(streamOf(connection))) {
      if (item.kind !== 'frame') continue;
      const flow = flowOf(flows, 'tcp', server, client, item.atMs);
      add(flow, item.data, item.channel % 2 === 1, item.atMs);
    }
  }
  return [...flows.values()];
}

/** The connections of a capture whose client speaks RTSP. */
export function rtspConnections(packets: readonly Packet[]): TcpConnection[] {
  return tcpConnections(packets).filter(({ toServer }) => {
    const first = toServer[0]?.bytes.toString('latin1');
    return first !== undefined && /^[A-Z_]+ \S+ RTSP\/1\.0\r\n/.test(first);
  });
}

function flowOf(
  flows: Map<string, Counting>,
  transport: 'udp' | 'tcp',
  source: Endpoint,
  destination: Endpoint,
  atMs: number,
): Counting {
  const key = `${transport} ${text(source)} ${text(destination)}`;
  let flow = flows.get(key);
  if (!flow) {
    const counts = { rtpPackets: 0, rtpBytes: 0, rtcpPackets: 0, byes: 0 };
    flow = { transport, source, destination, ...counts, ssrcs: new Set(), firstAtMs: atMs, lastAtMs: atMs };
    flows.set(key, flow);
  }
  return flow;
}

function add(flow: Counting, bytes: Buffer, rtcp: boolean, atMs: number): void {
  flow.lastAtMs = atMs;
  if (rtcp) {
    flow.rtcpPackets += 1;
    if (hasBye(bytes)) flow.byes += 1;
    return;
  }
  flow.rtpPackets += 1;
  flow.rtpBytes += bytes.length;
  flow.ssrcs.add(bytes.readUInt32BE(8));
}

/** Walks a compound packet (RFC 3550 s.6.1) for packet type 203. */
function hasBye(compound: Buffer): boolean {
  for (let at = 0; at + 4 <= compound.length; at += 4 + compound.readUInt16BE(at + 2) * 4) {
    if (compound.readUInt8(at + 1) === 203) return true;
  }
  return false;
}
