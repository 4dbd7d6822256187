/** RTP fixed header (RFC 3550 s.5.1), and the send time in a header extension (RFC 8285 s.4.2). */

export const rtpHeaderBytes = 12;
/** Profile 0xBEDE and three words: id and length, eight bytes of time, padding. */
const stampBytes = 16;
export const stampedHeaderBytes = rtpHeaderBytes + stampBytes;

/** Of the `a=extmap` line, and of the element. */
export const stampExtensionId = 1;
export const stampExtensionUri = 'urn:weir:send-time';

export interface RtpHeaderFields {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly seq: number;
  readonly rtpTime: number;
  readonly ssrc: number;
  /** When the packet was handed to the kernel, CLOCK_MONOTONIC; in the packet big-endian at byte 17. */
  readonly sentMonoNs: bigint | undefined;
}

export function rtpHeader(fields: RtpHeaderFields): Buffer {
  const stamped = fields.sentMonoNs !== undefined;
  const header = Buffer.alloc(stamped ? stampedHeaderBytes : rtpHeaderBytes);
  header[0] = 0x80 | (stamped ? 0x10 : 0);
  header[1] = (fields.marker ? 0x80 : 0) | fields.payloadType;
  header.writeUInt16BE(fields.seq, 2);
  header.writeUInt32BE(fields.rtpTime, 4);
  header.writeUInt32BE(fields.ssrc, 8);
  if (fields.sentMonoNs !== undefined) {
    header.writeUInt32BE(0xbede0003, 12);
    header[16] = (stampExtensionId << 4) | 7;
    header.writeBigUInt64BE(fields.sentMonoNs, 17);
  }
  return header;
}
