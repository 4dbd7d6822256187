import { leafFault, leafFromWord } from './leaf.ts';
import { enter, type Following, followingOf, type PathFault, type Place } from './place.ts';
import type { RawValue } from './raw-tree.ts';

/** One thing that a `set` does: a value for a leaf, one more value of a list, or an item that is to be there. */
export interface Assignment {
  readonly place: Extract<Place, { kind: 'leaf' | 'leaves' | 'item' }>;
  /** Of an item its key. */
  readonly value: RawValue;
}

/** What the words after `set` mean. */
export interface SetWords {
  readonly assignments: readonly Assignment[];
  /** The line may end here. */
  readonly complete: boolean;
  /** What may follow the last word. */
  readonly following: Following;
}

/** A list may have 100,000 items, and any other key may follow as well: nobody reads more than so many. */
const mostKeys = 500;

/**
 * Reads the words after `set`, from `start` on. After a value the line goes on with what else stands beside that leaf:
 * `set upload radius isp servers 192.0.2.1 port 1813 secret s`; values of a list may stand in brackets.
 */
export function readSetWords(start: Place, words: readonly string[]): SetWords | PathFault {
  const assignments: Assignment[] = [];
  let place = start;
  let bracket = false;
  let complete = false;
  for (const [index, word] of words.entries()) {
    if (place.kind === 'leaves' && word === (bracket ? ']' : '[')) {
      complete = bracket;
      bracket = !bracket;
      if (!bracket) place = place.parent ?? start;
      continue;
    }
    if (place.kind === 'leaf' || place.kind === 'leaves') {
      const schema = place.kind === 'leaf' ? place.schema : place.schema.of;
      const value = leafFromWord(schema, word);
      const fault = leafFault(schema, value);
      if (fault !== undefined) return { index, text: fault };
      assignments.push({ place, value });
      complete = !bracket;
      if (!bracket) place = place.parent ?? start;
      continue;
    }
    const next = enter(place, word);
    if (typeof next === 'string') return { index, text: next };
    place = next;
    // An item is there once it is named; of a branch one must say what.
    complete = place.kind === 'item';
    if (place.kind === 'item') assignments.push({ place, value: word });
  }
  const following = followingOf(place, mostKeys);
  return { assignments, complete, following: bracket ? withClosing(following) : following };
}

const withClosing = (following: Following): Following => ({
  ...following,
  names: [{ name: ']', help: 'ends the values', kind: 'leaf', restart: false }],
});
