import { describeError, type Log } from '#base';
import type { Commit } from './commit.ts';
import type { CommitDisk } from './commit-disk.ts';
import type { Replacement } from './replacement.ts';

/**
 * A commit on its way to the disk. Prepared, it is there in full and does not count; published, the configuration file has
 * it and it counts, whatever becomes of it; kept, it is among the past commits as well.
 */
export class PreparedCommit {
  readonly commit: Commit;
  readonly #replacement: Replacement;
  readonly #disk: CommitDisk;
  readonly #log: Log;

  private constructor(commit: Commit, replacement: Replacement, disk: CommitDisk, log: Log) {
    this.commit = commit;
    this.#replacement = replacement;
    this.#disk = disk;
    this.#log = log;
  }

  /** @throws {WeirError} CONFIG_NOT_STORED: a disk that is full says so here. */
  static prepare(
    disk: CommitDisk,
    next: Omit<Commit, 'fileSha256' | 'fileStamp'>,
    log: Log,
  ): Promise<PreparedCommit> {
    return disk.store(async () => {
      const { replacement, sha256: fileSha256 } = await disk.file.stage(next.tree);
      const commit: Commit = { ...next, fileSha256, fileStamp: replacement.stamp };
      try {
        await disk.folder.prepare(commit);
      } catch (error) {
        await replacement.clean();
        throw error;
      }
      return new PreparedCommit(commit, replacement, disk, log);
    });
  }

  /**
   * @param settled What the file holds is sure after all: what was before.
   * @throws {WeirError} CONFIG_NOT_STORED, CONFIG_FILE_UNCERTAIN
   */
  async publish(settled: () => void): Promise<void> {
    await this.#disk.replace(this.#replacement, settled);
  }

  /** What cannot be done now the next start does. */
  async keep(): Promise<void> {
    const { folder } = this.#disk;
    await this.#try('past configurations not kept in order', async () => {
      await this.#replacement.clean();
      await folder.keepPrepared(this.commit);
      await folder.forgetUnconfirmed();
      await folder.forgetReverted();
      await folder.spare.hold();
    });
  }

  async discard(): Promise<void> {
    await this.#try('remains of a commit not removed', async () => {
      await this.#replacement.clean();
      await this.#disk.folder.discardPrepared();
    });
  }

  async #try(otherwise: string, work: () => Promise<void>): Promise<void> {
    await this.#disk.tidy(work).catch((error) => this.#log.warn(otherwise, { error: describeError(error) }));
  }
}
