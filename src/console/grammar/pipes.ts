import { type Choice, type Next, notANumber, nothingFollows, type Place } from './next.ts';

/** What is done with the text of a command before it is shown. */
export type Pipe =
  | { readonly kind: 'match' | 'except'; readonly texts: readonly string[] }
  | { readonly kind: 'last'; readonly lines: number }
  | { readonly kind: 'count' | 'json' | 'no-more' }
  /** Another view of the same thing, which only some commands have. */
  | { readonly kind: 'view'; readonly name: string };

/** What a view is called, and what may follow its name. */
export interface View extends Choice {
  readonly option?: Choice & { readonly choices: () => readonly Choice[] };
}

const plain = ['count', 'json', 'no-more'] as const;
const pipeChoices: readonly Choice[] = [
  { word: 'count', help: 'how many lines there are' },
  { word: 'except', help: 'only lines without a text' },
  { word: 'json', help: 'as JSON, for programs' },
  { word: 'last', help: 'only the last lines' },
  { word: 'match', help: 'only lines with a text' },
  { word: 'no-more', help: 'all at once, without pages' },
];
const bar: Choice = { word: '|', help: 'passes the answer on: match, except, count, json, last, no-more' };

/**
 * Text, not a regular expression: one that never ends (`(a+)+$`) would hold up the whole box, and those who may only look can
 * give one.
 */
const text: Next = {
  choices: [],
  value: { form: 'text', help: 'upper and lower case alike; "one|other" means either' },
  ends: false,
};
const lines: Next = {
  choices: [],
  value: {
    form: 'lines',
    help: 'how many',
    refuse: notANumber(1, 1_000_000),
  },
  ends: false,
};

/** A line whose command may be followed by pipes. */
export class PipedPlace implements Place {
  /** The place of the command itself. */
  readonly inner: Place;
  readonly pipes: readonly Pipe[];
  readonly #views: (inner: Place) => readonly View[];
  /** Behind a `|`: the name of the pipe, or '' when that comes next. */
  readonly #naming: string | undefined;

  constructor(
    inner: Place,
    views: (inner: Place) => readonly View[],
    pipes: readonly Pipe[] = [],
    naming?: string,
  ) {
    this.inner = inner;
    this.pipes = pipes;
    this.#views = views;
    this.#naming = naming;
  }

  async next(): Promise<Next> {
    if (this.#naming === 'last') return lines;
    const option = this.#option();
    if (option !== undefined && this.#naming === option.word)
      return { choices: option.choices(), ends: false };
    if (this.#naming === '') {
      const views = this.#viewChoices().map(({ word, help }) => ({ word: firstWord(word), help }));
      return { choices: [...pipeChoices, ...views].sort((a, b) => (a.word < b.word ? -1 : 1)), ends: false };
    }
    const views = this.#viewChoices().filter(({ word }) => word.startsWith(`${this.#naming} `));
    if (views.length > 0) {
      return { choices: views.map(({ word, help }) => ({ word: lastWord(word), help })), ends: false };
    }
    if (this.#naming !== undefined) return text;
    const next = this.pipes.length > 0 ? nothingFollows : await this.inner.next();
    const own = option ? [{ word: option.word, help: option.help }] : [];
    return next.ends ? { ...next, choices: [...next.choices, ...own, bar] } : next;
  }

  take(word: string): Place {
    const add = (pipe: Pipe) => new PipedPlace(this.inner, this.#views, [...this.pipes, pipe]);
    const option = this.#option();
    if (option !== undefined && this.#naming === option.word) {
      const name = `${option.of} ${option.word} ${word}`;
      return new PipedPlace(this.inner, this.#views, [{ kind: 'view', name }]);
    }
    if (this.#naming === undefined && word === option?.word) {
      return new PipedPlace(this.inner, this.#views, this.pipes, word);
    }
    switch (this.#naming) {
      case undefined:
        if (word === bar.word) return new PipedPlace(this.inner, this.#views, this.pipes, '');
        return new PipedPlace(this.inner.take(word), this.#views);
      case 'last':
        return add({ kind: 'last', lines: Number(word) });
      case 'match':
      case 'except':
        return add({ kind: this.#naming, texts: word.toLowerCase().split('|') });
      default: {
        if (this.#naming !== '') return add({ kind: 'view', name: `${this.#naming} ${word}` });
        const kind = plain.find((name) => name === word);
        if (kind !== undefined) return add({ kind });
        if (this.#viewChoices().some((view) => view.word === word)) return add({ kind: 'view', name: word });
        return new PipedPlace(this.inner, this.#views, this.pipes, word);
      }
    }
  }

  /** A view comes first: pipes behind it work on its text. */
  #viewChoices(): readonly View[] {
    return this.pipes.length === 0 ? this.#views(this.inner) : [];
  }

  /** Of the view that was just named, and which one that is. */
  #option() {
    const [view, ...others] = this.pipes;
    if (view?.kind !== 'view' || others.length > 0) return undefined;
    const option = this.#views(this.inner).find(({ word }) => word === view.name)?.option;
    return option && { ...option, of: view.name };
  }
}

/** A view may have a name of two words: `display set`. */
const firstWord = (name: string): string => name.split(' ')[0] ?? '';
const lastWord = (name: string): string => name.split(' ')[1] ?? '';
