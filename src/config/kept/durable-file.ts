import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is written in full beside the one it will replace. */
export interface StagedFile {
  /** What tells this file from one that somebody else wrote. */
  readonly stamp: FileStamp;
  /** Puts it in its place; after a power cut the place holds the old or the new content, never a part. */
  publish(): Promise<void>;
  discard(): Promise<void>;
}

/** Which file it is and when it was written: whoever writes it anew changes one of them, a medium that decays does not. */
export interface FileStamp {
  readonly inode: string;
  readonly modifiedMs: number;
}

/** Writes `text` beside `path`, on the disk and not only in memory. On a full disk it is this that fails. */
export async function stageFile(path: string, text: string): Promise<StagedFile> {
  const temporary = `${path}.new`;
  const discard = () => rm(temporary, { force: true });
  await discard();
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
      const { ino, mtimeMs } = await file.stat({ bigint: true });
      const publish = async () => {
        await rename(temporary, path);
        await syncFolder(dirname(path));
      };
      return { stamp: { inode: String(ino), modifiedMs: Number(mtimeMs) }, publish, discard };
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard().catch(() => {});
    throw error;
  }
}

export async function writeDurably(path: string, text: string): Promise<void> {
  const staged = await stageFile(path, text);
  await staged.publish();
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Makes the names in a folder durable: a rename is not, before. */
export async function syncFolder(folder: string): Promise<void> {
  const file = await open(folder, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
