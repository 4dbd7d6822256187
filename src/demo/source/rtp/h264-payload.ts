/** Specification: RFC 6184, packetization-mode 1 without aggregation. */

/** An RTP payload and its marker bit. */
export interface MediaPayload {
  readonly payload: Uint8Array;
  readonly marker: boolean;
}

/** nal_unit_type of a FU-A (RFC 6184 s.5.8). */
const fuA = 28;
const fuHeaderBytes = 2;

/** The payloads of one access unit; each at most `maxBytes`. The last one carries the marker (s.5.1). */
export function packetizeAccessUnit(nals: readonly Uint8Array[], maxBytes: number): MediaPayload[] {
  const payloads = nals.flatMap((nal) => (nal.length <= maxBytes ? [nal] : fragments(nal, maxBytes)));
  return payloads.map((payload, index) => ({ payload, marker: index === payloads.length - 1 }));
}

/** How many bytes of payload a NAL unit takes. */
export function payloadBytes(nalBytes: number, maxBytes: number): { packets: number; bytes: number } {
  if (nalBytes <= maxBytes) return { packets: 1, bytes: nalBytes };
  const packets = Math.ceil((nalBytes - 1) / (maxBytes - fuHeaderBytes));
  return { packets, bytes: nalBytes - 1 + packets * fuHeaderBytes };
}

/** FU-A: the NAL header is spread over the FU indicator and the FU header of each fragment. */
function fragments(nal: Uint8Array, maxBytes: number): Uint8Array[] {
  const [header = 0] = nal;
  const step = maxBytes - fuHeaderBytes;
  const payloads: Uint8Array[] = [];
  for (let start = 1; start < nal.length; start += step) {
    const end = Math.min(start + step, nal.length);
    const payload = Buffer.allocUnsafe(fuHeaderBytes + end - start);
    payload[0] = (header & 0xe0) | fuA;
    payload[1] = (start === 1 ? 0x80 : 0) | (end === nal.length ? 0x40 : 0) | (header & 0x1f);
    payload.set(nal.subarray(start, end), fuHeaderBytes);
    payloads.push(payload);
  }
  return payloads;
}
