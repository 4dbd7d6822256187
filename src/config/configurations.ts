import { isDeepStrictEqual } from 'node:util';
import { type Alarms, type Clock, type Closeable, describeError, type Log, Signal, WeirError } from '#base';
import { type Annotations, Candidate } from './candidate.ts';
import { compareTrees } from './compare.ts';
import { consolePath } from './console-path.ts';
import { laterChanges } from './effects.ts';
import { ActiveFile } from './kept/active-file.ts';
import type { Commit, CommitFacts, RevertedCommit, UnconfirmedCommit } from './kept/commit.ts';
import { CommitFolder } from './kept/commit-folder.ts';
import { type Committed, openConfiguration, revertedCommit, tellReverted } from './kept/opening.ts';
import { PreparedCommit, stored } from './kept/prepared-commit.ts';
import { checkConfig } from './parse.ts';
import type { RawBranch } from './raw-tree.ts';
import { type Replayed, replay } from './replay.ts';
import type { Config } from './tree.ts';
import type { CommitOptions, CommitOutcome, Follower, Unconfirmed, Verdict } from './verdict.ts';
import { quoteWords } from './words.ts';

type NextCommit = Omit<Commit, 'fileSha256' | 'fileStamp'>;

/** A commit that is tried out. */
interface Window {
  readonly commit: UnconfirmedCommit;
  readonly config: Config;
  readonly endsMonoNs: bigint;
  readonly timer: Disposable;
  /** Brings the box back to what is active, exactly: to what no configuration knows as well. */
  readonly undo: () => Promise<void>;
}

const nsPerMinute = 60_000_000_000n;
/** A revert that fails is tried again, until the box is what it was. */
const revertAgainMs = 10_000;

/**
 * The only owner of what is configured: the commit in force, those before it, and the window of one that is not confirmed.
 * In such a window the file still holds what was before, so that any start begins with that.
 */
