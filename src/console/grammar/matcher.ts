import type { Choice, Next, Place } from './next.ts';
import { splitWords, type Word } from './words.ts';

/** A line, or the beginning of one, that was understood: its words written out, and the place behind them. */
export interface Match {
  readonly words: readonly string[];
  readonly place: Place;
}

/** Where a line could not be understood, and why. */
export interface Mismatch {
  readonly offset: number;
  readonly message: string;
  /** What could have stood there. */
  readonly next: Next;
  /** Behind the words that were understood. */
  readonly place: Place;
}

export type Matching = { readonly match: Match } | { readonly mismatch: Mismatch };

/** Understands a whole line: every word, however abbreviated, and that it may end where it ends. */
export async function matchLine(line: string, start: Place): Promise<Matching> {
  const { words, partial, openQuoteAt } = splitWords(line);
  const all = partial.offset < line.length || partial.quoted ? [...words, partial] : words;
  const matching = await matchWords(all, start);
  if ('mismatch' in matching) return matching;
  const { place } = matching.match;
  const next = await place.next();
  if (openQuoteAt !== undefined) {
    return { mismatch: { offset: openQuoteAt, message: 'this quote is not closed', next, place } };
  }
  if (next.ends) return matching;
  const offset = line.trimEnd().length + 1;
  return { mismatch: { offset, message: `${missing(next)} is missing`, next, place } };
}

/** Understands finished words, one after the other. */
export async function matchWords(words: readonly Word[], start: Place): Promise<Matching> {
  let place = start;
  const taken: string[] = [];
  for (const word of words) {
    const next = await place.next();
    const found = find(word, next);
    if (typeof found === 'string') {
      place = place.take(found);
      taken.push(found);
    } else {
      const { message, choices } = found;
      return { mismatch: { offset: word.offset, message, next: { ...next, choices }, place } };
    }
  }
  return { match: { words: taken, place } };
}

/** The word in full, or why it is none. */
function find(word: Word, next: Next): string | { message: string; choices: readonly Choice[] } {
  const { choices, value } = next;
  if (choices.some((choice) => choice.word === word.text && (word.text !== '|' || !word.quoted)))
    return word.text;
  const abbreviated = word.quoted
    ? []
    : goingOn(word.text, choices, value === undefined).filter(({ whole }) => !whole);
  const [only] = abbreviated;
  if (only !== undefined && abbreviated.length === 1) return only.word;
  if (value !== undefined && (word.quoted || word.text !== '|')) {
    const complaint = value.refuse?.(word.text);
    return complaint === undefined ? word.text : { message: complaint, choices };
  }
  if (abbreviated.length > 1) return { message: `"${word.text}" is ambiguous`, choices: abbreviated };
  if (choices.length === 0) return { message: 'nothing more may follow', choices };
  return { message: `"${word.text}" is unknown here`, choices };
}

/**
 * The choices that go on from `typed`: as it is written, else whatever the case of its letters, unless it may be a word of its own
 * (`anyCase`). Nobody knows where `nameServers` has its capital letter.
 */
function goingOn(typed: string, choices: readonly Choice[], anyCase: boolean): readonly Choice[] {
  const found = choices.filter(({ word }) => word.startsWith(typed));
  if (found.length > 0 || !anyCase) return found;
  const wanted = typed.toLowerCase();
  const same = choices.filter(({ word }) => word.toLowerCase() === wanted);
  return same.length === 1 ? same : choices.filter(({ word }) => word.toLowerCase().startsWith(wanted));
}

const missing = ({ value, choices }: Next): string =>
  value !== undefined ? `<${value.form}>` : choices.length > 0 ? 'the rest of the command' : 'something';

/** What is at the cursor: what may stand there, narrowed to what was typed of it. */
export interface Prospect {
  readonly next: Next;
  /** What was typed of the word at the cursor. */
  readonly typed: string;
  /** What Tab adds; empty when it does not help. */
  readonly insert: string;
}

/** Looks at `line` from its start to the cursor. */
export async function prospectOf(
  line: string,
  start: Place,
): Promise<Prospect | { readonly mismatch: Mismatch }> {
  const { words, partial } = splitWords(line);
  const matching = await matchWords(words, start);
  if ('mismatch' in matching) return matching;
  const { place } = matching.match;
  const all = await place.next();
  const typed = partial.text;
  const choices = goingOn(typed, all.choices, all.value === undefined);
  const next = { ...all, choices, ends: all.ends && typed === '' };
  if (choices.length === 0 && all.value === undefined && typed !== '') {
    const message = all.choices.length === 0 ? 'nothing more may follow' : `"${typed}" is unknown here`;
    return { mismatch: { offset: partial.offset, message, next: all, place } };
  }
  return { next, typed, insert: partial.quoted ? '' : addition(typed, choices, all) };
}

/** What all choices go on with; with a blank when there is but one. A value of one's own is never guessed. */
function addition(typed: string, choices: readonly Choice[], { value }: Next): string {
  const [first] = choices;
  if (first === undefined || (typed === '' && value !== undefined && choices.length === 1)) return '';
  if (choices.length === 1) return `${quoteAddition(first.word, typed)} `;
  let length = first.word.length;
  const start = () => first.word.slice(0, length).toLowerCase();
  for (const { word } of choices) while (!word.toLowerCase().startsWith(start())) length -= 1;
  return first.word.slice(typed.length, length);
}

/** A word that needs quotes cannot be completed by adding to its end: then nothing but what was typed is kept. */
const quoteAddition = (word: string, typed: string): string =>
  /[\s"|?]/.test(word) ? '' : word.slice(typed.length);
