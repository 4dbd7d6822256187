import { isDeepStrictEqual } from 'node:util';
import type { Annotations } from './candidate.ts';
import type { ConfirmWindow } from './confirm-window.ts';
import { lockOuts } from './guard.ts';
import type { CommitFacts } from './kept/commit.ts';
import type { Committed } from './kept/opening.ts';
import { unconfigured } from './parse.ts';
import type { RawBranch } from './raw-tree.ts';
import type { Config } from './tree.ts';
import type { Committer, Guard } from './verdict.ts';

/** A tree with its remarks. */
export interface Remarked {
  readonly tree: RawBranch;
  readonly annotations: Annotations;
}

/** What there is when somebody commits. */
export interface Standing {
  /** What any start begins with. */
  readonly active: Committed | undefined;
  /** The configuration file does not hold it: it is to be written, even when nothing is changed. */
  readonly fileLeft: boolean;
  /** A commit that waits to be confirmed. */
  readonly window: ConfirmWindow | undefined;
  /** Where the console is as long as the configuration does not say. */
  readonly consolePort: string | undefined;
}

/** Who commits, and whether what they commit shall be, or need not be, confirmed. */
export interface Wish extends Committer {
  readonly confirmMinutes?: number;
  readonly unguarded?: boolean;
}

/** What a commit comes to. */
export type CommitPlan =
  /** It is in force already. */
  | { readonly kind: 'unchanged'; readonly commit: CommitFacts }
  /** It is what waits to be confirmed. */
  | { readonly kind: 'confirms'; readonly window: ConfirmWindow }
  /** Somebody else's commit waits: that would be kept unseen, or wait for longer than they were told. */
  | { readonly kind: 'hindered'; readonly window: ConfirmWindow }
  | {
      readonly kind: 'goes on';
      /** It has to be confirmed within so many minutes. */
      readonly minutes: number | undefined;
      /** Why, when nobody asked for that. */
      readonly guard: Guard | undefined;
      /** What waits to be confirmed is part of it. */
      readonly within: ConfirmWindow | undefined;
    };

/** @param config What `next` means; undefined: it has faults. */
export function planCommit(
  standing: Standing,
  next: Remarked,
  config: Config | undefined,
  wish: Wish,
): CommitPlan {
  const { active, window } = standing;
  const plain = wish.confirmMinutes === undefined;
  const waits = window !== undefined && isSame(next, window.commit);
  const isActive = active !== undefined && isSame(next, active.commit);
  if (isActive && !window && !standing.fileLeft) return { kind: 'unchanged', commit: active.commit };
  const goesBack = plain && isActive && !waits;
  if (window && window.commit.who !== wish.who && !goesBack) return { kind: 'hindered', window };
  if (waits && plain) return { kind: 'confirms', window };
  const guard = plain && !wish.unguarded && config ? guardOf(standing, config, wish) : undefined;
  const minutes = wish.confirmMinutes ?? guard?.minutes;
  return { kind: 'goes on', minutes, guard, within: goesBack ? undefined : window };
}

/** Against what any start begins with: what waits may be what locks out. */
function guardOf({ active, consolePort }: Standing, config: Config, { way }: Wish): Guard | undefined {
  const { guardMinutes } = (active?.config ?? unconfigured).console;
  if (guardMinutes === 0) return undefined;
  const reasons = lockOuts(active?.config, config, consolePort, way);
  return reasons.length === 0 ? undefined : { minutes: guardMinutes, reasons };
}

const isSame = (one: Remarked, other: Remarked): boolean =>
  isDeepStrictEqual(one.tree, other.tree) && isDeepStrictEqual(one.annotations, other.annotations);
