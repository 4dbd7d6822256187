/** Commands that take a configuration from elsewhere, and keep one. */
import { WeirError } from '#base';
import { configTree, type LoadMode, loadText, renderSetLines } from '../../config/index.ts';
import { type Command, command } from '../command.ts';
import { type Editing, needEditing } from './editing.ts';

/** More of them are not read by anybody. */
const mostFaults = 20;

/** All of `text`, or nothing. */
function load({ candidate }: Editing, mode: LoadMode, text: string): { readonly loaded: true } {
  const faults = loadText(candidate, mode, text);
  if (faults.length === 0) return { loaded: true };
  const told = faults.slice(0, mostFaults).map((fault) => `line ${fault.line}: ${fault.text}`);
  const rest = faults.length > mostFaults ? [`and ${faults.length - mostFaults} more`] : [];
  throw new WeirError('CONFIG_BAD_VALUE', [...told, ...rest].join('\n'), { advice: 'nothing was loaded' });
}

const does = { merge: 'adds to what is set', override: 'takes the place of all that is set' } as const;

const loadCommands = (['merge', 'override'] as const).flatMap((mode) => [
  command({
    path: `load ${mode} terminal`,
    help: `what is typed or pasted, up to ^D: \`set\` lines or JSON; it ${does[mode]}`,
    needs: 'administrator',
    run: async ({ shell, readText }) => load(needEditing(shell.editing), mode, await readText()),
    render: () => 'load complete\n',
  }),
  command({
    path: `load ${mode} file`,
    help: `what was saved; it ${does[mode]}`,
    needs: 'administrator',
    parameters: [
      {
        kind: 'word',
        name: 'file',
        form: 'file',
        help: 'as it was saved',
        choices: async ({ operations }) =>
          (await operations.savedConfigurations()).map((word) => ({ word, help: 'was saved', whole: true })),
      },
    ],
    run: async ({ shell, operations }, args) =>
      load(needEditing(shell.editing), mode, await operations.savedConfiguration(args.need('file'))),
    render: () => 'load complete\n',
  }),
]);

export const textCommands: readonly Command[] = [
  ...loadCommands,
  command({
    path: 'save',
    help: 'keeps the candidate in a file on the box, secrets included',
    needs: 'administrator',
    parameters: [{ kind: 'word', name: 'file', form: 'file', help: 'letters, digits, dots, hyphens' }],
    run: async ({ shell, operations }, args) => {
      const { candidate } = needEditing(shell.editing);
      const options = { secrets: true, annotations: candidate.annotations() };
      const lines = renderSetLines(configTree, candidate.tree(), [], options);
      return await operations.saveConfiguration(args.need('file'), `${lines.join('\n')}\n`);
    },
    render: ({ file }) => `saved in ${file}\n`,
  }),
];