export class Configurations implements Closeable {
  /** Something else is in force. */
  readonly changed: Signal<{ readonly config: Config }>;
  readonly #file: ActiveFile;
  readonly #folder: CommitFolder;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #alarms: Alarms;
  #follower: Follower | undefined;
  #active: Committed | undefined;
  /** The file is not what is in force, though nothing waits to be confirmed: a commit is to write it, even one without changes. */
  #fileLeft = false;
  #window: Window | undefined;
  #reverted: RevertedCommit | undefined;
  /** Rises whenever something else is in force; candidates know which one they were taken from. */
  #revision = 1;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(parts: {
    file: ActiveFile;
    folder: CommitFolder;
    clock: Clock;
    log: Log;
    alarms: Alarms;
  }) {
    this.#file = parts.file;
    this.#folder = parts.folder;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#alarms = parts.alarms;
    this.changed = new Signal((error) =>
      parts.log.error('listener to the configuration failed', { error: describeError(error) }),
    );
  }

  /** Reads the configuration file and what is kept in `folder`. Whatever is damaged, this does not fail. */
  static async open(options: {
    file: string;
    folder: string;
    clock: Clock;
    log: Log;
    alarms: Alarms;
  }): Promise<Configurations> {
    const { clock, log, alarms } = options;
    const file = new ActiveFile(options.file);
    const folder = await CommitFolder.open(options.folder, log);
    const configurations = new Configurations({ file, folder, clock, log, alarms });
    const opened = await openConfiguration({ file, folder, clock, log, alarms });
    configurations.#active = opened.active;
    configurations.#fileLeft = opened.fileLeft;
    configurations.#reverted = opened.reverted;
    await folder.spare.hold();
    return configurations;
  }

  /** From now on commits bring `follower` to what they say. */
  follow(follower: Follower): void {
    this.#follower = follower;
  }

  /** In force; undefined: the box has never been configured. */
  get config(): Config | undefined {
    return (this.#window ?? this.#active)?.config;
  }

  /** The tree in force, as it was set. Look, but do not touch. */
  get tree(): RawBranch {
    return this.#inForce?.tree ?? {};
  }

  get annotations(): Annotations {
    return this.#inForce?.annotations ?? {};
  }

  get #inForce(): { readonly tree: RawBranch; readonly annotations: Annotations } | undefined {
    return (this.#window ?? this.#active)?.commit;
  }

  /** A copy of what is in force, to be edited. */
  candidate(): Candidate {
    return new Candidate({ tree: this.tree, annotations: this.annotations, base: this.#revision });
  }

  /** The candidate's changes on top of what is in force by now: for one that was begun before somebody else committed. */
  update(candidate: Candidate): Replayed {
    const mine = { tree: candidate.tree(), annotations: candidate.annotations() };
    const now = { tree: this.tree, annotations: this.annotations };
    return replay(candidate.began, mine, now, this.#revision);
  }

  check(candidate: Candidate): Verdict {
    const tree = candidate.tree();
    const { config, faults } = checkConfig(tree);
    const changes = compareTrees(this.tree, tree);
    return {
      faults: faults.map(({ path, text }) => ({ path: consolePath(tree, path), text })),
      changes,
      later: laterChanges(changes),
      restarts: (config && this.#follower?.awaitingRestart(config)) ?? [],
      changedMeanwhile: candidate.base !== this.#revision,
    };
  }

  /**
   * Puts the candidate in force and keeps it. What cannot be applied or kept changes nothing. In a confirm window it
   * takes the place of what waits; the same again confirms that.
   *
   * @throws {WeirError} CONFIG_BAD_VALUE, CONFIG_CHANGED_MEANWHILE, CONFIG_NOT_STORED, or what hinders the box.
   */
  commit(candidate: Candidate, options: CommitOptions): Promise<CommitOutcome> {
    // As it is now: who edits on while the disk is slow does not change what is committed.
    const tree = structuredClone(candidate.tree());
    const annotations = candidate.annotations();
    return this.#inTurn(() => this.#commit({ tree, annotations, base: candidate.base }, options));
  }

  /** Keeps what waits to be confirmed. */
  confirm(): Promise<CommitFacts> {
    return this.#inTurn(async () => {
      if (!this.#window) {
        throw new WeirError('CONFIG_NOTHING_TO_CONFIRM', 'no commit waits to be confirmed');
      }
      return await this.#confirm(this.#window);
    });
  }

  /** The commit in force (0) or one before it, to be loaded into a candidate. */
  async rollback(back: number): Promise<{ readonly tree: RawBranch; readonly annotations: Annotations }> {
    const inForce = this.#inForce;
    if (back === 0 && inForce) return inForce;
    const number = this.history()[back]?.number;
    const active = this.#active?.commit;
    if (active && active.number === number) return active;
    const commit = number === undefined ? undefined : await this.#folder.read(number);
    if (commit) return commit;
    const kept = this.history().length;
    throw new WeirError('CONFIG_NO_SUCH_COMMIT', `commit ${back} before this one is not kept`, {
      advice: kept > 1 ? `choose from 0 to ${kept - 1}` : 'there is none to go back to',
    });
  }

  /** Commits that are kept, the one in force first: what `rollback` counts. One that is not confirmed comes first. */
  history(): readonly CommitFacts[] {
    const kept = this.#folder.list();
    const active = this.#active?.commit;
    // Without room on the disk it may not be among those that are kept; and later ones may not be of use to this version.
    const all = active ? [factsOf(active), ...kept.filter(({ number }) => number !== active.number)] : kept;
    return this.#window ? [factsOf(this.#window.commit), ...all] : all;
  }

  /** The commit that waits to be confirmed. */
  unconfirmed(): Unconfirmed | undefined {
    if (!this.#window) return undefined;
    const { commit, endsMonoNs } = this.#window;
    const leftNs = endsMonoNs - this.#clock.monoNs();
    const remainingSeconds = Math.max(0, Math.ceil(Number(leftNs) / 1e9));
    return { ...factsOf(commit), minutes: commit.minutes, remainingSeconds };
  }

  /** The commit that was taken back last, until something is committed again. */
  reverted(): RevertedCommit | undefined {
    return this.#reverted;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#window?.timer[Symbol.dispose]();
    await this.#turn;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One at a time, in the order they were asked for. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => {
      if (this.#closed) throw new WeirError('ALREADY_CLOSED', 'Weir is about to end');
      return work();
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #commit(
    { tree, annotations, base }: { tree: RawBranch; annotations: Annotations; base: number },
    { who, comment, confirmMinutes }: CommitOptions,
  ): Promise<CommitOutcome> {
    const inForce = this.#inForce;
    const same = isDeepStrictEqual(
      { tree, annotations },
      inForce && { tree: inForce.tree, annotations: inForce.annotations },
    );
    if (same && this.#window && confirmMinutes === undefined) {
      return { kind: 'confirmed', commit: await this.#confirm(this.#window), restarts: [] };
    }
    if (same && this.#active && !this.#fileLeft && confirmMinutes === undefined) {
      return { kind: 'unchanged', commit: factsOf(this.#active.commit), restarts: [] };
    }
    if (base !== this.#revision) {
      throw new WeirError('CONFIG_CHANGED_MEANWHILE', 'somebody has committed since you began', {
        advice: '`update` takes that over and keeps your changes',
      });
    }
    if (confirmMinutes !== undefined && !this.#active) {
      throw new WeirError('CONFIG_NO_SUCH_COMMIT', 'there is nothing to go back to', {
        advice: 'commit without `confirmed` the first time',
      });
    }
    const config = this.#checked(tree);
    const restarts = this.#follower?.awaitingRestart(config) ?? [];
    const number = (this.#folder.list()[0]?.number ?? this.#active?.commit.number ?? 0) + 1;
    const facts = { number, at: this.#clock.nowMs(), who, ...(comment === undefined ? {} : { comment }) };
    const next = { ...facts, tree, annotations };
    if (confirmMinutes === undefined) await this.#putInForce(next, config);
    else await this.#tryOut({ ...next, minutes: confirmMinutes }, config);
    return { kind: confirmMinutes === undefined ? 'committed' : 'unconfirmed', commit: facts, restarts };
  }

  #checked(tree: RawBranch): Config {
    const { config, faults } = checkConfig(tree);
    if (config) return config;
    const text = faults.map((one) => `${quoteWords(consolePath(tree, one.path))}: ${one.text}`);
    throw new WeirError('CONFIG_BAD_VALUE', text.join('; '), {
      fields: { faults: faults.length },
      advice: 'nothing was changed; mend these values',
    });
  }

  /** On the disk, as far as that goes without counting; then in force; then so that it counts. */
  async #putInForce(next: NextCommit, config: Config): Promise<void> {
    const prepared = await this.#prepare(next);
    let undo: (() => Promise<void>) | undefined;
    try {
      undo = await this.#follower?.apply(config);
      await prepared.publish();
    } catch (error) {
      await this.#undo(undo);
      await prepared.discard();
      throw error;
    }
    await this.#counts(prepared, config);
    this.#tell(config);
  }

  /** What is tried is on the disk as such before it is in force. The file keeps what was before. */
  async #tryOut(commit: UnconfirmedCommit, config: Config): Promise<void> {
    await stored(this.#folder, () => this.#folder.keepUnconfirmed(commit));
    let undo: (() => Promise<void>) | undefined;
    try {
      undo = await this.#follower?.apply(config);
    } catch (error) {
      const before = this.#window?.commit;
      const put = before ? this.#folder.keepUnconfirmed(before) : this.#folder.forgetUnconfirmed();
      await put.catch((failure) => this.#log.warn('not put back', { error: describeError(failure) }));
      throw error;
    }
    const beneath = this.#window?.undo;
    this.#closeWindow();
    const endsMonoNs = this.#clock.monoNs() + BigInt(commit.minutes) * nsPerMinute;
    const timer = this.#endOfWindow(commit.minutes * 60_000);
    const undoAll = async () => {
      await undo?.();
      await beneath?.();
    };
    this.#window = { commit, config, endsMonoNs, timer, undo: undoAll };
    this.#tell(config);
  }

  async #confirm({ commit: { minutes: _, ...next }, config }: Window): Promise<CommitFacts> {
    const prepared = await this.#prepare(next);
    try {
      await prepared.publish();
    } catch (error) {
      await prepared.discard();
      throw error;
    }
    await this.#counts(prepared, config);
    this.#log.info('commit confirmed', { commit: next.number, who: next.who });
    return factsOf(next);
  }

  #prepare(next: NextCommit): Promise<PreparedCommit> {
    return PreparedCommit.prepare({ file: this.#file, folder: this.#folder, log: this.#log }, next);
  }

  /** The file has it: it counts from now on. */
  async #counts(prepared: PreparedCommit, config: Config): Promise<void> {
    this.#closeWindow();
    this.#active = { commit: prepared.commit, config };
    this.#fileLeft = false;
    this.#reverted = undefined;
    this.#alarms.clear('config.reverted');
    this.#alarms.clear('config.damaged');
    await prepared.keep();
  }

  async #undo(undo: (() => Promise<void>) | undefined): Promise<void> {
    try {
      await undo?.();
    } catch (error) {
      const text = `the box is not wholly as it was before a commit that failed: ${describeError(error)}`;
      this.#alarms.raise({ name: 'config.halfApplied', severity: 'critical', text });
    }
  }

  #tell(config: Config): void {
    this.#alarms.clear('config.halfApplied');
    this.#revision += 1;
    this.changed.emit({ config });
  }

  #closeWindow(): void {
    this.#window?.timer[Symbol.dispose]();
    this.#window = undefined;
  }

  #endOfWindow(inMs: number): Disposable {
    return this.#clock.after(inMs, () => this.#windowOver());
  }

  #windowOver(): void {
    this.#inTurn(() => this.#revert()).catch((error) => {
      this.#log.error('commit not taken back', { error: describeError(error) });
      if (this.#closed || !this.#window) return;
      this.#window = { ...this.#window, timer: this.#endOfWindow(revertAgainMs) };
    });
  }

  async #revert(): Promise<void> {
    if (!this.#window) return;
    const leftNs = this.#window.endsMonoNs - this.#clock.monoNs();
    if (leftNs > 0n) {
      // Timers count from when their turn of the event loop began, which may be before now; or this is a later window.
      this.#window.timer[Symbol.dispose]();
      this.#window = { ...this.#window, timer: this.#endOfWindow(Math.ceil(Number(leftNs) / 1e6)) };
      return;
    }
    const { commit, undo } = this.#window;
    const back = this.#active;
    if (back === undefined) return;
    await undo().catch(async (error) => {
      this.#log.warn('not brought back step by step', { error: describeError(error) });
      await this.#follower?.apply(back.config);
    });
    this.#window = undefined;
    const now = this.#clock.nowMs();
    this.#reverted = revertedCommit(commit, back.commit.tree, 'not confirmed in time', now);
    tellReverted(this.#reverted, this.#log, this.#alarms);
    this.#tell(back.config);
    try {
      await this.#folder.keepReverted(this.#reverted);
      await this.#folder.forgetUnconfirmed();
    } catch (error) {
      this.#log.warn('end of the confirm window not kept', { error: describeError(error) });
    }
  }
}

const factsOf = ({ number, at, who, comment }: CommitFacts): CommitFacts => ({
  number,
  at,
  who,
  ...(comment === undefined ? {} : { comment }),
});
