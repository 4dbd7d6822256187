import type { Change } from './compare.ts';
import type { LaterChange } from './effects.ts';
import type { Way } from './guard.ts';
import type { CommitFacts } from './kept/commit.ts';
import type { Config } from './tree.ts';

/** What follows the configuration: the running box. */
export interface Follower {
  /** Brings the box to `next` and returns what brings it back; when it rejects, nothing has changed. */
  apply(next: Config): Promise<() => Promise<void>>;
  /** Changes nothing. @throws {WeirError} What this machine cannot do of `next`, now or at a restart. */
  check(next: Config): Promise<void>;
  /** What of `next` would take effect at a restart only, as paths of words. */
  awaitingRestart(next: Config): readonly (readonly string[])[];
  /** Begins with `config`, as a start does: what it cannot be brought to now it is brought to as soon as it can. */
  begin(config: Config): Promise<void>;
}

/** What is wrong with a candidate, by the path as it is typed. */
export interface CandidateFault {
  readonly path: readonly string[];
  readonly text: string;
}

/** What a commit of a candidate would do. */
export interface Verdict {
  /** None: it can be committed. */
  readonly faults: readonly CandidateFault[];
  readonly changes: readonly Change[];
  /** Paths of changes that take effect at a restart only. */
  readonly restarts: readonly (readonly string[])[];
  /** Changes that what is open already does not see. */
  readonly later: readonly LaterChange[];
  /** Something else was put in force since the candidate was taken. */
  readonly changedMeanwhile: boolean;
  /** A plain commit would have to be confirmed; undefined: it would not. */
  readonly guard: Guard | undefined;
  /** A commit that waits to be confirmed. */
  readonly waiting: (Unconfirmed & { readonly fate: Fate }) | undefined;
}

/** What becomes of a commit that waits to be confirmed with a plain one. */
export type Fate = 'confirmed' | 'kept as well' | 'taken back' | 'in the way';

/** Why a commit has to be confirmed that was not asked to. */
export interface Guard {
  readonly minutes: number;
  /** A line each. */
  readonly reasons: readonly string[];
}

/** Who commits. */
export interface Committer {
  readonly who: string;
  /** How they have come to the box; absent: nobody who could be locked out. */
  readonly way?: Way;
}

export interface CommitOptions extends Committer {
  readonly comment?: string;
  /** What was before comes back unless the commit is confirmed within so many minutes. */
  readonly confirmMinutes?: number;
  /** Need not be confirmed, whatever it changes: who commits has been asked twice. */
  readonly unguarded?: boolean;
}

export interface CommitOutcome {
  /** `confirmed`: what waited to be confirmed is what was committed. */
  readonly kind: 'committed' | 'unconfirmed' | 'confirmed' | 'unchanged';
  readonly commit: CommitFacts;
  readonly restarts: readonly (readonly string[])[];
  /** Of one that is `unconfirmed`: in how many minutes it goes back. */
  readonly minutes?: number;
  /** Why it has to be confirmed, when nobody asked for that. */
  readonly guard?: Guard;
  /** What waited to be confirmed, and is kept with it. */
  readonly keptAsWell?: CommitFacts;
}

/** A commit that waits to be confirmed. */
export interface Unconfirmed extends CommitFacts {
  readonly minutes: number;
  readonly remainingSeconds: number;
}
