import { isDeepStrictEqual } from 'node:util';
import { keyOf } from './list-items.ts';
import { isBranch, type RawBranch, type RawNode } from './raw-tree.ts';
import type { BranchListSchema, BranchSchema, LeafListSchema, ListSchema, Schema } from './schema.ts';
import { configTree } from './tree.ts';

/** One difference between two trees, as high up as it holds for all below: a new item is one change. */
export interface Change {
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Names and keys; of a list of leaves the value as well. */
  readonly path: readonly string[];
  /** Of what stands at the path. */
  readonly schema: Schema;
  /** The list whose item or value this is, if it is one. */
  readonly list?: ListSchema;
  readonly before?: RawNode;
  readonly after?: RawNode;
}

/** What is different in `after`, in the order of the schema. */
export function compareTrees(before: RawBranch, after: RawBranch): readonly Change[] {
  const changes: Change[] = [];
  compareBranches(configTree, before, after, [], changes);
  return changes;
}

type Path = readonly string[];

function compareBranches(
  schema: BranchSchema,
  a: RawBranch,
  b: RawBranch,
  path: Path,
  changes: Change[],
): void {
  for (const [name, entry] of Object.entries(schema.entries)) {
    const [before, after] = [a[name], b[name]];
    if (before !== undefined || after !== undefined) {
      compareNodes(entry, before, after, [...path, name], changes);
    }
  }
}

function compareNodes(
  schema: Schema,
  before: RawNode | undefined,
  after: RawNode | undefined,
  path: Path,
  changes: Change[],
): void {
  if (schema.type === 'branch' && isBranch(before) && isBranch(after)) {
    compareBranches(schema, before, after, path, changes);
  } else if (schema.type === 'list') {
    const [a, b] = [listOf(before), listOf(after)];
    if (schema.key === undefined) compareValues(schema, a, b, path, changes);
    else compareItems(schema, a, b, path, changes);
  } else if (before === undefined) {
    if (after !== undefined) changes.push({ kind: 'added', path, schema, after });
  } else if (after === undefined) changes.push({ kind: 'removed', path, schema, before });
  else if (before !== after) changes.push({ kind: 'changed', path, schema, before, after });
}

function compareItems(
  schema: BranchListSchema,
  before: readonly RawNode[],
  after: readonly RawNode[],
  path: Path,
  changes: Change[],
): void {
  const byKey = (items: readonly RawNode[]) =>
    new Map(items.filter(isBranch).map((item) => [keyOf(schema, item), item]));
  const [a, b] = [byKey(before), byKey(after)];
  for (const [key, item] of a) {
    const now = b.get(key);
    if (now) compareBranches(schema.of, item, now, [...path, key], changes);
    else
      changes.push({ kind: 'removed', path: [...path, key], schema: schema.of, list: schema, before: item });
  }
  for (const [key, item] of b) {
    if (!a.has(key))
      changes.push({ kind: 'added', path: [...path, key], schema: schema.of, list: schema, after: item });
  }
  if (schema.ordered) compareOrder(schema, [...a.keys()], [...b.keys()], path, changes);
}

function compareValues(
  schema: LeafListSchema,
  before: readonly RawNode[],
  after: readonly RawNode[],
  path: Path,
  changes: Change[],
): void {
  const [a, b] = [new Set(before), new Set(after)];
  for (const value of a) {
    if (b.has(value)) continue;
    changes.push({
      kind: 'removed',
      path: [...path, String(value)],
      schema: schema.of,
      list: schema,
      before: value,
    });
  }
  for (const value of b) {
    if (a.has(value)) continue;
    changes.push({
      kind: 'added',
      path: [...path, String(value)],
      schema: schema.of,
      list: schema,
      after: value,
    });
  }
  if (schema.ordered) compareOrder(schema, [...a].map(String), [...b].map(String), path, changes);
}

/** Those that are in both lists, in another order. */
function compareOrder(
  schema: Schema,
  before: string[],
  after: string[],
  path: Path,
  changes: Change[],
): void {
  const [was, is] = [new Set(before), new Set(after)];
  const common = before.filter((key) => is.has(key));
  const now = after.filter((key) => was.has(key));
  if (isDeepStrictEqual(common, now)) return;
  changes.push({ kind: 'moved', path, schema, before: common, after: now });
}

const listOf = (node: RawNode | undefined): readonly RawNode[] => (Array.isArray(node) ? node : []);
