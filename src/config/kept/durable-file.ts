import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that is written in full beside the one it will replace. */
export interface StagedFile {
  /** Where it is until then. */
  readonly temporary: string;
  /** What tells this file from one that somebody else wrote. */
  readonly stamp: FileStamp;
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
      return { temporary, stamp: { inode: String(ino), modifiedMs: Number(mtimeMs) }, discard };
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard().catch(() => {});
    throw error;
  }
}

/** After a power cut `path` holds the old or the new content, never a part. */
export async function writeDurably(path: string, text: string, sync: SyncFolder): Promise<void> {
  const { temporary } = await stageFile(path, text);
  await rename(temporary, path);
  await sync(dirname(path));
}

export async function removeDurably(path: string, sync: SyncFolder): Promise<void> {
  await rm(path, { force: true });
  await sync(dirname(path));
}

/** Makes the names in a folder durable: a rename is not, before. */
export type SyncFolder = (folder: string) => Promise<void>;

export const syncFolder: SyncFolder = async (folder) => {
  const file = await open(folder, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
};
