import { LogFlag, logMagic, logVersion } from '../../power/write-log.ts';

/** An entry as the disk logs it: one sector of header, then the data. */
export interface Written {
  readonly sector: number;
  readonly sectors: number;
  readonly flags: number;
  /** Filled with this byte; nothing for entries without data. */
  readonly fill?: number;
}

export const write = (sector: number, sectors: number, fill: number, flags = 0): Written => ({
  ...{ sector, sectors, flags, fill },
});
export const flush: Written = { sector: 0, sectors: 0, flags: LogFlag.flush };

/** A log in the format of dm-log-writes, by its documentation. */
export function logBytes(
  entries: readonly Written[],
  options: { sectorSize?: number; magic?: bigint; version?: bigint; count?: number } = {},
): Buffer {
  const sectorSize = options.sectorSize ?? 512;
  const head = Buffer.alloc(sectorSize);
  head.writeBigUInt64LE(options.magic ?? logMagic, 0);
  head.writeBigUInt64LE(options.version ?? logVersion, 8);
  head.writeBigUInt64LE(BigInt(options.count ?? entries.length), 16);
  head.writeUInt32LE(sectorSize, 24);
  const parts = entries.flatMap(({ sector, sectors, flags, fill }) => {
    const header = Buffer.alloc(sectorSize);
    const data = Buffer.alloc(fill === undefined ? 0 : sectors * sectorSize, fill);
    for (const [index, field] of [sector, sectors, flags, data.length].entries()) {
      header.writeBigUInt64LE(BigInt(field), index * 8);
    }
    return [header, data];
  });
  return Buffer.concat([head, ...parts]);
}
