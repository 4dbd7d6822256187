/** What sysfs knows of a NIC beside netlink: for people who tell NICs apart. */
import { readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** Of this network namespace, where it is mounted for it. */
export const SYSFS_NICS = '/sys/class/net';

export interface NicHardware {
  readonly driver: string | undefined;
  /** As agreed with the far end; undefined without a link, or where the driver does not know. */
  readonly speedMbps: number | undefined;
  readonly fullDuplex: boolean | undefined;
}

/** `folder`: of the device, `/sys/class/net/eth0`. */
export async function readNicHardware(folder: string): Promise<NicHardware> {
  const [speed, duplex, driver] = await Promise.all([
    // EINVAL while the NIC is off, -1 when the driver does not know.
    readFile(join(folder, 'speed'), 'utf8').then(Number, () => -1),
    readFile(join(folder, 'duplex'), 'utf8').then(
      (text) => text.trim(),
      () => 'unknown',
    ),
    readlink(join(folder, 'device', 'driver')).then(
      (target) => basename(target),
      () => undefined,
    ),
  ]);
  return {
    driver,
    speedMbps: speed > 0 ? speed : undefined,
    fullDuplex: duplex === 'full' ? true : duplex === 'half' ? false : undefined,
  };
}
