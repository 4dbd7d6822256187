/** The partitions of a gateway, in their order on the disk. Sizes in MiB; the image fits the smallest disk, data then grows. */
export interface Partition {
  readonly label: string;
  readonly sizeMiB: number;
  /** GPT partition type, as sgdisk names it. */
  readonly type: string;
  readonly uuid: string;
}

const mebibyte = 2 ** 20;
/** Before the first and behind the last partition: the tables. */
const marginMiB = 1;

export const diskUuid = '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D00';

/** Their order is what the boot loader goes by (image/boot/grub.cfg), their labels what Linux does. */
export const partitions: readonly Partition[] = [
  { label: 'esp', sizeMiB: 64, type: 'ef00', uuid: '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D01' },
  { label: 'slots', sizeMiB: 1, type: '8300', uuid: '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D02' },
  { label: 'rootfs-a', sizeMiB: 256, type: '8305', uuid: '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D03' },
  { label: 'rootfs-b', sizeMiB: 256, type: '8305', uuid: '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D04' },
  { label: 'data', sizeMiB: 512, type: '8300', uuid: '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D05' },
];

/** Where a partition begins, in bytes. */
export function partitionOffset(label: string): number {
  const index = partitions.findIndex((entry) => entry.label === label);
  return (marginMiB + partitions.slice(0, index).reduce((sum, { sizeMiB }) => sum + sizeMiB, 0)) * mebibyte;
}

export const diskBytes =
  (2 * marginMiB + partitions.reduce((sum, { sizeMiB }) => sum + sizeMiB, 0)) * mebibyte;
