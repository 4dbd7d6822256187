import { isBranch, type RawNode } from './raw-tree.ts';
import type { Schema } from './schema.ts';
import { configTree } from './tree.ts';

/** `relay.origins[0].username` as a person types it: relay, origins, 192.0.2.9, username. */
export function consolePath(tree: unknown, path: string): readonly string[] {
  const words: string[] = [];
  let schema: Schema | undefined = configTree;
  let node: unknown = tree;
  for (const [, name, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (name !== undefined) {
      words.push(name);
      node = isBranch(node) ? node[name] : undefined;
      schema = schema?.type === 'branch' ? schema.entries[name] : undefined;
    } else if (schema?.type === 'list') {
      const item: RawNode | undefined = Array.isArray(node) ? node[Number(index)] : undefined;
      const own: unknown = schema.key !== undefined && isBranch(item) ? item[schema.key] : item;
      words.push(own === undefined ? `[${index}]` : String(own));
      node = item;
      schema = schema.of;
    }
  }
  return words;
}
