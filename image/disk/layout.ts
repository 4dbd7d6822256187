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

/**
 * What the identifiers of an image begin with. They are the same for every build, as the image is; a box gives itself others at its first
 * start (image/libexec/own-identity).
 */
export const imageIdentity = '8B1C6A4E-30F1-4E0B-9A57-5E1D7A3C0D';

export const diskUuid = `${imageIdentity}00`;
/** Of the file system of data. */
export const dataUuid = `${imageIdentity}10`.toLowerCase();

/** Their order is what the boot loader goes by (image/boot/grub.cfg), their labels what Linux does. */
export const partitions: readonly Partition[] = [
  { label: 'esp', sizeMiB: 64, type: 'ef00', uuid: `${imageIdentity}01` },
  { label: 'slots', sizeMiB: 1, type: '8300', uuid: `${imageIdentity}02` },
  { label: 'rootfs-a', sizeMiB: 256, type: '8305', uuid: `${imageIdentity}03` },
  { label: 'rootfs-b', sizeMiB: 256, type: '8305', uuid: `${imageIdentity}04` },
  { label: 'data', sizeMiB: 512, type: '8300', uuid: `${imageIdentity}05` },
];

/** Where a partition begins, in bytes. */
export function partitionOffset(label: string): number {
  const index = partitions.findIndex((entry) => entry.label === label);
  return (marginMiB + partitions.slice(0, index).reduce((sum, { sizeMiB }) => sum + sizeMiB, 0)) * mebibyte;
}

export const diskBytes =
  (2 * marginMiB + partitions.reduce((sum, { sizeMiB }) => sum + sizeMiB, 0)) * mebibyte;
