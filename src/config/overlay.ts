import { addItem, findItem, keyOf } from './list-items.ts';
import { isBranch, type RawBranch, type RawNode } from './raw-tree.ts';
import type { BranchSchema, ListSchema } from './schema.ts';
import { configTree } from './tree.ts';

/** Adds to `onto`, in place, what is in `added`: of the same leaf the new value counts; lists grow. */
export function overlay(onto: RawBranch, added: RawBranch, schema: BranchSchema = configTree): void {
  for (const [name, node] of Object.entries(added)) {
    const entry = schema.entries[name];
    if (entry === undefined) continue;
    if (entry.type === 'branch' && isBranch(node)) {
      const below = onto[name];
      if (isBranch(below)) overlay(below, node, entry);
      else onto[name] = node;
    } else if (entry.type === 'list' && Array.isArray(node)) {
      const list = onto[name];
      if (Array.isArray(list)) overlayList(list, node, entry);
      else onto[name] = node;
    } else onto[name] = node;
  }
}

function overlayList(onto: RawNode[], added: RawNode[], schema: ListSchema): void {
  for (const node of added) {
    if (schema.key === undefined) {
      if (!onto.includes(node)) onto.push(node);
    } else if (isBranch(node)) {
      const known = findItem(schema, onto, keyOf(schema, node));
      if (known) overlay(known, node, schema.of);
      else addItem(schema, onto, node);
    }
  }
}
