import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * A file that does nothing but take space, to be given up when the disk is full: SQLite needs room even to delete. What it holds
 * is random, so that no file system makes it smaller.
 */
export class Ballast {
  readonly #path: string;
  readonly #sizeBytes: number;
  #standing: boolean;

  constructor(path: string, sizeBytes: number) {
    this.#path = path;
    this.#sizeBytes = sizeBytes;
    this.#standing = statSync(path, { throwIfNoEntry: false })?.size === sizeBytes;
  }

  get standing(): boolean {
    return this.#standing;
  }

  /** Makes it when twice its size is free; else nothing. What was written of one that does not fit goes again. */
  raise(): void {
    if (this.#standing || freeBytes(dirname(this.#path)) < 2 * this.#sizeBytes) return;
    try {
      const fd = openSync(this.#path, 'w', 0o600);
      try {
        const block = randomBytes(64 * 1024);
        for (let left = this.#sizeBytes; left > 0; )
          left -= writeSync(fd, block, 0, Math.min(left, block.length));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      this.#standing = true;
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  /** Gives its space up. Returns whether there was any. */
  drop(): boolean {
    const stood = this.#standing;
    this.#standing = false;
    try {
      rmSync(this.#path, { force: true });
      return stood;
    } catch {
      // A disk that does not even remove a file gives no room.
      return false;
    }
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** How much of the file system is taken, 0 to 1, of what Weir may take; 0 when it does not answer. */
export function usedShare(folder: string): number {
  try {
    const { blocks, bfree, bavail } = statfsSync(folder);
    const used = blocks - bfree;
    return used + bavail === 0 ? 0 : used / (used + bavail);
  } catch {
    return 0;
  }
}
