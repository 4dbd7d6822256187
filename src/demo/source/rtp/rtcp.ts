/** RTCP that a sender sends (RFC 3550 s.6): compound packets, never a part alone. */

const packetTypes = { senderReport: 200, sourceDescription: 202, bye: 203 } as const;

export interface SenderFacts {
  readonly ssrc: number;
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number;
  /** The same moment in RTP time. */
  readonly rtpTime: number;
  readonly packets: number;
  /** Payload only. */
  readonly octets: number;
  readonly cname: string;
}

/** SR and SDES; with `bye` also BYE. */
export function senderReport(facts: SenderFacts, options: { bye: boolean }): Buffer {
  const parts = [report(facts), description(facts)];
  if (options.bye) parts.push(bye(facts));
  return Buffer.concat(parts);
}

function header(part: Buffer, count: number, packetType: number): Buffer {
  part[0] = 0x80 | count;
  part[1] = packetType;
  part.writeUInt16BE(part.length / 4 - 1, 2);
  return part;
}

/** Seconds from 1900, where NTP time begins, to 1970. */
const ntpEpochSeconds = 2_208_988_800;

function report(facts: SenderFacts): Buffer {
  const part = Buffer.alloc(28);
  part.writeUInt32BE(facts.ssrc, 4);
  part.writeUInt32BE((Math.floor(facts.nowMs / 1000) + ntpEpochSeconds) % 2 ** 32, 8);
  part.writeUInt32BE(Math.floor(((facts.nowMs % 1000) / 1000) * 2 ** 32), 12);
  part.writeUInt32BE(facts.rtpTime, 16);
  part.writeUInt32BE(facts.packets % 2 ** 32, 20);
  part.writeUInt32BE(facts.octets % 2 ** 32, 24);
  return header(part, 0, packetTypes.senderReport);
}

function description({ ssrc, cname }: SenderFacts): Buffer {
  // The items end with at least one zero byte and fill up a word (s.6.5).
  const part = Buffer.alloc(Math.ceil((8 + 2 + cname.length + 1) / 4) * 4);
  part.writeUInt32BE(ssrc, 4);
  part[8] = 1; // CNAME
  part[9] = cname.length;
  part.write(cname, 10, 'latin1');
  return header(part, 1, packetTypes.sourceDescription);
}

function bye({ ssrc }: SenderFacts): Buffer {
  const part = Buffer.alloc(8);
  part.writeUInt32BE(ssrc, 4);
  return header(part, 1, packetTypes.bye);
}
