import {
  type Alarms,
  type Clock,
  describeError,
  isWeirError,
  type Log,
  Signal,
  Turn,
  WeirError,
} from '#base';
import { ConfirmWindow } from './confirm-window.ts';
import type { Commit, CommitFacts, RevertedCommit, UnconfirmedCommit } from './kept/commit.ts';
import type { CommitDisk } from './kept/commit-disk.ts';
import { type Committed, type Opened, revertedCommit, tellReverted } from './kept/opening.ts';
import { PreparedCommit } from './kept/prepared-commit.ts';
import { unconfigured } from './parse.ts';
import type { Config } from './tree.ts';
import type { Follower } from './verdict.ts';

type NextCommit = Omit<Commit, 'fileSha256' | 'fileStamp'>;
type Undo = () => Promise<void>;

/** A box that could not be brought back is brought back again so much later, until it is what it was. */
const againMs = 10_000;
/** After so long the box is not waited for: longer than all of its stages may take together. */
const followMs = 180_000;

/**
 * What is in force, and the steps from one to the next: on the disk, in the box, and back when one of them fails. Of these
 * steps one is at a time, which is the caller's matter; `queue` is how what a timer begins waits for its turn.
 */
export class InForce {
  /** Something else is in force. */
  readonly changed: Signal<{ readonly config: Config }>;
  readonly #disk: CommitDisk;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #alarms: Alarms;
  readonly #queue: (work: () => Promise<void>) => Promise<void>;
  readonly #box: Turn;
  #follower: Follower | undefined;
  #active: Committed | undefined;
  #fileLeft = false;
  #window: ConfirmWindow | undefined;
  #reverted: RevertedCommit | undefined;
  #revision = 1;
  /** It was found when the box ran already, which has not begun with it yet. */
  #late = false;
  #mending: Disposable | undefined;
  #closed = false;

  constructor(options: {
    disk: CommitDisk;
    clock: Clock;
    log: Log;
    alarms: Alarms;
    queue: (work: () => Promise<void>) => Promise<void>;
  }) {
    const { clock, log, alarms } = options;
    this.#disk = options.disk;
    this.#clock = clock;
    this.#log = log;
    this.#alarms = alarms;
    this.#queue = options.queue;
    this.#box = new Turn({ name: 'the box', limitMs: followMs, alarm: 'config.stuck', clock, alarms });
    this.changed = new Signal((error) =>
      log.error('listener to the configuration failed', { error: describeError(error) }),
    );
  }

  /** What any start begins with. */
  get active(): Committed | undefined {
    return this.#active;
  }

  /** The file is not what is in force, though nothing waits to be confirmed: a commit is to write it, even one without changes. */
  get fileLeft(): boolean {
    return this.#fileLeft;
  }

  /** A commit that is tried out. In its time the file holds what was before, so that any start begins with that. */
  get window(): ConfirmWindow | undefined {
    return this.#window;
  }

  /** The commit that was taken back last, until something is committed again. */
  get reverted(): RevertedCommit | undefined {
    return this.#reverted;
  }

  /** Rises whenever something else is in force; candidates know which one they were taken from. */
  get revision(): number {
    return this.#revision;
  }

  get follower(): Follower | undefined {
    return this.#follower;
  }

  get #config(): Config | undefined {
    return (this.#window ?? this.#active)?.config;
  }

