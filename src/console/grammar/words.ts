/** A word of a command line, without its quotes and escapes. */
export interface Word {
  readonly text: string;
  /** Where it begins in the line. */
  readonly offset: number;
  /** Some of it stood in quotes: it means itself, and is neither abbreviated nor completed. */
  readonly quoted: boolean;
}

/** A line up to where one looks at it: words that are finished, and one that may be going on. */
export interface Words {
  readonly words: readonly Word[];
  /** What stands between the last blank and the end of the line; empty behind a blank. */
  readonly partial: Word;
  /** Where a quote begins that is not closed. */
  readonly openQuoteAt: number | undefined;
}

const blank = /\s/;

/**
 * Splits a line into words. `"two words"` is one word, in which `\"` and `\\` stand for `"` and `\`; `|` is a word of its own
 * unless it is quoted. The last word is `partial` even when it is whole: only a blank ends a word for good.
 */
export function splitWords(line: string): Words {
  const words: Word[] = [];
  let text = '';
  let offset = 0;
  let quoted = false;
  let begun = false;
  let openQuoteAt: number | undefined;
  const finish = () => {
    if (begun) words.push({ text, offset, quoted });
    text = '';
    quoted = false;
    begun = false;
  };
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] as string;
    if (openQuoteAt !== undefined) {
      const escaped = line[at + 1];
      if (character === '"') openQuoteAt = undefined;
      else if (character === '\\' && (escaped === '"' || escaped === '\\')) {
        text += escaped;
        at += 1;
      } else text += character;
      continue;
    }
    if (blank.test(character)) {
      finish();
      continue;
    }
    if (character === '|') {
      finish();
      words.push({ text: '|', offset: at, quoted: false });
      continue;
    }
    if (!begun) offset = at;
    begun = true;
    if (character === '"') {
      openQuoteAt = at;
      quoted = true;
    } else text += character;
  }
  const partial = begun ? { text, offset, quoted } : { text: '', offset: line.length, quoted: false };
  return { words, partial, openQuoteAt };
}
