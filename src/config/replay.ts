import { isDeepStrictEqual } from 'node:util';
import { type Annotations, Candidate } from './candidate.ts';
import { type Change, compareTrees } from './compare.ts';
import { findPlace, isPathFault, type Place } from './place.ts';
import type { RawBranch, RawNode } from './raw-tree.ts';

interface Edited {
  readonly tree: RawBranch;
  readonly annotations: Annotations;
}

/** A candidate with one's own changes on top of what is in force by now. */
export interface Replayed {
  readonly candidate: Candidate;
  /** Where others have changed the same to something else: one's own counts, and is said. */
  readonly conflicts: readonly (readonly string[])[];
}

/** Does to `now`, of revision `base`, what was done from `began` to `mine`. */
export function replay(began: Edited, mine: Edited, now: Edited, base: number): Replayed {
  const candidate = new Candidate({ ...now, base });
  const own = compareTrees(began.tree, mine.tree);
  const theirs = compareTrees(began.tree, now.tree);
  for (const change of own) apply(candidate, change);
  for (const [path, text] of Object.entries(mine.annotations)) {
    if (began.annotations[path] !== text) candidate.remark(path, text);
  }
  for (const path of Object.keys(began.annotations)) {
    if (mine.annotations[path] === undefined) candidate.remark(path, '');
  }
  const conflicts = own
    .filter((change) =>
      theirs.some((other) => isAlong(change.path, other.path) && !isSameChange(change, other)),
    )
    .map(({ path }) => path);
  return { candidate, conflicts };
}

function apply(candidate: Candidate, { kind, path, after }: Change): void {
  if (kind === 'removed') candidate.delete(path);
  else if (kind === 'moved') restoreOrder(candidate, path, (after as RawNode[]).map(String));
  else if (after !== undefined) candidate.merge(treeWith(candidate.place(path), after));
}

/** The smallest tree that has `node` at this place. */
function treeWith(place: Place, node: RawNode): RawBranch {
  let tree = node;
  for (let at: Place = place; at.parent !== undefined; at = at.parent) {
    const name = at.path.at(-1) ?? '';
    if (at.kind === 'value') tree = [tree];
    else if (at.kind === 'item') tree = [{ ...(tree as RawBranch), [at.list.key]: name }];
    else tree = { [name]: tree };
  }
  return tree as RawBranch;
}

/** Those that are still there, one behind the other. */
function restoreOrder(candidate: Candidate, list: readonly string[], order: readonly string[]): void {
  const there = order.filter((key) => {
    const found = findPlace(candidate.tree(), [...list, key]);
    return !isPathFault(found) && found.node !== undefined;
  });
  for (const [index, key] of there.entries()) {
    const before = there[index - 1];
    if (before !== undefined) candidate.insert([...list, key], 'after', before);
  }
}

const isAlong = (one: readonly string[], other: readonly string[]): boolean => {
  const shared = Math.min(one.length, other.length);
  return isDeepStrictEqual(one.slice(0, shared), other.slice(0, shared));
};

const isSameChange = (one: Change, other: Change): boolean =>
  one.kind === other.kind &&
  isDeepStrictEqual(one.path, other.path) &&
  isDeepStrictEqual(one.after, other.after);
