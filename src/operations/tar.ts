/** A tar archive (POSIX.1-1988, ustar) of a few texts. */
export interface TarEntry {
  /** At most 100 bytes. */
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK_BYTES = 512;
/** Octal, closed by a NUL: what a size field of 12 bytes can hold. */
const MOST_CONTENT_BYTES = 0o77777777777;

export function tarArchive(entries: readonly TarEntry[], modifiedAt: number): Buffer {
  const parts: Uint8Array[] = [];
  for (const { name, content } of entries) {
    parts.push(header(name, content.length, modifiedAt), content);
    parts.push(Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK_BYTES)]);
}

function header(name: string, sizeBytes: number, modifiedAt: number): Buffer {
  if (Buffer.byteLength(name) > 100 || sizeBytes > MOST_CONTENT_BYTES) {
    throw new RangeError(`${name} does not fit into a ustar header`);
  }
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, bytes: number) =>
    block.write(`${value.toString(8).padStart(bytes - 1, '0')}\0`, at, 'latin1');
  block.write(name, 0);
  octal(0o600, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(Math.max(0, Math.floor(modifiedAt / 1000)), 136, 12);
  // The checksum is made with blanks in its place.
  block.write(' '.repeat(8), 148, 'latin1');
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}
