import { isBranch, type RawBranch, type RawNode } from './raw-tree.ts';
import type { Schema } from './schema.ts';
import { configTree } from './tree.ts';

/** Every secret value in a tree: what must be shown nowhere. */
export function secretsIn(tree: RawBranch): readonly string[] {
  const found: string[] = [];
  collect(configTree, tree, found);
  return found;
}

function collect(schema: Schema, node: RawNode | undefined, found: string[]): void {
  if (node === undefined) return;
  if (schema.type === 'branch') {
    if (!isBranch(node)) return;
    for (const [name, entry] of Object.entries(schema.entries)) collect(entry, node[name], found);
  } else if (schema.type === 'list') {
    for (const item of Array.isArray(node) ? node : []) collect(schema.of, item, found);
  } else if ('secret' in schema && schema.secret && typeof node === 'string') {
    found.push(node);
  }
}
