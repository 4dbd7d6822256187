import type { Change } from './compare.ts';
import type { LaterChange } from './effects.ts';
import type { CommitFacts } from './kept/commit.ts';
import type { Config } from './tree.ts';

/** What follows the configuration: the running box. */
export interface Follower {
  /** Brings the box to `next` and returns what brings it back; when it rejects, nothing has changed. */
  apply(next: Config): Promise<() => Promise<void>>;
  /** What of `next` would take effect at a restart only, as paths of words. */
  awaitingRestart(next: Config): readonly (readonly string[])[];
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
}

export interface CommitOptions {
  readonly who: string;
  readonly comment?: string;
  /** What was before comes back unless the commit is confirmed within so many minutes. */
  readonly confirmMinutes?: number;
}

export interface CommitOutcome {
  /** `confirmed`: what waited to be confirmed is what was committed. */
  readonly kind: 'committed' | 'unconfirmed' | 'confirmed' | 'unchanged';
  readonly commit: CommitFacts;
  readonly restarts: readonly (readonly string[])[];
}

/** A commit that waits to be confirmed. */
export interface Unconfirmed extends CommitFacts {
  readonly minutes: number;
  readonly remainingSeconds: number;
}
