import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The whole partition `slots`. */
export const slotPartitionBytes = 1024 * 1024;

/**
 * The two copies of the slot state: how GRUB names them, and where they are in the partition. They lie half a megabyte
 * apart, in different erase blocks of most flash. Part of the format on the disk: systems in the field write there.
 */
export const slotCopies = [
  { name: 'SLOTS0.ENV', offset: 64 * 1024 },
  { name: 'SLOTS1.ENV', offset: 576 * 1024 },
] as const;

const sectorBytes = 512;
const clusterBytes = 2048;
const reservedSectors = 1;
const fatSectors = 2;
const rootEntries = 16;
const dataStart = (reservedSectors + fatSectors) * sectorBytes + rootEntries * 32;
const copyBytes = 1024;

/**
 * The partition `slots` as it is flashed: a FAT12 file system (so that GRUB finds the copies, and can write them in place)
 * that holds nothing but the two copies, each in one cluster of its own. Linux never mounts it: it writes the copies where they
 * lie, and nothing else in the partition ever changes. `slotState` is the program that knows what stands in a copy.
 */
export function slotPartition(slotState: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'weir-slots-'));
  try {
    const file = join(folder, 'slots');
    writeFileSync(file, fileSystem());
    truncateSync(file, slotPartitionBytes);
    const environment = { ...process.env, WEIR_SLOTS: file, WEIR_SLOTS_LOCK: join(folder, 'lock') };
    // As flashed: the first slot holds a system that is known to work, the second one nothing.
    for (const words of [
      ['set-state', 'b', 'bad'],
      ['set-state', 'a', 'good'],
    ]) {
      execFileSync('sh', [slotState, ...words], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    }
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Boot sector, one FAT, root directory (Microsoft's FAT specification 1.03); the data follows. */
function fileSystem(): Buffer {
  const disk = Buffer.alloc(slotPartitionBytes);
  disk.set([0xeb, 0x3c, 0x90], 0);
  disk.write('WEIR    ', 3, 'latin1');
  disk.writeUInt16LE(sectorBytes, 11);
  disk.writeUInt8(clusterBytes / sectorBytes, 13);
  disk.writeUInt16LE(reservedSectors, 14);
  disk.writeUInt8(1, 16); // FATs
  disk.writeUInt16LE(rootEntries, 17);
  disk.writeUInt16LE(slotPartitionBytes / sectorBytes, 19);
  disk.writeUInt8(0xf8, 21); // a disk that stays where it is
  disk.writeUInt16LE(fatSectors, 22);
  disk.writeUInt16LE(32, 24); // sectors a track, heads: nobody asks any more
  disk.writeUInt16LE(2, 26);
  disk.writeUInt8(0x80, 36);
  disk.writeUInt8(0x29, 38);
  disk.writeUInt32LE(0x57454952, 39);
  disk.write('WEIR SLOTS FAT12   ', 43, 'latin1');
  disk.writeUInt16LE(0xaa55, 510);

  const fat = reservedSectors * sectorBytes;
  setFatEntry(disk, fat, 0, 0xff8);
  setFatEntry(disk, fat, 1, 0xfff);
  slotCopies.forEach(({ name, offset }, index) => {
    const cluster = 2 + (offset - dataStart) / clusterBytes;
    setFatEntry(disk, fat, cluster, 0xfff);
    const entry = fat + fatSectors * sectorBytes + index * 32;
    disk.write(name.replace('.', '  '), entry, 'latin1');
    disk.writeUInt8(0x20, entry + 11); // archive: an ordinary file
    disk.writeUInt16LE(0x21, entry + 24); // 1 January 1980, the first day there is
    disk.writeUInt16LE(cluster, entry + 26);
    disk.writeUInt32LE(copyBytes, entry + 28);
  });
  return disk;
}

/** Twelve bits each, two of them in three bytes. */
function setFatEntry(disk: Buffer, fat: number, cluster: number, value: number): void {
  const at = fat + Math.floor(cluster * 1.5);
  const before = disk.readUInt16LE(at);
  disk.writeUInt16LE(cluster % 2 === 0 ? (before & 0xf000) | value : (before & 0x000f) | (value << 4), at);
}
