/** A key, as it was pressed; or a run of characters that came together. */
export type Key =
  | { readonly name: 'text'; readonly text: string }
  | { readonly name: KeyName }
  /** Not a key: the terminal answers how large it is. */
  | { readonly name: 'size'; readonly rows: number; readonly columns: number };

export type KeyName = (typeof controlKeys)[keyof typeof controlKeys] | (typeof sequenceKeys)[string];

const controlKeys = {
  '\x01': 'home',
  '\x02': 'left',
  '\x03': 'interrupt',
  '\x04': 'end-of-input',
  '\x05': 'end',
  '\x06': 'right',
  '\x08': 'backspace',
  '\t': 'tab',
  '\n': 'enter',
  '\v': 'kill-to-end',
  '\f': 'redraw',
  '\r': 'enter',
  '\x0e': 'down',
  '\x10': 'up',
  '\x15': 'kill-line',
  '\x16': 'literal-next',
  '\x17': 'kill-word',
  '\x19': 'yank',
  '\x7f': 'backspace',
} as const;

/** What stands behind ESC (ECMA-48 CSI and SS3, xterm's and the VT220's ways); Alt and a letter is ESC and that letter. */
const sequenceKeys: Readonly<
  Record<
    string,
    'up' | 'down' | 'left' | 'right' | 'home' | 'end' | 'delete' | 'word-left' | 'word-right' | 'kill-word'
  >
> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[F': 'end',
  '[H': 'home',
  '[1~': 'home',
  '[3~': 'delete',
  '[4~': 'end',
  '[7~': 'home',
  '[8~': 'end',
  '[1;5C': 'word-right',
  '[1;5D': 'word-left',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OF: 'end',
  OH: 'home',
  b: 'word-left',
  f: 'word-right',
  '\x7f': 'kill-word',
};

/** Longer sequences are noise: no key has one, and no terminal is that large. */
const maxSequence = 16;
const largest = 1000;

/**
 * Bytes of a terminal or a serial line to keys. What is no key is dropped: NULs (a break is received as one), bytes that are
 * no UTF-8, control characters and sequences without a meaning here. Keeps a character or sequence that is not whole yet.
 */
export class KeyReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: false });
  /** Behind ESC; undefined: not within a sequence. */
  #sequence: string | undefined;
  #afterReturn = false;

  read(bytes: Uint8Array): readonly Key[] {
    const keys: Key[] = [];
    let run = '';
    const push = (key?: Key) => {
      if (run !== '') keys.push({ name: 'text', text: run });
      run = '';
      if (key !== undefined) keys.push(key);
    };
    for (const character of this.#decoder.decode(bytes, { stream: true })) {
      if (this.#sequence !== undefined) {
        push(this.#inSequence(character));
        continue;
      }
      // Enter is CR on a serial line, LF from some programs, both from others: one key.
      const secondHalf = character === '\n' && this.#afterReturn;
      this.#afterReturn = character === '\r';
      if (secondHalf) continue;
      if (character === '\x1b') {
        push();
        this.#sequence = '';
      } else if (isControl(character)) {
        const name = Object.hasOwn(controlKeys, character)
          ? controlKeys[character as keyof typeof controlKeys]
          : undefined;
        if (name !== undefined) push({ name });
      } else if (character === '?') {
        push({ name: 'text', text: '?' });
      } else if (character !== '\ufffd') run += character;
    }
    push();
    return keys;
  }

  #inSequence(character: string): Key | undefined {
    // A sequence that breaks off: what ended it counts.
    if (character === '\x1b') {
      this.#sequence = '';
      return undefined;
    }
    if (character === '\x03' || character === '\r') {
      this.#sequence = undefined;
      this.#afterReturn = character === '\r';
      return { name: controlKeys[character] };
    }
    const sequence = (this.#sequence ?? '') + character;
    const going = sequence === '[' || sequence === 'O' || /^\[[\d;?]*$/.test(sequence);
    if (going && sequence.length < maxSequence) {
      this.#sequence = sequence;
      return undefined;
    }
    this.#sequence = undefined;
    const [, rows, columns] = /^\[(\d{1,4});(\d{1,4})R$/.exec(sequence) ?? [];
    if (rows !== undefined && columns !== undefined) return sizeKey(Number(rows), Number(columns));
    return Object.hasOwn(sequenceKeys, sequence) ? { name: sequenceKeys[sequence] as KeyName } : undefined;
  }
}

const sizeKey = (rows: number, columns: number): Key | undefined =>
  rows >= 2 && rows <= largest && columns >= 10 && columns <= largest
    ? { name: 'size', rows, columns }
    : undefined;

/** C0, DEL and C1. */
const isControl = (character: string): boolean =>
  character < ' ' || (character >= '\x7f' && character <= '\x9f');
