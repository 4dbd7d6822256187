/** Packets as an origin sends them. */

/** An RTP packet (RFC 3550 s.5.1). */
export function rtp(options: { seq: number; rtpTime?: number; ssrc?: number; payload?: Uint8Array }): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(0x80, 0);
  header.writeUInt8(96, 1);
  header.writeUInt16BE(options.seq & 0xffff, 2);
  header.writeUInt32BE(options.rtpTime ?? options.seq * 3000, 4);
  header.writeUInt32BE(options.ssrc ?? 0xabcd, 8);
  return Buffer.concat([header, options.payload ?? Buffer.alloc(100, options.seq)]);
}

/** First byte of a NAL unit with its type (RFC 6184 s.1.3), then filling. */
export const nal = (type: number, lengthBytes = 200): Buffer =>
  Buffer.concat([Uint8Array.of(0x60 | type), Buffer.alloc(lengthBytes, type)]);

export const nalTypes = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

/** A sender report without blocks (RFC 3550 s.6.4.1). */
export function senderReport(rtpTime: number, ssrc = 0xabcd, packets = 0): Buffer {
  const packet = Buffer.alloc(28);
  packet.writeUInt8(0x80, 0);
  packet.writeUInt8(200, 1);
  packet.writeUInt16BE(6, 2);
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE(0xe000_0000, 8);
  packet.writeUInt32BE(rtpTime, 16);
  packet.writeUInt32BE(packets, 20);
  return packet;
}

/** A receiver report with one block that says so many packets were lost (RFC 3550 s.6.4.2). */
export function receiverReport(lost: number, ssrc = 0xabcd): Buffer {
  const packet = Buffer.alloc(32);
  packet.writeUInt8(0x81, 0);
  packet.writeUInt8(201, 1);
  packet.writeUInt16BE(7, 2);
  packet.writeUInt32BE(0x1234, 4);
  packet.writeUInt32BE(ssrc, 8);
  packet.writeUInt32BE(lost & 0xff_ffff, 12);
  return packet;
}

/** Receiver report without blocks, then BYE (RFC 3550 s.6.1, 6.6). */
export const bye = (ssrc = 0xabcd): Buffer => {
  const packet = Buffer.alloc(16);
  packet.set([0x80, 201, 0, 1], 0);
  packet.writeUInt32BE(ssrc, 4);
  packet.set([0x81, 203, 0, 1], 8);
  packet.writeUInt32BE(ssrc, 12);
  return packet;
};