  follow(follower: Follower): void {
    this.#follower = follower;
    if (this.#late) this.#begin();
  }

  /** Begins with what was found on the disk. */
  found({ active, fileLeft, reverted }: Opened): void {
    this.#active = active;
    this.#fileLeft = fileLeft;
    this.#reverted = reverted;
  }

  /** The same, when the box runs already: it begins with that, too. */
  foundLate(opened: Opened): void {
    this.found(opened);
    this.#late = true;
    this.#begin();
    this.#tell();
  }

  #begin(): void {
    const follower = this.#follower;
    const config = this.#config;
    if (!follower || !config) return;
    this.#late = false;
    this.#box
      .run(() => follower.begin(config))
      .catch((error) => this.#log.error('not begun', { error: describeError(error) }));
  }

  /** On the disk, as far as that goes without counting; then in force; then so that it counts. */
  async put(next: NextCommit, config: Config): Promise<void> {
    const prepared = await PreparedCommit.prepare(this.#disk, next, this.#log);
    let undo: Undo | undefined;
    try {
      undo = await this.#bring(config);
      await this.#publish(prepared);
    } catch (error) {
      const failure = await this.#undo(undo, error);
      // A file that may hold it has it for a commit when it is read.
      if (!isWeirError(error, 'CONFIG_FILE_UNCERTAIN')) await prepared.discard();
      throw failure;
    }
    await this.#counts(prepared, config);
    this.#tell();
  }

  /** What is tried is on the disk as such before it is in force. The file keeps what was before. */
  async tryOut(commit: UnconfirmedCommit, config: Config): Promise<void> {
    const { folder } = this.#disk;
    const before = this.#window;
    const putBack = () => (before ? folder.keepUnconfirmed(before.commit) : folder.forgetUnconfirmed());
    let undo: Undo | undefined;
    try {
      await this.#disk.store(() => folder.keepUnconfirmed(commit), putBack);
      undo = await this.#bring(config);
    } catch (error) {
      await this.#disk
        .store(putBack)
        .catch((failure) => this.#log.warn('not put back', { error: describeError(failure) }));
      throw await this.#undo(undefined, error);
    }
    this.#closeWindow();
    const undoAll = async () => {
      await undo?.();
      await before?.undo();
    };
    const over = () => this.#windowOver();
    this.#window = new ConfirmWindow({ commit, config, undo: undoAll, clock: this.#clock, over });
    this.#tell();
  }

  /** What waits is kept. */
  async confirm(window: ConfirmWindow): Promise<CommitFacts> {
    const { minutes: _, ...next } = window.commit;
    const prepared = await PreparedCommit.prepare(this.#disk, next, this.#log);
    try {
      await this.#publish(prepared);
    } catch (error) {
      if (!isWeirError(error, 'CONFIG_FILE_UNCERTAIN')) await prepared.discard();
      throw error;
    }
    await this.#counts(prepared, window.config);
    this.#log.info('commit confirmed', { commit: next.number, who: next.who });
    return next;
  }

  close(): void {
    this.#closed = true;
    this.#mending?.[Symbol.dispose]();
    this.#window?.close();
  }

  async #bring(config: Config): Promise<Undo | undefined> {
    const follower = this.#follower;
    if (!follower) return undefined;
    const undo = await this.#box.run(
      () => follower.apply(config),
      (late) => late(),
    );
    return () => this.#box.run(undo);
  }

  async #publish(prepared: PreparedCommit): Promise<void> {
    const settled = () => {
      this.#fileLeft = false;
      this.#alarms.clear('config.fileUncertain');
    };
    try {
      await prepared.publish(settled);
    } catch (error) {
      if (isWeirError(error, 'CONFIG_FILE_UNCERTAIN')) {
        this.#fileLeft = true;
        const text = describeError(error);
        this.#alarms.raise({ name: 'config.fileUncertain', severity: 'critical', text });
      }
      throw error;
    }
  }

  /** The file has it: it counts from now on. */
  async #counts(prepared: PreparedCommit, config: Config): Promise<void> {
    this.#closeWindow();
    this.#active = { commit: prepared.commit, config };
    this.#fileLeft = false;
    this.#reverted = undefined;
    for (const name of ['config.reverted', 'config.damaged', 'config.fileUncertain'])
      this.#alarms.clear(name);
    await prepared.keep();
  }

  /** After `error`: the box is brought back. Returns what is to be said: that it could not be, when it could not. */
  async #undo(undo: Undo | undefined, error: unknown): Promise<unknown> {
    let failure = error;
    try {
      await undo?.();
    } catch (cause) {
      const text = `${describeError(error)}; and the box could not be brought back: ${describeError(cause)}`;
      failure = new WeirError('CONFIG_HALF_APPLIED', text, { cause });
    }
    if (isWeirError(failure, 'CONFIG_HALF_APPLIED')) {
      const text = `the box is not wholly as it was before a commit that failed, which is tried again: ${failure.message}`;
      this.#alarms.raise({ name: 'config.halfApplied', severity: 'critical', text });
      this.#mendLater();
    }
    return failure;
  }

  #mendLater(): void {
    this.#mending?.[Symbol.dispose]();
    if (this.#closed) return;
    this.#mending = this.#clock.after(againMs, () => {
      this.#queue(() => this.#mend()).catch((error) => {
        this.#log.error('box not brought back', { error: describeError(error) });
        this.#mendLater();
      });
    });
  }

  /** Brings the box, which may be anything, to what is in force. */
  async #mend(): Promise<void> {
    const config = this.#config;
    if (config) await this.#bring(config);
    this.#alarms.clear('config.halfApplied');
  }

  /** Something else is in force from now on, and the box is that. */
  #tell(): void {
    this.#mending?.[Symbol.dispose]();
    this.#alarms.clear('config.halfApplied');
    this.#revision += 1;
    this.changed.emit({ config: this.#config ?? unconfigured });
  }

  #closeWindow(): void {
    this.#window?.close();
    this.#window = undefined;
  }

  #windowOver(): void {
    this.#queue(() => this.#revert()).catch((error) => {
      this.#log.error('commit not taken back', { error: describeError(error) });
      if (!this.#closed) this.#window?.again(againMs);
    });
  }

  async #revert(): Promise<void> {
    const window = this.#window;
    if (!window) return;
    // Timers count from when their turn of the event loop began, which may be before now; or this is a later window.
    if (window.remainingMs > 0) return window.again(window.remainingMs);
    const back = this.#active;
    await window.undo().catch(async (error) => {
      if (!back) throw error;
      this.#log.warn('not brought back step by step', { error: describeError(error) });
      await this.#bring(back.config);
    });
    this.#closeWindow();
    const now = this.#clock.nowMs();
    const reverted = revertedCommit(window.commit, back?.commit.tree ?? {}, 'not confirmed in time', now);
    this.#reverted = reverted;
    tellReverted(reverted, this.#log, this.#alarms);
    this.#tell();
    const { folder } = this.#disk;
    const keep = async () => {
      await folder.keepReverted(reverted);
      await folder.forgetUnconfirmed();
    };
    await this.#disk
      .store(keep)
      .catch((error) =>
        this.#log.warn('end of the confirm window not kept', { error: describeError(error) }),
      );
  }
}
