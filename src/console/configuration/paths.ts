/** What may follow the words of a configuration command, as the schema and the candidate say. */
import {
  type Following,
  followingOf,
  type Place,
  type RawBranch,
  type RawNode,
  readSetWords,
  type Schema,
} from '../../config/index.ts';
import { type Choice, type Next, nothingFollows } from '../grammar/index.ts';
import type { Editing } from './editing.ts';

/** Behind `set`: names, keys, values. A secret may be left out: it is asked for then. */
export function nextToSet(editing: Editing, words: readonly string[]): Next {
  const start = editing.candidate.place(editing.path);
  const read = readSetWords(start, words);
  if ('index' in read) return nothingFollows;
  const { following, complete } = read;
  const refuse = (word: string) => {
    const further = readSetWords(start, [...words, word]);
    return 'index' in further ? further.text : undefined;
  };
  const secret = following.value?.secret === true && following.names.length === 0;
  return { ...asNext(following, refuse), ends: complete || secret };
}

/** Does what stands behind `set` end where its secret would follow? */
export function secretIsMissing(editing: Editing, words: readonly string[]): boolean {
  const read = readSetWords(editing.candidate.place(editing.path), words);
  return !('index' in read) && !read.complete && read.following.value?.secret === true;
}

/** Is there a secret among what stands behind `set`? */
export function hasSecret(editing: Editing, words: readonly string[]): boolean {
  const read = readSetWords(editing.candidate.place(editing.path), words);
  if ('index' in read) return true;
  return read.assignments.some(({ place, value }) => {
    const schema = place.kind === 'leaves' ? place.schema.of : place.schema;
    return value !== undefined && schema.type === 'string' && schema.secret === true;
  });
}

/** Behind a command about what is there: only what is set. `ends`: may a line end at this place? */
export function nextOfSet(editing: Editing, words: readonly string[], ends: (place: Place) => boolean): Next {
  const place = placeOf(editing, words);
  if (place === undefined) return nothingFollows;
  const { names, keys } = followingOf(place);
  const there = names.filter(({ name }) => isSet(place.node, name));
  return {
    choices: [
      ...there.map(({ name, help }): Choice => ({ word: name, help })),
      ...keys.map((word): Choice => ({ word, help: 'is set', whole: true })),
    ],
    ends: ends(place),
  };
}

/** Behind `insert`: only where there is a list whose order counts, with something to be moved. */
export function nextToOrdered(editing: Editing, words: readonly string[]): Next {
  const next = nextOfSet(editing, words, () => false);
  const leads = ({ word }: Choice) => {
    const place = placeOf(editing, [...words, word]);
    return place !== undefined && (isOfOrdered(place) || hasOrder(place.schema, place.node));
  };
  return { ...next, choices: next.choices.filter(leads) };
}

const isOfOrdered = ({ parent }: Place): boolean =>
  parent !== undefined && hasOrder(parent.schema, parent.node) && parent.schema.type === 'list';

function hasOrder(schema: Schema, node: RawNode | undefined): boolean {
  if (schema.type === 'list') {
    if (!Array.isArray(node)) return false;
    return (schema.ordered === true && node.length > 1) || node.some((item) => hasOrder(schema.of, item));
  }
  if (schema.type !== 'branch' || typeof node !== 'object' || Array.isArray(node)) return false;
  return Object.entries(schema.entries).some(([name, entry]) => hasOrder(entry, (node as RawBranch)[name]));
}

/** Behind `edit`: branches and items, those that are to come among them. */
export function nextToEdit(editing: Editing, words: readonly string[]): Next {
  const place = placeOf(editing, words);
  if (place === undefined) return nothingFollows;
  const following = followingOf(place);
  if (place.kind === 'leaves' || place.kind === 'leaf') return nothingFollows;
  const names = following.names.filter(({ name, kind }) => kind !== 'leaf' && !isLeafList(place, name));
  const refuse = (word: string) => {
    const further = placeOrFault(editing, [...words, word]);
    return typeof further === 'string' ? further : undefined;
  };
  const ends = words.length > 0 && (place.kind === 'branch' || place.kind === 'item');
  return { ...asNext({ ...following, names }, refuse), ends };
}

/** The place that words lead to; undefined: nowhere. */
export function placeOf(editing: Editing, words: readonly string[]): Place | undefined {
  const place = placeOrFault(editing, words);
  return typeof place === 'string' ? undefined : place;
}

function placeOrFault(editing: Editing, words: readonly string[]): Place | string {
  try {
    return editing.candidate.place(editing.full(words));
  } catch (error) {
    return (error as Error).message;
  }
}

function asNext(
  { names, keys, value }: Following,
  refuse: (word: string) => string | undefined,
): Omit<Next, 'ends'> {
  const choices = [
    ...names.map(
      ({ name, help, restart }): Choice => ({
        word: name,
        help: restart ? `${help} (at the next restart)` : help,
      }),
    ),
    ...keys.map((word): Choice => ({ word, help: 'is set', whole: true })),
  ];
  if (value === undefined) return { choices };
  if (value.values.length > 0) {
    const known = value.values.map((word): Choice => ({ word, help: value.help }));
    return { choices: [...choices, ...known] };
  }
  return { choices, value: { form: value.form, help: value.help, refuse } };
}

const isSet = (node: RawNode | undefined, name: string): boolean =>
  typeof node === 'object' && !Array.isArray(node) && (node as RawBranch)[name] !== undefined;

const isLeafList = (place: Place, name: string): boolean => {
  const schema = place.schema.type === 'branch' ? place.schema.entries[name] : undefined;
  return schema?.type === 'list' && schema.key === undefined;
};
