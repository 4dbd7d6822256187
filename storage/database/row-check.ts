import { crc32 } from 'node:zlib';

/**
 * CRC-32 over the columns of a row. SQLite's own check sees a broken page, but not a flipped bit in what a page holds. Each
 * part goes in with its length, so that no two rows share their bytes.
 */
export function rowCheck(...parts: ReadonlyArray<string | bigint | Uint8Array | null>): bigint {
  let crc = 0;
  const length = Buffer.alloc(4);
  for (const part of parts) {
    const bytes = part === null ? empty : part instanceof Uint8Array ? part : Buffer.from(String(part));
    length.writeUInt32LE(part === null ? 0xffff_ffff : bytes.length);
    crc = crc32(bytes, crc32(length, crc));
  }
  return BigInt(crc);
}

const empty = new Uint8Array();
