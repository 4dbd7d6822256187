import { describeError, type Log, WeirError } from '#base';
import type { ActiveFile } from './active-file.ts';
import type { Commit } from './commit.ts';
import type { CommitFolder } from './commit-folder.ts';
import type { StagedFile } from './durable-file.ts';
import { isFull } from './spare.ts';

/**
 * A commit on its way to the disk. Prepared, it is there in full and does not count; published, the configuration file has
 * it and it counts, whatever becomes of it; kept, it is among the past commits as well.
 */
export class PreparedCommit {
  readonly commit: Commit;
  readonly #staged: StagedFile;
  readonly #folder: CommitFolder;
  readonly #log: Log;

  private constructor(commit: Commit, staged: StagedFile, folder: CommitFolder, log: Log) {
    this.commit = commit;
    this.#staged = staged;
    this.#folder = folder;
    this.#log = log;
  }

  /** @throws {WeirError} CONFIG_NOT_STORED: a disk that is full says so here. */
  static async prepare(
    parts: { file: ActiveFile; folder: CommitFolder; log: Log },
    next: Omit<Commit, 'fileSha256' | 'fileStamp'>,
  ): Promise<PreparedCommit> {
    const { file, folder, log } = parts;
    return await stored(folder, async () => {
      const staged = await file.stage(next.tree);
      const commit: Commit = { ...next, fileSha256: staged.sha256, fileStamp: staged.stamp };
      const prepared = new PreparedCommit(commit, staged, folder, log);
      try {
        await folder.prepare(commit);
      } catch (error) {
        await prepared.discard();
        throw error;
      }
      return prepared;
    });
  }

  /** @throws {WeirError} CONFIG_NOT_STORED */
  async publish(): Promise<void> {
    await stored(this.#folder, () => this.#staged.publish());
  }

  /** What cannot be done now the next start does. */
  async keep(): Promise<void> {
    await this.#try('past configurations not kept in order', async () => {
      await this.#folder.keepPrepared(this.commit);
      await this.#folder.forgetUnconfirmed();
      await this.#folder.forgetReverted();
      await this.#folder.spare.hold();
    });
  }

  async discard(): Promise<void> {
    await this.#try('remains of a commit not removed', async () => {
      await this.#staged.discard();
      await this.#folder.discardPrepared();
    });
  }

  async #try(otherwise: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error) => this.#log.warn(otherwise, { error: describeError(error) }));
  }
}

/**
 * Does `work` on the disk; once more, with the spare given up, where there is no room for it. What goes wrong is an error of
 * ours that says what to do.
 */
export async function stored<T>({ spare }: CommitFolder, work: () => Promise<T>): Promise<T> {
  try {
    return await work().catch(async (error) => {
      if (!isFull(error)) throw error;
      await spare.giveUp();
      return await work();
    });
  } catch (cause) {
    throw new WeirError('CONFIG_NOT_STORED', `the configuration cannot be stored: ${describeError(cause)}`, {
      cause,
      advice: 'nothing was changed; make room on the disk, or look whether it can be written',
    });
  }
}
