/** nal_unit_type (ITU-T H.264 table 7-1), those that are used here. */
export const nalTypes = { slice: 1, idrSlice: 5, sps: 7, pps: 8, filler: 12 } as const;

/**
 * A NAL unit (s.7.3.1): header and payload, with an emulation prevention byte wherever the payload would look like a
 * start code.
 */
export function nalUnit(refIdc: number, type: number, rbsp: Uint8Array): Buffer {
  // The payload grows by at most half.
  const nal = Buffer.alloc(1 + Math.ceil(rbsp.length * 1.5));
  nal[0] = (refIdc << 5) | type;
  let length = 1;
  let zeros = 0;
  for (const byte of rbsp) {
    if (zeros === 2 && byte <= 3) {
      nal[length++] = 3;
      zeros = 0;
    }
    nal[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return nal.subarray(0, length);
}

/** The smallest filler NAL: header, one 0xff, the stop bit. */
export const minFillerBytes = 3;

/** Filler data (s.7.3.2.7): `length` bytes that mean nothing, header included. */
export function fillerNal(length: number): Buffer {
  const nal = Buffer.alloc(length, 0xff);
  nal[0] = nalTypes.filler;
  nal[length - 1] = 0x80;
  return nal;
}
