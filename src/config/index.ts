export { type Annotations, Candidate } from './candidate.ts';
export { type Change, compareTrees } from './compare.ts';
export type { ConfigFault } from './config-fault.ts';
export { Configurations } from './configurations.ts';
export type { LaterChange } from './effects.ts';
export { catchUpOf } from './feed-values.ts';
export type { Way } from './guard.ts';
export { holdBack } from './held.ts';
export type { CommitFacts, RevertedCommit } from './kept/commit.ts';
export { secretMask } from './leaf.ts';
export { type LoadMode, loadText } from './load-text.ts';
export { originEntry } from './origin-values.ts';
export { parseConfig, unconfigured } from './parse.ts';
export {
  type Following,
  findPlace,
  followingOf,
  isPathFault,
  type NameFollowing,
  type PathFault,
  type Place,
  type ValueFollowing,
} from './place.ts';
export type { RawBranch, RawNode, RawValue } from './raw-tree.ts';
export { renderReference } from './reference.ts';
export {
  feedTimesOf,
  frontLimitsOf,
  monitorLimitsOf,
  nicConfigsOf,
  ringSizeOf,
} from './relay-values.ts';
export {
  type RenderOptions,
  renderChanges,
  renderCompare,
  renderCurly,
  renderSetLines,
} from './render.ts';
export type { Replayed } from './replay.ts';
export type { AppliesTo, BranchSchema, LeafSchema, ListSchema, Parsed, Schema } from './schema.ts';
export { secretsIn } from './secrets.ts';
export { type LineFault, runSetLines } from './set-lines.ts';
export { readSetWords, type SetWords } from './set-words.ts';
export { applyStages, PlannedStage, type Stage } from './stage.ts';
export { maxHashMemoryBytes } from './system-tree.ts';
export { type Config, configTree } from './tree.ts';
export { urlMatches, urlPattern } from './url-pattern.ts';
export type {
  CandidateFault,
  CommitOptions,
  CommitOutcome,
  Committer,
  Fate,
  Follower,
  Guard,
  Unconfirmed,
  Verdict,
} from './verdict.ts';
export { quoteWords, splitWords } from './words.ts';
