import { isDeepStrictEqual } from 'node:util';
import { WeirError } from '#base';
import type { ConfigFault } from './config-fault.ts';
import { addItem, findItem, keyOf, removeItem } from './list-items.ts';
import { overlay } from './overlay.ts';
import { shapeFaults } from './parse.ts';
import { findPlace, isOrdered, isPathFault, type PathFault, type Place } from './place.ts';
import { isBranch, type RawBranch, type RawNode, type RawValue } from './raw-tree.ts';
import { type Assignment, readSetWords } from './set-words.ts';
import { upgradeTree } from './upgrade.ts';
import { quoteWords, splitWords } from './words.ts';

/** Remarks of an operator, by the path they are about as it is typed: `relay origins 192.0.2.9`. */
export type Annotations = Readonly<Record<string, string>>;

/**
 * A configuration that is being edited. What it takes is right value by value: unknown names and values out of range are
 * refused when they are set. Whether all of it fits together is asked by `Configurations.check`.
 */
export class Candidate {
  /** Number of the commit it began as. */
  readonly base: number;
  /** What it began as. */
  readonly began: { readonly tree: RawBranch; readonly annotations: Annotations };
  #tree: RawBranch;
  #annotations: Map<string, string>;

  constructor(from: { tree: RawBranch; annotations?: Annotations; base?: number }) {
    this.base = from.base ?? 0;
    this.began = { tree: from.tree, annotations: from.annotations ?? {} };
    this.#tree = structuredClone(from.tree);
    this.#annotations = new Map(Object.entries(from.annotations ?? {}));
  }

  /** The tree as it is now. Look, but do not touch; `structuredClone` it to keep it. */
  tree(): RawBranch {
    return this.#tree;
  }

