export { catchUpOf } from './feed-values.ts';
export { loadConfig } from './load.ts';
export { type ConfigFault, parseConfig } from './parse.ts';
export { renderReference } from './reference.ts';
export type { BranchSchema, LeafSchema, ListSchema, Parsed, Schema } from './schema.ts';
export { applyStages, type Stage } from './stage.ts';
export { type Config, configTree } from './tree.ts';
export { urlMatches, urlPattern } from './url-pattern.ts';
