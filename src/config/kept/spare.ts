import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Room for a large configuration, twice: the file itself and the commit that is kept. */
const spareBytes = 512 * 1024;

/**
 * A file that holds room on the disk, to be given up when there is none: a box whose disk is full must still be told to
 * keep less.
 */
export class Spare {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, 'spare');
  }

  /** Makes it where it is not there; a disk that has no room for it now may have some after the next commit. */
  async hold(): Promise<void> {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.#path, 'wx', 0o600);
    } catch {
      // It is there already, or the folder is not.
      return;
    }
    try {
      // Of zeroes some file systems keep nothing.
      await file.writeFile(Buffer.alloc(spareBytes, 0xa5));
      await file.sync();
    } catch {
      await this.giveUp();
    } finally {
      await file.close();
    }
  }

  async giveUp(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** The disk has no room. */
export const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
