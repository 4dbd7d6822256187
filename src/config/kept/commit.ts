import type { Annotations } from '../candidate.ts';
import type { RawBranch } from '../raw-tree.ts';
import type { FileStamp } from './durable-file.ts';

/** Who made a commit, when, and why. */
export interface CommitFacts {
  /** Rises with every commit that is kept. */
  readonly number: number;
  /** Wall clock. */
  readonly at: number;
  readonly who: string;
  readonly comment?: string;
}

/** A configuration that was in force, as it is kept. */
export interface Commit extends CommitFacts {
  readonly tree: RawBranch;
  readonly annotations: Annotations;
  /** Of the configuration file with this tree. */
  readonly fileSha256: string;
  readonly fileStamp: FileStamp;
}

/** A commit that waits to be confirmed. The configuration file still has what was before. */
export interface UnconfirmedCommit extends CommitFacts {
  readonly minutes: number;
  readonly tree: RawBranch;
  readonly annotations: Annotations;
}

/** A commit that was not confirmed and is no longer in force. */
export interface RevertedCommit extends CommitFacts {
  readonly minutes: number;
  /** Its time was over, or Weir was started again before it was. */
  readonly because: 'not confirmed in time' | 'started again before it was confirmed';
  readonly revertedAt: number;
  /** What it had changed, as `show | compare` has it. */
  readonly changes: readonly string[];
}
