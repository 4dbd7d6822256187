import { command } from '../command.ts';
import { renderTable } from '../render/index.ts';

/** What a key does, or what may be typed. */
interface Hint {
  readonly key: string;
  readonly does: string;
}

const hints: readonly Hint[] = [
  { key: '?', does: 'lists what may stand here, at any place of a line, without Enter' },
  { key: 'Tab', does: 'completes a word, or lists how it may go on' },
  { key: 'Up, Down', does: 'lines that were typed before' },
  { key: '^C', does: 'back to the prompt, out of everything' },
  { key: '^D, exit', does: 'leaves' },
  { key: 'sh al', does: 'words may be as short as they are unambiguous' },
  { key: '| match TEXT', does: 'only lines with a text; `|` and `?` list the others' },
  { key: 'configure', does: 'begins to change the configuration; `commit` puts it in force' },
];

/** The first thing that whoever has never seen this console types. */
export const helpCommands = [
  command({
    path: 'help',
    help: 'how this console is used',
    run: async () => ({ hints }),
    render: (told: { readonly hints: readonly Hint[] }, { columns }) =>
      renderTable(
        [{ title: 'KEY' }, { title: 'DOES' }],
        told.hints.map(({ key, does }) => [key, does]),
        columns,
      ),
  }),
];
