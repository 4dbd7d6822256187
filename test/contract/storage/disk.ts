import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '../../unit/storage/box.ts';

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Loop devices are the administrator's of the machine, not of a user namespace. */
export const mayLoop = readFileSync('/proc/self/uid_map', 'utf8').trim().endsWith('4294967295');

/** Undefined when there is no such file, or no more. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** A small disk of its own, which can be filled, made read-only and broken. Only in a mount namespace of its own. */
export class Disk {
  readonly path: string;
  readonly #folder: string;
  readonly #image: string | undefined;

  /** In memory. */
  static tmpfs(megabytes: number): Disk {
    const disk = new Disk(undefined);
    run('mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', disk.path);
    return disk;
  }

  /** An ext4 in a file, which goes read-only at the first error, as on the box. */
  static ext4(megabytes: number): Disk {
    const disk = new Disk('image');
    const image = disk.#image ?? '';
    run('truncate', '-s', `${megabytes}M`, image);
    run('mkfs.ext4', '-q', '-m', '0', image);
    disk.mount();
    return disk;
  }

  private constructor(image: string | undefined) {
    this.#folder = mkdtempSync(join(tmpdir(), 'weir-disk-'));
    this.#image = image && join(this.#folder, image);
    this.path = join(this.#folder, 'disk');
    mkdirSync(this.path);
  }

  mount(): void {
    run('mount', '-o', 'loop,errors=remount-ro', this.#image ?? '', this.path);
  }

  /** Lets go even of what is still open. */
  unmount(): void {
    run('umount', '--lazy', this.path);
  }

  /** Takes all but `leaveBytes` of the free space. */
  fill(leaveBytes = 0): void {
    const { bavail, bsize } = statfsSync(this.path);
    const fd = openSync(join(this.path, 'filling'), 'a');
    const block = Buffer.alloc(4_096, 0xa5);
    try {
      for (let left = bavail * bsize - leaveBytes; left > 0; ) {
        left -= writeSync(fd, block, 0, Math.min(left, block.length));
      }
      fsyncSync(fd);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Gives back what `fill` took. */
  empty(): void {
    rmSync(join(this.path, 'filling'), { force: true });
  }

  /** Makes the file system find an error: it goes read-only under its users. */
  breakDown(): void {
    writeFileSync(join('/sys/fs/ext4', this.#device(), 'trigger_fs_error'), '1');
  }

  #device(): string {
    return basename(run('findmnt', '-no', 'SOURCE', this.path).trim());
  }

  /** What a person does: unmounts, checks, mounts again. `spoil` is done to it in between. */
  async repair(spoil: (path: string) => void = () => {}): Promise<void> {
    const image = this.#image ?? '';
    const backing = join('/sys/block', this.#device(), 'loop', 'backing_file');
    this.unmount();
    // The kernel keeps the image until the last open file is closed; the device may be another's right afterwards.
    await until('its users let go', () => readIfThere(backing) !== image);
    try {
      run('fsck.ext4', '-fy', image);
    } catch (error) {
      // 1: errors were found and corrected.
      if ((error as { status?: number }).status !== 1) throw error;
    }
    const elsewhere = join(this.#folder, 'bench');
    mkdirSync(elsewhere, { recursive: true });
    run('mount', '-o', 'loop', image, elsewhere);
    spoil(elsewhere);
    run('umount', elsewhere);
    this.mount();
  }

  remountReadOnly(readOnly: boolean): void {
    run('mount', '-o', `remount,${readOnly ? 'ro' : 'rw'}`, this.path);
  }

  [Symbol.dispose](): void {
    try {
      this.unmount();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
