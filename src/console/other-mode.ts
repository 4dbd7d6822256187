import type { ModeName, Surroundings } from './command.ts';
import { splitWords } from './grammar/index.ts';
import type { Trees } from './shell.ts';

/**
 * What to say of a line that begins with a command of the other mode, though it may be read as one of this mode: `set`, typed before
 * `configure`, is short for `setup`. Undefined: it is none. Not `whole`: the line goes on, perhaps with the word at its end.
 */
export async function commandOfOtherMode(
  line: string,
  { mode, trees, surroundings }: { mode: ModeName; trees: Trees; surroundings: Surroundings },
  { whole }: { readonly whole: boolean },
): Promise<string | undefined> {
  const { words, partial } = splitWords(line);
  const { text: first = '', quoted = false } = words[0] ?? (whole ? partial : {});
  if (first === '' || quoted) return undefined;
  const wordsOf = async (name: ModeName) =>
    (await trees[name].start(surroundings).next()).choices.map(({ word }) => word);
  if ((await wordsOf(mode)).includes(first)) return undefined;
  const other = mode === 'operational' ? 'configuration' : 'operational';
  if (!(await wordsOf(other)).includes(first)) return undefined;
  if (other === 'configuration') {
    return `"${first}" is a command of the configuration mode -> type \`configure\` first`;
  }
  return first === 'configure'
    ? 'this is the configuration mode -> `exit` leaves it'
    : `"${first}" is a command of the operational mode -> type \`run ${first} …\``;
}
