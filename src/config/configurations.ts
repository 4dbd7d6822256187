import {
  type Alarms,
  type Clock,
  type Closeable,
  describeError,
  type Log,
  type Signal,
  WeirError,
  within,
} from '#base';
import { type Annotations, Candidate } from './candidate.ts';
import { type CommitPlan, planCommit, type Remarked, type Wish } from './commit-plan.ts';
import { compareTrees } from './compare.ts';
import type { ConfigFault } from './config-fault.ts';
import type { ConfirmWindow } from './confirm-window.ts';
import { consolePath } from './console-path.ts';
import { laterChanges } from './effects.ts';
import { InForce } from './in-force.ts';
import type { CommitFacts, RevertedCommit } from './kept/commit.ts';
import { CommitDisk } from './kept/commit-disk.ts';
import { type SyncFolder, syncFolder } from './kept/durable-file.ts';
import { openConfiguration } from './kept/opening.ts';
import { checkConfig } from './parse.ts';
import type { RawBranch } from './raw-tree.ts';
import { type Replayed, replay } from './replay.ts';
import type { Config } from './tree.ts';
import type {
  CommitOptions,
  CommitOutcome,
  Committer,
  Fate,
  Follower,
  Unconfirmed,
  Verdict,
} from './verdict.ts';
import { quoteWords } from './words.ts';

/** After so long a start does not wait for the disk any more. */
const openMs = 10_000;

export interface ConfigurationsOptions {
  /** The configuration file. */
  readonly file: string;
  /** Where past commits are kept. */
  readonly folder: string;
  /** Where the console is as long as the configuration does not say. */
  readonly consolePort?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly alarms: Alarms;
  /** Makes the names in a folder durable. */
  readonly syncFolder?: SyncFolder;
}

/**
 * The only owner of what is configured: the commit in force, those before it, and the window of one that is not confirmed.
 * One commit after the other, and what hangs holds up no other for ever.
 */
