import type { Mismatch, Next } from './grammar/index.ts';

const indent = '  ';
/** The help of wider ones stands below them, so that all other help stays in line. */
const widestWord = 40;

/** What may stand at a place, a line each: what `?` shows. */
export function renderNext({ choices, value, ends }: Next): string {
  const entries = [
    ...(ends ? [{ word: '<Enter>', help: 'carries this out' }] : []),
    ...(value === undefined ? [] : [{ word: `<${value.form}>`, help: value.help }]),
    ...choices,
  ];
  if (entries.length === 0) return `${indent}there is nothing that could stand here\n`;
  const width = Math.min(
    widestWord,
    entries.reduce((widest, { word }) => Math.max(widest, word.length), 0),
  );
  const below = `\n${indent}${' '.repeat(width)}  `;
  return entries
    .map(({ word, help }) =>
      `${indent}${word.length > width && help !== '' ? `${word}${below}` : `${word.padEnd(width)}  `}${help}`.trimEnd(),
    )
    .join('\n')
    .concat('\n');
}

/** Below a line that was not understood: a caret where, then why, then what could have stood there. */
export function renderMismatch({ offset, message, next }: Mismatch, indentation: number): string {
  const choices =
    next.choices.length > 0 || next.value !== undefined ? renderNext({ ...next, ends: false }) : '';
  return `${' '.repeat(indentation + offset)}^\n${message}\n${choices}`;
}
