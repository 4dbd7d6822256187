import { describeError } from '#base';
import { Candidate } from './candidate.ts';
import { type LineFault, runSetLines } from './set-lines.ts';

/** `merge` adds to what is there, `override` takes its place. */
export type LoadMode = 'merge' | 'override';

/**
 * Loads a whole configuration, or a part of one, as JSON or as `set` lines, whichever it is. All of it is taken, or, where
 * there are faults, nothing.
 */
export function loadText(candidate: Candidate, mode: LoadMode, text: string): readonly LineFault[] {
  const isJson = text.trimStart().startsWith('{');
  const from =
    mode === 'merge' ? { tree: candidate.tree(), annotations: candidate.annotations() } : { tree: {} };
  const trial = new Candidate(from);
  const faults = isJson ? mergeJson(trial, text) : runSetLines(trial, text);
  if (faults.length === 0) candidate.override(trial.tree(), trial.annotations());
  return faults;
}

function mergeJson(candidate: Candidate, text: string): readonly LineFault[] {
  let tree: unknown;
  try {
    tree = JSON.parse(text);
  } catch (error) {
    return [{ line: lineOf(text, describeError(error)), text: describeError(error) }];
  }
  try {
    candidate.merge(tree);
    return [];
  } catch (error) {
    return [{ line: 1, text: describeError(error) }];
  }
}

/** V8 says at which character it stumbled; the end of the text where it says nothing. */
function lineOf(text: string, message: string): number {
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
  return text.slice(0, position).split('\n').length;
}
