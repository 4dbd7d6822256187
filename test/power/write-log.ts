import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The log that QEMU's `blklogwrites` (and Linux's dm-log-writes, whose format it is) keeps of a disk: every write and every
 * flush in the order in which the disk had done them. All numbers are little-endian. See Linux,
 * Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c.
 */
export const logMagic = 0x6a736677736872n;
export const logVersion = 1n;

/** Bits of an entry's flags. */
export const LogFlag = { flush: 1, fua: 2, discard: 4, mark: 8 } as const;

/** What the disk was asked to do. */
export interface LogEntry {
  /** Where on the disk, and how much, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** All before it has reached the medium when the entry is done. */
  readonly flush: boolean;
  /** Its own data has reached the medium when it is done. */
  readonly fua: boolean;
  readonly discard: boolean;
  /** Where in the log its data is; it has none when `dataLength` is 0. */
  readonly dataAt: number;
  readonly dataLength: number;
  /** Where in the log the entry ends: a log of that length has it. */
  readonly end: number;
}

/** A finished log. The data stays in the file until it is asked for. */
export class WriteLog implements Disposable {
  readonly entries: readonly LogEntry[];
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    try {
      this.entries = readEntries(this.#file);
    } catch (error) {
      closeSync(this.#file);
      throw new Error(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }

  data(entry: LogEntry): Buffer {
    return readExactly(this.#file, entry.dataAt, entry.dataLength);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function readEntries(file: number): LogEntry[] {
  const head = readExactly(file, 0, 28);
  const magic = head.readBigUInt64LE(0);
  if (magic !== logMagic) throw new Error(`not a log of writes: magic 0x${magic.toString(16)}`);
  const version = head.readBigUInt64LE(8);
  if (version !== logVersion) throw new Error(`log of version ${version}, known is ${logVersion}`);
  const count = Number(head.readBigUInt64LE(16));
  const sectorSize = head.readUInt32LE(24);
  if (sectorSize < 512 || (sectorSize & (sectorSize - 1)) !== 0) throw new Error(`sectors of ${sectorSize}`);

  const entries: LogEntry[] = [];
  const end = fstatSync(file).size;
  for (let at = sectorSize; entries.length < count; ) {
    const header = readExactly(file, at, 32);
    const [sector, sectors, flags, dataLength] = [0, 8, 16, 24].map((field) =>
      Number(header.readBigUInt64LE(field)),
    ) as [number, number, number, number];
    const discard = (flags & LogFlag.discard) !== 0;
    const length = sectors * sectorSize;
    // A discard says how much it takes, and carries nothing; a mark carries text, and changes nothing.
    const carries = discard ? 0 : (flags & LogFlag.mark) !== 0 ? dataLength : length;
    const dataAt = at + sectorSize;
    const entry: LogEntry = {
      offset: sector * sectorSize,
      length: (flags & LogFlag.mark) !== 0 ? 0 : length,
      flush: (flags & LogFlag.flush) !== 0,
      fua: (flags & LogFlag.fua) !== 0,
      discard,
      dataAt,
      dataLength: carries,
      end: dataAt + Math.ceil(carries / sectorSize) * sectorSize,
    };
    at = entry.end;
    if (at > end) throw new Error(`the log ends inside entry ${entries.length} of ${count}`);
    entries.push(entry);
  }
  return entries;
}

function readExactly(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const got = length === 0 ? 0 : readSync(file, bytes, 0, length, at);
  if (got !== length) throw new Error(`the log ends at ${at + got}, inside something`);
  return bytes;
}
