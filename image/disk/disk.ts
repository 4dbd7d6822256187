import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { slotPartition } from '../boot/slot-partition.ts';
import { run } from '../program.ts';
import { dataUuid, diskBytes, diskUuid, partitionOffset, partitions } from './layout.ts';

export interface DiskContent {
  /** What both slots begin with; only the first one gets it. */
  readonly slot: string;
  /** Debian's GRUB, one file that is started by UEFI. */
  readonly loader: string;
  readonly timeSeconds: number;
}

const bootFolder = join(import.meta.dirname, '..', 'boot');
/** What GRUB reads, where Debian's one looks for it. */
const bootFiles = ['grub.cfg', 'slots.cfg'];
/** Where GRUB notes what it booted when the slot state is lost (slots.cfg). It writes in place, and can make no file. */
const noteFile = 'weir/last.env';
const emptyNote = Buffer.from('# GRUB Environment Block\n'.padEnd(1024, '#'), 'latin1');
const slotState = join(import.meta.dirname, '..', 'rauc', 'slot-state');

/** Assembles the disk image out of files: nothing is mounted, no loop device is taken. */
export async function writeDisk(file: string, content: DiskContent, folder: string): Promise<void> {
  await writePartitionTable(file);
  const esp = join(folder, 'esp.img');
  const data = join(folder, 'data.img');
  const slots = join(folder, 'slots.img');
  await writeBootPartition(esp, content, join(folder, 'esp'));
  await writeDataPartition(data, content.timeSeconds);
  writeFileSync(slots, slotPartition(slotState));
  for (const [label, from] of [
    ['esp', esp],
    ['slots', slots],
    ['rootfs-a', content.slot],
    ['data', data],
  ] as const) {
    const seek = partitionOffset(label);
    await run('dd', [
      `if=${from}`,
      `of=${file}`,
      'bs=1M',
      `seek=${seek}`,
      'oflag=seek_bytes',
      'conv=notrunc,sparse',
      'status=none',
    ]);
    if (from !== content.slot) rmSync(from);
  }
}

/** A disk with the partitions of a gateway, and nothing in them. */
export async function writePartitionTable(file: string): Promise<void> {
  closeSync(openSync(file, 'w'));
  truncateSync(file, diskBytes);
  await run('sgdisk', [
    ...['-a', '2048', '-U', diskUuid],
    ...partitions.flatMap(({ label, sizeMiB, type, uuid }, index) => {
      const number = index + 1;
      return [
        '-n',
        `${number}:0:+${sizeMiB}M`,
        '-t',
        `${number}:${type}`,
        '-c',
        `${number}:${label}`,
        '-u',
        `${number}:${uuid}`,
      ];
    }),
    file,
  ]);
  await run('sgdisk', ['-v', file]);
}

/** FAT32 with the boot loader where UEFI looks on a disk it does not know. */
async function writeBootPartition(
  file: string,
  { loader, timeSeconds }: DiskContent,
  folder: string,
): Promise<void> {
  await makeEmpty(file, 'esp');
  // -s 1: by the count of its clusters this size would be FAT16 otherwise, which U-Boot and EDK2 read, but not all others.
  await run('mkfs.vfat', ['-F', '32', '-s', '1', '-i', '57454952', '-n', 'WEIR-BOOT', '--invariant', file]);
  const place = (path: string, content: Buffer) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
    utimesSync(join(folder, path), timeSeconds, timeSeconds);
  };
  place('EFI/BOOT/BOOTAA64.EFI', readFileSync(loader));
  for (const name of bootFiles) place(`EFI/debian/${name}`, readFileSync(join(bootFolder, name)));
  place(noteFile, emptyNote);
  const env = { MTOOLS_SKIP_CHECK: '1' };
  await run('mmd', ['-i', file, '::EFI', '::EFI/BOOT', '::EFI/debian', '::weir'], {
    env: { ...env, SOURCE_DATE_EPOCH: String(timeSeconds) },
  });
  const placed = ['EFI/BOOT/BOOTAA64.EFI', ...bootFiles.map((name) => `EFI/debian/${name}`), noteFile];
  for (const path of placed) {
    await run('mcopy', ['-m', '-i', file, join(folder, path), `::${path}`], { env });
  }
}

/** An empty ext4 whose journal and inode sizes are those of a disk that will be larger: it grows at the first start. */
export async function writeDataPartition(file: string, timeSeconds: number): Promise<void> {
  await makeEmpty(file, 'data');
  await run(
    'mkfs.ext4',
    [
      '-q',
      '-F',
      '-L',
      'data',
      '-U',
      dataUuid,
      // Its identifier is changed by one write then, not by one of all that has a checksum.
      '-O',
      'metadata_csum,metadata_csum_seed',
      '-J',
      'size=32',
      '-E',
      `hash_seed=${dataUuid},lazy_itable_init=0,lazy_journal_init=0`,
      '-m',
      '1',
      file,
    ],
    { env: { E2FSPROGS_FAKE_TIME: String(timeSeconds) } },
  );
}

async function makeEmpty(file: string, label: string): Promise<void> {
  const mebibytes = partitions.find((entry) => entry.label === label)?.sizeMiB ?? 0;
  closeSync(openSync(file, 'w'));
  truncateSync(file, mebibytes * 2 ** 20);
}

/** A small compressed copy, as it is downloaded and flashed. */
export async function compressDisk(image: string, to: string): Promise<void> {
  rmSync(to, { force: true });
  await run('zstd', ['-q', '-3', '--no-progress', '-T1', image, '-o', `${to}.part`, '-f']);
  renameSync(`${to}.part`, to);
}
