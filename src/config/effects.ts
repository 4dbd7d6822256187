import type { Change } from './compare.ts';
import { keyOf } from './list-items.ts';
import { isBranch, type RawNode } from './raw-tree.ts';
import type { AppliesTo, Schema } from './schema.ts';
import { configTree } from './tree.ts';

/** A change that what is open already does not see. */
export interface LaterChange {
  readonly path: readonly string[];
  readonly appliesTo: AppliesTo;
}

/** Of these changes, those that take effect only for what is opened from then on. */
export function laterChanges(changes: readonly Change[]): readonly LaterChange[] {
  const later: LaterChange[] = [];
  for (const { path, schema, before, after } of changes) {
    const appliesTo = appliesToAlong(path);
    if (appliesTo !== undefined) later.push({ path, appliesTo });
    else collectBelow(schema, after ?? before, path, later);
  }
  return later;
}

function appliesToAlong(path: readonly string[]): AppliesTo | undefined {
  let schema: Schema | undefined = configTree;
  let found: AppliesTo | undefined;
  for (const word of path) {
    schema =
      schema?.type === 'branch' ? schema.entries[word] : schema?.type === 'list' ? schema.of : undefined;
    found = schema?.appliesTo ?? found;
  }
  return found;
}

/** What of a whole branch that comes or goes is such a value. */
function collectBelow(
  schema: Schema,
  node: RawNode | undefined,
  path: readonly string[],
  later: LaterChange[],
): void {
  if (schema.type === 'list' && schema.key !== undefined) {
    for (const item of Array.isArray(node) ? node : []) {
      collectBelow(schema.of, item, [...path, keyOf(schema, item)], later);
    }
  }
  if (schema.type !== 'branch' || !isBranch(node)) return;
  for (const [name, below] of Object.entries(node)) {
    const entry = schema.entries[name];
    if (entry?.appliesTo !== undefined) later.push({ path: [...path, name], appliesTo: entry.appliesTo });
    else if (entry) collectBelow(entry, below, [...path, name], later);
  }
}
