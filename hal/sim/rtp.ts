import type { StartPointCodec } from '../datapath/face.ts';

/** What the datapath needs of an RTP packet (RFC 3550 s.5.1). */
export interface RtpFacts {
  readonly seq: number;
  readonly rtpTime: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
}

/** Undefined when it is no RTP packet. */
export function readRtp(packet: Uint8Array): RtpFacts | undefined {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet.length < 12 || view.getUint8(0) >> 6 !== 2) return undefined;
  const payloadAt = 12 + 4 * (view.getUint8(0) & 15);
  if (packet.length < payloadAt) return undefined;
  const [seq, rtpTime, ssrc] = [view.getUint16(2), view.getUint32(4), view.getUint32(8)];
  return { seq, rtpTime, ssrc, payload: packet.subarray(payloadAt) };
}

/** True when a decoder can start at the packet's access unit: for H.264 an IDR picture (RFC 6184 s.5.2), else always. */
export function showsStart(codec: StartPointCodec, payload: Uint8Array): boolean {
  if (codec !== 'h264') return true;
  const kind = (payload[0] ?? 0) & 31;
  const fragmented = kind === 28 && (payload[1] ?? 0) >> 7 === 1;
  return (fragmented ? (payload[1] ?? 0) & 31 : kind) === 5;
}

/** True when the packet is a sequence parameter set of H.264. */
export function hasParameterSets(codec: StartPointCodec, payload: Uint8Array): boolean {
  return codec === 'h264' && ((payload[0] ?? 0) & 31) === 7;
}

/** What the datapath reads of a compound RTCP packet (RFC 3550 s.6.4, 6.6). */
export interface RtcpFacts {
  readonly senderReport: boolean;
  readonly bye: boolean;
  /** Cumulative loss of the first report block; undefined without one. */
  readonly lost: number | undefined;
}

/** Undefined when it is no compound RTCP packet. */
export function readRtcp(compound: Uint8Array): RtcpFacts | undefined {
  const view = new DataView(compound.buffer, compound.byteOffset, compound.byteLength);
  const facts = { senderReport: false, bye: false, lost: undefined as number | undefined };
  let at = 0;
  while (at + 4 <= compound.length && view.getUint8(at) >> 6 === 2) {
    const blocks = view.getUint8(at) & 31;
    const kind = view.getUint8(at + 1);
    const next = at + 4 + 4 * view.getUint16(at + 2);
    if (next > compound.length) return undefined;
    const report = kind === 200 ? at + 28 : kind === 201 ? at + 8 : compound.length;
    if (blocks > 0 && report + 24 <= next) facts.lost = (view.getInt32(report + 4) << 8) >> 8;
    facts.senderReport ||= kind === 200;
    facts.bye ||= kind === 203;
    at = next;
  }
  return at === compound.length && at > 0 ? facts : undefined;
}
