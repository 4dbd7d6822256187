import { isBranch, type RawBranch, type RawNode } from './raw-tree.ts';
import type { BranchListSchema } from './schema.ts';

/**
 * Items of a list by their keys. A list may have 100,000 items, and each of 2,000 pasted lines looks one up: the index of a
 * list is made once. Keys never change in place, and whoever adds or removes an item says so here.
 */
const indexes = new WeakMap<RawNode[], Map<string, RawBranch>>();

export const keyOf = (schema: BranchListSchema, item: RawNode): string =>
  isBranch(item) ? String(item[schema.key] ?? '') : '';

export function findItem(schema: BranchListSchema, list: RawNode[], key: string): RawBranch | undefined {
  return indexOf(schema, list).get(key);
}

export function addItem(schema: BranchListSchema, list: RawNode[], item: RawBranch): void {
  const index = indexOf(schema, list);
  list.push(item);
  index.set(keyOf(schema, item), item);
}

export function removeItem(schema: BranchListSchema, list: RawNode[], key: string): void {
  const index = indexOf(schema, list);
  const item = index.get(key);
  if (item === undefined) return;
  list.splice(list.indexOf(item), 1);
  index.delete(key);
}

function indexOf(schema: BranchListSchema, list: RawNode[]): Map<string, RawBranch> {
  const known = indexes.get(list);
  if (known?.size === list.length) return known;
  const made = new Map(list.filter(isBranch).map((item) => [keyOf(schema, item), item]));
  indexes.set(list, made);
  return made;
}
