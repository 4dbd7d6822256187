import { copyFile, link, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FileStamp, type StagedFile, type SyncFolder, stageFile } from './durable-file.ts';

/** A file was replaced, it is not sure that it stays so, and it could not be put back either. */
export class NotPutBack extends Error {
  constructor(cause: unknown) {
    super((cause as Error).message, { cause });
    this.name = 'NotPutBack';
  }
}

/** The new content of a file, on its way there. What was there has a second name until it is sure that the new one stays. */
export class Replacement {
  readonly stamp: FileStamp;
  readonly #path: string;
  readonly #staged: StagedFile;
  readonly #sync: SyncFolder;
  readonly #before: string;
  #wasThere = false;

  private constructor(path: string, staged: StagedFile, sync: SyncFolder) {
    this.stamp = staged.stamp;
    this.#path = path;
    this.#staged = staged;
    this.#sync = sync;
    this.#before = `${path}.before`;
  }

  /** Writes `text` beside `path`. */
  static async stage(path: string, text: string, sync: SyncFolder): Promise<Replacement> {
    return new Replacement(path, await stageFile(path, text), sync);
  }

  /**
   * Puts it in its place; after a power cut the place holds the old or the new content, never a part. When this fails the old
   * one is there, and stays.
   *
   * @throws {NotPutBack} After a power cut it may be either.
   */
  async publish(): Promise<void> {
    this.#wasThere = await keepAs(this.#before, this.#path);
    await rename(this.#staged.temporary, this.#path);
    try {
      await this.#sync(dirname(this.#path));
    } catch (cause) {
      await this.putBack().catch(() => {
        throw new NotPutBack(cause);
      });
      throw cause;
    }
  }

  /** What was there before `publish` is there again, and stays. */
  async putBack(): Promise<void> {
    if (this.#wasThere) await rename(this.#before, this.#path);
    else await rm(this.#path, { force: true });
    await this.#sync(dirname(this.#path));
  }

  /** Removes what is left of it beside its place. */
  async clean(): Promise<void> {
    await this.#staged.discard();
    await rm(this.#before, { force: true });
  }
}

/** Gives a file a second name; false: there is no such file. */
async function keepAs(second: string, path: string): Promise<boolean> {
  await rm(second, { force: true });
  try {
    await link(path, second);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    // Not every file system has files with two names.
    await copyFile(path, second);
    return true;
  }
}
