import { WeirError } from '#base';

/** Words as a person types them: those with spaces or signs that mean something stand in quotes, `\` before `"` and `\`. */

/** A word as it is to be typed. */
export function quoteWord(word: string): string {
  if (/^[^\s"\\#;|?{}[\]]+$/.test(word)) return word;
  return `"${word.replace(/["\\]/g, '\\$&')}"`;
}

export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');

/**
 * The words of a line; what comes after a word that begins with `#` is a comment.
 *
 * @throws {WeirError} CONFIG_BAD_VALUE when a quote is not closed.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const [text, quoted, open] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(")|#.*|[^\s"]+/g)) {
    if (open !== undefined) {
      throw new WeirError('CONFIG_BAD_VALUE', 'a quote is not closed', { advice: 'end the text with "' });
    }
    if (text.startsWith('#')) break;
    words.push(quoted === undefined ? text : quoted.replace(/\\(.)/g, '$1'));
  }
  return words;
}