export class Configurations implements Closeable {
  readonly #options: ConfigurationsOptions;
  readonly #disk: CommitDisk;
  readonly #inForce: InForce;
  /** What is on the disk is known. */
  #read = false;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: ConfigurationsOptions) {
    this.#options = options;
    const { clock, log, alarms } = options;
    this.#disk = new CommitDisk({ ...options, syncFolder: options.syncFolder ?? syncFolder });
    this.#inForce = new InForce({
      disk: this.#disk,
      clock,
      log,
      alarms,
      queue: (work) => this.#inTurn(work),
    });
  }

  /**
   * Reads the configuration file and what is kept. Whatever is damaged, this does not fail. A disk that does not answer is not
   * waited for: nothing is in force, an alarm stands, and the box begins with what is there as soon as it is read.
   */
  static async open(options: ConfigurationsOptions): Promise<Configurations> {
    const configurations = new Configurations(options);
    await configurations.#open();
    return configurations;
  }

  async #open(): Promise<void> {
    const { file, clock, log, alarms } = this.#options;
    const opening = openConfiguration({ disk: this.#disk, clock, log, alarms });
    if (await within(opening, openMs, clock)) {
      this.#inForce.found(await opening);
      this.#read = true;
      return this.#holdSpare();
    }
    const text = `the disk with ${file} does not answer: nothing is configured until it could be read`;
    alarms.raise({ name: 'config.unread', severity: 'critical', text });
    const late = async () => {
      const opened = await opening;
      this.#read = true;
      alarms.clear('config.unread');
      this.#inForce.foundLate(opened);
      this.#holdSpare();
    };
    late().catch((error) => log.error('configuration not read', { error: describeError(error) }));
  }

  /** Nobody waits for it. */
  #holdSpare(): void {
    const { folder } = this.#disk;
    this.#disk
      .store(() => folder.spare.hold())
      .catch((error) => this.#options.log.warn('no room held', { error: describeError(error) }));
  }

  /** Something else is in force. */
  get changed(): Signal<{ readonly config: Config }> {
    return this.#inForce.changed;
  }

  /** The disk has not answered yet: nobody knows what is configured. */
  get unread(): boolean {
    return !this.#read;
  }

  /** From now on commits bring `follower` to what they say. */
  follow(follower: Follower): void {
    this.#inForce.follow(follower);
  }

  /** In force; undefined: the box has never been configured, or the disk does not answer. */
  get config(): Config | undefined {
    const { window, active } = this.#inForce;
    return (window ?? active)?.config;
  }

  /** The tree in force, as it was set. Look, but do not touch. */
  get tree(): RawBranch {
    return this.#remarked?.tree ?? {};
  }

  get annotations(): Annotations {
    return this.#remarked?.annotations ?? {};
  }

  get #remarked(): Remarked | undefined {
    const { window, active } = this.#inForce;
    return (window ?? active)?.commit;
  }

  /** A copy of what is in force, to be edited. */
  candidate(): Candidate {
    return new Candidate({ tree: this.tree, annotations: this.annotations, base: this.#inForce.revision });
  }

  /** The candidate's changes on top of what is in force by now: for one that was begun before somebody else committed. */
  update(candidate: Candidate): Replayed {
    const mine = { tree: candidate.tree(), annotations: candidate.annotations() };
    const now = { tree: this.tree, annotations: this.annotations };
    return replay(candidate.began, mine, now, this.#inForce.revision);
  }

  /** What a plain commit of it would do. */
  check(candidate: Candidate, committer: Committer): Verdict {
    const tree = candidate.tree();
    const { config, faults } = checkConfig(tree);
    const changes = compareTrees(this.tree, tree);
    const plan = this.#plan({ tree, annotations: candidate.annotations() }, config, committer);
    const waiting = this.unconfirmed();
    return {
      faults: faults.map(({ path, text }) => ({ path: consolePath(tree, path), text })),
      changes,
      later: laterChanges(changes),
      restarts: (config && this.#inForce.follower?.awaitingRestart(config)) ?? [],
      changedMeanwhile: candidate.base !== this.#inForce.revision,
      guard: plan.kind === 'goes on' ? plan.guard : undefined,
      waiting: waiting && { ...waiting, fate: fateOf(plan) },
    };
  }

  /** Asks the running box, where there is one. @throws {WeirError} What this machine cannot do of a candidate without faults. */
  async checkOnBox(candidate: Candidate): Promise<void> {
    const { config } = checkConfig(candidate.tree());
    if (config) await this.#inForce.follower?.check(config);
  }

  /**
   * Puts the candidate in force and keeps it. What cannot be applied or kept changes nothing. In a confirm window it
   * takes the place of what waits; the same again confirms that. What may lock somebody out of the console has to be confirmed,
   * whether that was asked for or not.
   *
   * @throws {WeirError} CONFIG_BAD_VALUE, CONFIG_CHANGED_MEANWHILE, CONFIG_UNCONFIRMED: somebody else's commit waits to be
   *   confirmed; CONFIG_NOT_STORED, CONFIG_FILE_UNCERTAIN, CONFIG_HALF_APPLIED, or what hinders the box.
   */
  commit(candidate: Candidate, options: CommitOptions): Promise<CommitOutcome> {
    // As it is now: who edits on while the disk is slow does not change what is committed.
    const next = { tree: structuredClone(candidate.tree()), annotations: candidate.annotations() };
    return this.#inTurn(() => this.#commit(next, candidate.base, options));
  }

  /** Keeps what waits to be confirmed. */
  confirm(): Promise<CommitFacts> {
    return this.#inTurn(async () => {
      const { window } = this.#inForce;
      if (!window) throw new WeirError('CONFIG_NOTHING_TO_CONFIRM', 'no commit waits to be confirmed');
      return factsOf(await this.#inForce.confirm(window));
    });
  }

  /** The commit in force (0) or one before it, to be loaded into a candidate. */
  async rollback(back: number): Promise<Remarked> {
    const inForce = this.#remarked;
    if (back === 0 && inForce) return inForce;
    const number = this.history()[back]?.number;
    const active = this.#inForce.active?.commit;
    if (active && active.number === number) return active;
    const commit = number === undefined ? undefined : await this.#disk.folder.read(number);
    if (commit) return commit;
    const kept = this.history().length;
    throw new WeirError('CONFIG_NO_SUCH_COMMIT', `commit ${back} before this one is not kept`, {
      advice: kept > 1 ? `choose from 0 to ${kept - 1}` : 'there is none to go back to',
    });
  }

  /** Commits that are kept, the one in force first: what `rollback` counts. One that is not confirmed comes first. */
  history(): readonly CommitFacts[] {
    const kept = this.#disk.folder.list();
    const { active, window } = this.#inForce;
    // Without room on the disk it may not be among those that are kept; and later ones may not be of use to this version.
    const all = active
      ? [factsOf(active.commit), ...kept.filter(({ number }) => number !== active.commit.number)]
      : kept;
    return window ? [factsOf(window.commit), ...all] : all;
  }

  /** The commit that waits to be confirmed. */
  unconfirmed(): Unconfirmed | undefined {
    const { window } = this.#inForce;
    if (!window) return undefined;
    const { commit, remainingMs } = window;
    return { ...factsOf(commit), minutes: commit.minutes, remainingSeconds: Math.ceil(remainingMs / 1000) };
  }

  /** The commit that was taken back last, until something is committed again. */
  reverted(): RevertedCommit | undefined {
    return this.#inForce.reverted;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#inForce.close();
    await this.#turn;
    await this.#disk.idle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One at a time, in the order they were asked for. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => {
      if (this.#closed) throw new WeirError('ALREADY_CLOSED', 'Weir is about to end');
      if (this.#read) return work();
      throw new WeirError('NOT_READY', 'the configuration could not be read yet', {
        advice: 'the disk does not answer: see `show alarms`',
      });
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  #plan(next: Remarked, config: Config | undefined, wish: Wish): CommitPlan {
    const { active, window, fileLeft } = this.#inForce;
    const { consolePort } = this.#options;
    return planCommit({ active, window, fileLeft, consolePort }, next, config, wish);
  }

  async #commit(next: Remarked, base: number, options: CommitOptions): Promise<CommitOutcome> {
    const { active, revision, follower } = this.#inForce;
    const { config, faults } = checkConfig(next.tree);
    const plan = this.#plan(next, config, options);
    if (plan.kind === 'confirms') {
      const commit = await this.#inForce.confirm(plan.window);
      return { kind: 'confirmed', commit: factsOf(commit), restarts: [] };
    }
    if (plan.kind === 'unchanged') return { ...plan, commit: factsOf(plan.commit), restarts: [] };
    if (plan.kind === 'hindered') throw hindered(plan.window);
    if (base !== revision) {
      throw new WeirError('CONFIG_CHANGED_MEANWHILE', 'somebody has committed since you began', {
        advice: '`update` takes that over and keeps your changes',
      });
    }
    if (!config) throw badValues(next.tree, faults);
    const { minutes, guard, within: kept } = plan;
    const restarts = follower?.awaitingRestart(config) ?? [];
    const { who, comment } = options;
    const number = Math.max(this.#disk.folder.list()[0]?.number ?? 0, active?.commit.number ?? 0) + 1;
    const facts = { number, at: this.#options.clock.nowMs(), who, ...(comment !== undefined && { comment }) };
    if (minutes === undefined) {
      await this.#inForce.put({ ...facts, ...next }, config);
      const keptAsWell = kept && { keptAsWell: factsOf(kept.commit) };
      return { kind: 'committed', commit: facts, restarts, ...keptAsWell };
    }
    await this.#inForce.tryOut({ ...facts, ...next, minutes }, config);
    return { kind: 'unconfirmed', commit: facts, restarts, minutes, ...(guard && { guard }) };
  }
}

/** What a plain commit would do to what waits to be confirmed. */
function fateOf(plan: CommitPlan): Fate {
  if (plan.kind === 'hindered') return 'in the way';
  if (plan.kind !== 'goes on') return 'confirmed';
  return plan.within ? 'kept as well' : 'taken back';
}

function hindered({ commit: { who, at } }: ConfirmWindow): WeirError {
  const when = new Date(at).toISOString();
  return new WeirError('CONFIG_UNCONFIRMED', `the commit of ${who} at ${when} waits to be confirmed`, {
    advice: 'nothing was changed; `confirm` keeps theirs, `rollback 1` and `commit` take it back',
  });
}

function badValues(tree: RawBranch, faults: readonly ConfigFault[]): WeirError {
  const text = faults.map((one) => `${quoteWords(consolePath(tree, one.path))}: ${one.text}`);
  return new WeirError('CONFIG_BAD_VALUE', text.join('; '), {
    fields: { faults: faults.length },
    advice: 'nothing was changed; mend these values',
  });
}

const factsOf = ({ number, at, who, comment }: CommitFacts): CommitFacts => ({
  number,
  at,
  who,
  ...(comment === undefined ? {} : { comment }),
});
