import { type Alarms, type Clock, describeError, isWeirError, type Log, Turn, WeirError } from '#base';
import { ActiveFile } from './active-file.ts';
import { CommitFolder } from './commit-folder.ts';
import type { SyncFolder } from './durable-file.ts';
import { NotPutBack, type Replacement } from './replacement.ts';
import { isFull } from './spare.ts';

/** After so long a disk is not waited for any more. */
const diskMs = 30_000;

/** Where commits are kept. One thing at a time is written there, and a disk that does not answer is given up. */
export class CommitDisk {
  readonly file: ActiveFile;
  readonly folder: CommitFolder;
  readonly #turn: Turn;

  constructor(options: {
    file: string;
    folder: string;
    syncFolder: SyncFolder;
    clock: Clock;
    log: Log;
    alarms: Alarms;
  }) {
    const { clock, log, alarms, syncFolder } = options;
    this.file = new ActiveFile(options.file, syncFolder);
    this.folder = new CommitFolder(options.folder, syncFolder, log);
    const name = 'the disk of the configuration';
    this.#turn = new Turn({ name, limitMs: diskMs, alarm: 'config.diskStuck', clock, alarms });
  }

  /**
   * Does `work`; once more, with the spare given up, where there is no room for it. What goes wrong is an error of ours that
   * says what to do.
   *
   * @param late Takes back what was given up and is done after all.
   * @throws {WeirError} CONFIG_NOT_STORED
   */
  async store<T>(work: () => Promise<T>, late?: (result: T) => Promise<void>): Promise<T> {
    try {
      return await this.#turn.run(() => this.#withSpare(work), late);
    } catch (cause) {
      throw notStored(cause);
    }
  }

  /**
   * Gives the configuration file another content. One that is given up is taken back when it is over.
   *
   * @param settled The file has the old content after all.
   * @throws {WeirError} CONFIG_NOT_STORED: it has the old one; CONFIG_FILE_UNCERTAIN: it may be either.
   */
  async replace(replacement: Replacement, settled: () => void): Promise<void> {
    const takeBack = async () => {
      await replacement.putBack();
      settled();
    };
    try {
      await this.#turn.run(() => this.#withSpare(() => replacement.publish()), takeBack);
    } catch (cause) {
      if (cause instanceof NotPutBack || isWeirError(cause, 'TIMED_OUT')) throw uncertain(cause);
      throw notStored(cause);
    }
  }

  /** Does `work`, which makes room rather than takes it, and which is not to be begun twice. */
  async tidy(work: () => Promise<void>): Promise<void> {
    await this.#turn.run(work);
  }

  /** Resolves when nothing is written any more, or it is given up. */
  async idle(): Promise<void> {
    await this.#turn.run(async () => {}).catch(() => {});
  }

  async #withSpare<T>(work: () => Promise<T>): Promise<T> {
    return await work().catch(async (error) => {
      if (!isFull(error)) throw error;
      await this.folder.spare.giveUp();
      return await work();
    });
  }
}

const notStored = (cause: unknown): WeirError =>
  new WeirError('CONFIG_NOT_STORED', `the configuration cannot be stored: ${describeError(cause)}`, {
    cause,
    advice: 'nothing was changed; make room on the disk, or look whether it can be written',
  });

const uncertain = (cause: unknown): WeirError =>
  new WeirError(
    'CONFIG_FILE_UNCERTAIN',
    `it is not sure what the configuration file holds: ${describeError(cause)}`,
    {
      cause,
      advice:
        'what was before is in force, but a start may begin with either: commit again when the disk can be written',
    },
  );
