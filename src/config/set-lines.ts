import { describeError, WeirError } from '#base';
import type { Candidate } from './candidate.ts';
import { quoteWords, splitWords } from './words.ts';

/** A line that could not be taken. */
export interface LineFault {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * Does what lines of configuration mode say: `set`, `delete`, `insert`, `annotate`; empty lines and comments (`#`) are
 * nothing. Every line is tried; the answer is what could not be done.
 */
export function runSetLines(candidate: Candidate, text: string): readonly LineFault[] {
  const faults: LineFault[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    try {
      runSetLine(candidate, splitWords(line));
    } catch (error) {
      faults.push({ line: index + 1, text: describeError(error) });
    }
  }
  return faults;
}

function runSetLine(candidate: Candidate, words: readonly string[]): void {
  const [verb, ...rest] = words;
  switch (verb) {
    case undefined:
      break;
    case 'set':
      candidate.set([], rest);
      break;
    case 'delete':
      if (!candidate.delete(rest)) throw bad(`${quoteWords(rest)} is not set`);
      break;
    case 'annotate':
      candidate.annotate(rest.slice(0, -1), rest.at(-1) ?? '');
      break;
    case 'insert': {
      const [where, key = ''] = rest.slice(-2);
      if (where !== 'before' && where !== 'after') throw bad('insert what before or after what?');
      candidate.insert(rest.slice(0, -2), where, key);
      break;
    }
    default:
      throw bad(`"${verb.slice(0, 80)}" is none of set, delete, insert, annotate`);
  }
}

const bad = (text: string): WeirError => new WeirError('CONFIG_BAD_VALUE', text);
