import type { Command } from './command.ts';
import type { Pipe } from './grammar/index.ts';
import type { Size } from './terminal/index.ts';

/** Text of what a command returned, as its pipes want it; the same for a terminal and for a script. */
export function answerText(command: Command, json: unknown, pipes: readonly Pipe[], size: Size): string {
  // What looks at lines gets a row in one line.
  const whole = pipes.some(({ kind }) => kind !== 'no-more' && kind !== 'view');
  const shown = whole ? { ...size, columns: Number.POSITIVE_INFINITY } : size;
  let text = pipes.some(({ kind }) => kind === 'json') ? jsonText(json) : command.render(json, shown);
  for (const pipe of pipes) text = through(pipe, text);
  return text;
}

/** Of a command that has nothing to say it is null. */
const jsonText = (json: unknown): string => `${JSON.stringify(json ?? null, plainNumbers, 2)}\n`;

/** bigint has no JSON: a 64-bit counter is a decimal string. */
const plainNumbers = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;

function through(pipe: Pipe, text: string): string {
  const lines = () => text.split('\n').slice(0, text.endsWith('\n') ? -1 : undefined);
  const joined = (kept: readonly string[]) => kept.map((line) => `${line}\n`).join('');
  switch (pipe.kind) {
    case 'match':
    case 'except': {
      const has = (line: string) => pipe.texts.some((wanted) => line.toLowerCase().includes(wanted));
      return joined(lines().filter((line) => has(line) === (pipe.kind === 'match')));
    }
    case 'last':
      return joined(lines().slice(-pipe.lines));
    case 'count':
      return `${lines().length} lines\n`;
    default:
      return text;
  }
}