  annotations(): Annotations {
    return Object.fromEntries(this.#annotations);
  }

  /** The place a path leads to. */
  place(path: readonly string[]): Place {
    const found = findPlace(this.#tree, path);
    if (isPathFault(found)) throw badPath(path, found);
    return found;
  }

  /** What is set there; undefined: nothing. */
  get(path: readonly string[]): RawNode | undefined {
    return this.place(path).node;
  }

  /**
   * Does what `set WORDS` says below `path`; all of it or nothing. Names may be abbreviated.
   *
   * @throws {WeirError} CONFIG_BAD_VALUE
   */
  set(path: readonly string[], words: readonly string[]): void {
    const read = readSetWords(this.place(path), words);
    if ('index' in read) throw badPath(words, read);
    if (!read.complete) {
      const { names, value } = read.following;
      const advice = value ? `give ${value.form}` : `known are ${names.map(({ name }) => name).join(', ')}`;
      throw new WeirError('CONFIG_BAD_VALUE', `${quoteWords(words)}: what of it?`, { advice });
    }
    for (const { place, value } of read.assignments) {
      const fault = this.#roomFault(place, value);
      if (fault) throw new WeirError('CONFIG_BAD_VALUE', `${quoteWords(place.path)}: ${fault}`);
    }
    for (const assignment of read.assignments) this.#assign(assignment);
  }

  /** Removes what is set there; returns false when nothing was. A branch that is left empty goes with it. */
  delete(path: readonly string[]): boolean {
    const place = this.place(path);
    if (place.node === undefined) return false;
    if (place.path.length === 0) this.#tree = {};
    else this.#remove(place);
    this.#forgetAnnotations();
    return true;
  }

  /** Moves an item of an ordered list before or after another one. */
  insert(path: readonly string[], where: 'before' | 'after', key: string): void {
    const place = this.place(path);
    const list = place.parent;
    if (list?.kind !== 'list' && list?.kind !== 'leaves') {
      throw new WeirError('CONFIG_BAD_VALUE', `${quoteWords(place.path)} is no item of a list`);
    }
    if (!isOrdered(list.schema)) {
      throw new WeirError('CONFIG_BAD_VALUE', `the order of ${quoteWords(list.path)} means nothing`);
    }
    const items = list.node ?? [];
    const at = (wanted: string) =>
      items.findIndex((item) => (list.kind === 'list' ? keyOf(list.schema, item) : String(item)) === wanted);
    const from = at(place.path.at(-1) ?? '');
    const to = at(key);
    if (from < 0 || to < 0) {
      const missing = from < 0 ? place.path : [...list.path, key];
      throw new WeirError('CONFIG_BAD_VALUE', `${quoteWords(missing)} is not set`);
    }
    if (from === to) return;
    const moved = items.splice(from, 1);
    items.splice(at(key) + (where === 'after' ? 1 : 0), 0, ...moved);
  }

  /** Keeps a remark about what is set at `path`; an empty one removes it. */
  annotate(path: readonly string[], text: string): void {
    const place = this.place(path);
    const name = quoteWords(place.path);
    if (place.node === undefined) throw new WeirError('CONFIG_BAD_VALUE', `${name} is not set`);
    if (/\p{Cc}/u.test(text) || text.length > 1000) {
      throw new WeirError('CONFIG_BAD_VALUE', 'a remark is one line of at most 1000 characters');
    }
    if (text === '') this.#annotations.delete(name);
    else this.#annotations.set(name, text);
  }

  /** The same, by the path as it is typed; what is set nowhere gets none. */
  remark(path: string, text: string): void {
    const found = findPlace(this.#tree, splitWords(path));
    if (text === '') this.#annotations.delete(path);
    else if (!isPathFault(found) && found.node !== undefined) this.#annotations.set(path, text);
  }

  /** Adds what is in `tree`: values replace values, items and values of lists come to those that are there. */
  merge(tree: unknown): void {
    const added = checkedShape(tree);
    overlay(this.#tree, added);
  }

  /** Puts `tree` in the place of all that is set. */
  override(tree: unknown, annotations: Annotations = {}): void {
    this.#tree = checkedShape(tree);
    this.#annotations = new Map(Object.entries(annotations));
  }

  /** Does it say anything else than `tree`? */
  changedFrom(tree: RawBranch, annotations: Annotations = {}): boolean {
    return !isDeepStrictEqual(this.#tree, tree) || !isDeepStrictEqual(this.annotations(), annotations);
  }

  #assign({ place, value }: Assignment): void {
    const name = place.path.at(-1) ?? '';
    if (place.kind === 'item') {
      this.#container(place);
    } else if (place.kind === 'leaf') {
      this.#branchOf(place.parent)[name] = value;
    } else {
      const parent = this.#branchOf(place.parent);
      const values = parent[name];
      if (!Array.isArray(values)) parent[name] = [value];
      else if (!values.includes(value)) values.push(value);
    }
  }

  #branchOf(place: Place | undefined): RawBranch {
    if (place?.kind === 'branch' || place?.kind === 'item') return this.#container(place);
    throw new TypeError('only branches and items hold entries');
  }

  /** The branch or item at a place, made with all above it where it is not there. */
  #container(place: Extract<Place, { kind: 'branch' | 'item' }>): RawBranch {
    const { parent } = place;
    const name = place.path.at(-1);
    if (parent === undefined || name === undefined) return this.#tree;
    if (place.kind === 'item') {
      const list = this.#listOf(parent);
      const known = findItem(place.list, list, name);
      if (known) return known;
      const item: RawBranch = { [place.list.key]: name };
      addItem(place.list, list, item);
      return item;
    }
    const above = this.#branchOf(parent);
    const known = above[name];
    if (isBranch(known)) return known;
    const made: RawBranch = {};
    above[name] = made;
    return made;
  }

  #listOf(place: Place): RawNode[] {
    const above = this.#branchOf(place.parent);
    const name = place.path.at(-1) ?? '';
    const known = above[name];
    if (Array.isArray(known)) return known;
    const made: RawNode[] = [];
    above[name] = made;
    return made;
  }

  #remove(place: Place): void {
    const { parent } = place;
    const name = place.path.at(-1) ?? '';
    if (parent === undefined) return;
    if (place.kind === 'item') removeItem(place.list, this.#listOf(parent), name);
    else if (place.kind === 'value') {
      const values = this.#listOf(parent);
      values.splice(values.indexOf(place.node ?? ''), 1);
    } else delete this.#branchOf(parent)[name];
    if (isEmpty(parent)) this.#remove(parent);
  }

  #roomFault(place: Assignment['place'], value: RawValue): string | undefined {
    const list = place.kind === 'item' ? place.parent : place;
    if (list?.kind !== 'list' && list?.kind !== 'leaves') return undefined;
    const { maxItems } = list.schema;
    const there = place.kind === 'item' ? place.node !== undefined : list.node?.includes(value);
    if (there || (list.node?.length ?? 0) < maxItems) return undefined;
    return `has ${maxItems} items, more are not allowed`;
  }

  /** Remarks go with what they are about. */
  #forgetAnnotations(): void {
    for (const path of this.#annotations.keys()) {
      const found = findPlace(this.#tree, splitWords(path));
      if (isPathFault(found) || found.node === undefined) this.#annotations.delete(path);
    }
  }
}

/** An item is still there without any entry but its key; the root always is. */
const isEmpty = ({ kind, node, parent }: Place): boolean =>
  parent !== undefined &&
  ((kind === 'branch' && Object.keys(node ?? {}).length === 0) ||
    ((kind === 'list' || kind === 'leaves') && (node ?? []).length === 0));

function badPath(words: readonly string[], { index, text }: PathFault): WeirError {
  const before = quoteWords(words.slice(0, index).filter((word) => word !== '['));
  return new WeirError('CONFIG_BAD_VALUE', before === '' ? text : `${before}: ${text}`);
}

/** A copy of a tree whose every value is one that its place may have. */
function checkedShape(tree: unknown): RawBranch {
  const upgraded = structuredClone(upgradeTree(tree));
  const faults: readonly ConfigFault[] = shapeFaults(upgraded);
  if (faults.length === 0 && isBranch(upgraded)) return upgraded;
  const [first] = faults;
  throw new WeirError(
    'CONFIG_BAD_VALUE',
    first
      ? faults.map(({ path, text }) => `${path || 'the whole'}: ${text}`).join('; ')
      : 'must be an object',
    { advice: 'nothing was taken; mend these values' },
  );
}
