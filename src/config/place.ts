import { leafFault, leafForm, leafFromWord } from './leaf.ts';
import { findItem, keyOf } from './list-items.ts';
import { isBranch, type RawBranch, type RawNode, type RawValue } from './raw-tree.ts';
import type {
  BranchListSchema,
  BranchSchema,
  LeafListSchema,
  LeafSchema,
  ListSchema,
  Schema,
} from './schema.ts';
import { configTree } from './tree.ts';

interface AnyPlace {
  /** From the root: names, keys of items, and for a `value` the value. */
  readonly path: readonly string[];
  readonly parent: Place | undefined;
}

/** A place in the tree, as a path of words names it, whether anything is set there (`node`) or not. */
export type Place = AnyPlace &
  (
    | { readonly kind: 'branch'; readonly schema: BranchSchema; readonly node: RawBranch | undefined }
    /** An item of a list of branches. */
    | {
        readonly kind: 'item';
        readonly schema: BranchSchema;
        readonly list: BranchListSchema;
        readonly node: RawBranch | undefined;
      }
    | { readonly kind: 'list'; readonly schema: BranchListSchema; readonly node: RawNode[] | undefined }
    | { readonly kind: 'leaves'; readonly schema: LeafListSchema; readonly node: RawNode[] | undefined }
    | { readonly kind: 'leaf'; readonly schema: LeafSchema; readonly node: RawNode | undefined }
    /** One value of a list of leaves. */
    | { readonly kind: 'value'; readonly schema: LeafSchema; readonly node: RawValue | undefined }
  );

/** Why a path leads nowhere: which of its words, and what to write instead. */
export interface PathFault {
  readonly index: number;
  readonly text: string;
}

/** A name that may follow a path. */
export interface NameFollowing {
  readonly name: string;
  readonly help: string;
  readonly kind: 'branch' | 'list' | 'leaf';
  /** A change of it takes effect at the next restart. */
  readonly restart: boolean;
}

/** A value that may follow a path: of a leaf, or the key of a new item. */
export interface ValueFollowing {
  /** "IP address", "a whole number from 1 to 60 (seconds)". */
  readonly form: string;
  readonly help: string;
  /** All that it may be, where they can be told. */
  readonly values: readonly string[];
  readonly secret: boolean;
}

/** What may follow a path: all that completion and `?` need to know. */
export interface Following {
  readonly names: readonly NameFollowing[];
  /** Keys of the items that are there; of a list of leaves, its values. */
  readonly keys: readonly string[];
  readonly value: ValueFollowing | undefined;
}

export const rootPlace = (tree: RawBranch): Place => ({
  path: [],
  parent: undefined,
  kind: 'branch',
  schema: configTree,
  node: tree,
});

/** The place a path of names and keys leads to. Names may be abbreviated; the place has the whole ones. */
export function findPlace(tree: RawBranch, path: readonly string[]): Place | PathFault {
  let place = rootPlace(tree);
  for (const [index, word] of path.entries()) {
    const next = enter(place, word);
    if (typeof next === 'string') return { index, text: next };
    place = next;
  }
  return place;
}

export const isPathFault = (found: Place | PathFault): found is PathFault => 'index' in found;

/** One word further; a text: why that word leads nowhere from here. */
export function enter(place: Place, word: string): Place | string {
  switch (place.kind) {
    case 'branch':
    case 'item': {
      const name = nameOf(place, word);
      const schema = typeof name === 'string' ? place.schema.entries[name] : undefined;
      if (typeof name !== 'string' || schema === undefined) return unknownName(place, word, name);
      return placeOf(schema, place, name, place.node?.[name]);
    }
    case 'list': {
      const fault = leafFault(keySchema(place.schema), word);
      if (fault !== undefined) return fault;
      const { schema: list, node } = place;
      const item = node && findItem(list, node, word);
      return { path: [...place.path, word], parent: place, kind: 'item', schema: list.of, list, node: item };
    }
    case 'leaves': {
      const value = leafFromWord(place.schema.of, word);
      const fault = leafFault(place.schema.of, value);
      if (fault !== undefined) return fault;
      const node = place.node?.includes(value) ? value : undefined;
      return { path: [...place.path, word], parent: place, kind: 'value', schema: place.schema.of, node };
    }
    default:
      return `nothing may follow ${place.path.at(-1)} here`;
  }
}

