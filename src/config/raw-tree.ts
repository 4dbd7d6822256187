/**
 * A configuration before it is parsed: what JSON gives, and what a person edits. Only what somebody has set is in it; the
 * defaults come with parsing.
 */
export type RawValue = string | number | boolean;
export type RawBranch = { [name: string]: RawNode };
export type RawNode = RawValue | RawBranch | RawNode[];

export const isBranch = (node: unknown): node is RawBranch =>
  typeof node === 'object' && node !== null && !Array.isArray(node);