function placeOf(schema: Schema, parent: Place, name: string, node: RawNode | undefined): Place {
  const at = { path: [...parent.path, name], parent };
  if (schema.type === 'branch') {
    return { ...at, kind: 'branch', schema, node: isBranch(node) ? node : undefined };
  }
  if (schema.type === 'list') {
    const items = Array.isArray(node) ? node : undefined;
    return schema.key === undefined
      ? { ...at, kind: 'leaves', schema, node: items }
      : { ...at, kind: 'list', schema, node: items };
  }
  return { ...at, kind: 'leaf', schema, node };
}

type Named = Extract<Place, { kind: 'branch' | 'item' }>;

/** The names that may follow: an item's key has been said already. */
function namesOf(place: Named): readonly string[] {
  const names = Object.keys(place.schema.entries);
  return place.kind === 'item' ? names.filter((name) => name !== place.list.key) : names;
}

/** The whole name for one that may be abbreviated; several: it is short for each of them. */
function nameOf(place: Named, word: string): string | readonly string[] {
  const names = namesOf(place);
  if (names.includes(word)) return word;
  const fitting = word === '' ? [] : names.filter((name) => name.startsWith(word));
  return fitting.length === 1 ? (fitting[0] ?? []) : fitting;
}

function unknownName(place: Named, word: string, fitting: string | readonly string[]): string {
  if (typeof fitting !== 'string' && fitting.length > 1) {
    return `"${word}" is short for ${fitting.join(' and ')}`;
  }
  const where = place.path.length === 0 ? 'here' : `in ${place.path.join(' ')}`;
  if (place.kind === 'item' && word === place.list.key) {
    return `"${word}" is what this item is named by: delete it and set another one`;
  }
  return `"${word.slice(0, 80)}" is not known ${where}; known are ${namesOf(place).join(', ')}`;
}

/** What may follow a place; of keys no more than `mostKeys`. */
export function followingOf(place: Place, mostKeys = Number.POSITIVE_INFINITY): Following {
  switch (place.kind) {
    case 'branch':
    case 'item':
      return { names: namesOf(place).map((name) => nameFollowing(place, name)), keys: [], value: undefined };
    case 'list':
      return {
        names: [],
        keys: (place.node ?? []).slice(0, mostKeys).map((item) => keyOf(place.schema, item)),
        value: valueFollowing(keySchema(place.schema)),
      };
    case 'leaves':
      return {
        names: [],
        keys: (place.node ?? []).slice(0, mostKeys).map(String),
        value: valueFollowing(place.schema.of),
      };
    case 'leaf':
      return { names: [], keys: [], value: valueFollowing(place.schema) };
    case 'value':
      return { names: [], keys: [], value: undefined };
  }
}

function nameFollowing(place: Named, name: string): NameFollowing {
  const schema = place.schema.entries[name];
  const kind = schema?.type === 'branch' || schema?.type === 'list' ? schema.type : 'leaf';
  return { name, help: schema?.help ?? '', kind, restart: schema?.live === false };
}

function valueFollowing(schema: LeafSchema): ValueFollowing {
  const values = schema.type === 'enum' ? schema.values : schema.type === 'boolean' ? ['true', 'false'] : [];
  return {
    form: leafForm(schema),
    help: schema.help,
    values,
    secret: schema.type === 'string' && schema.secret === true,
  };
}

/** What the key of an item is. */
export function keySchema(list: BranchListSchema): LeafSchema {
  const schema = list.of.entries[list.key];
  if (schema === undefined || schema.type === 'branch' || schema.type === 'list') {
    throw new TypeError(`the key ${list.key} is no leaf`);
  }
  return schema;
}

export const isOrdered = (schema: ListSchema): boolean => schema.ordered === true;
