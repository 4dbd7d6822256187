/** Ways into the configuration mode, and out of it. */
import { WeirError } from '#base';
import { type Command, type CommandContext, command } from '../command.ts';
import { Editing, needEditing } from './editing.ts';

/** Of the operational mode. */
export const configureCommands: readonly Command[] = [
  command({
    path: 'configure',
    help: 'begins to work on the configuration',
    needs: 'administrator',
    run: async ({ configurations, shell }) => {
      shell.editing = new Editing(configurations);
      const { who, remainingSeconds } = configurations.unconfirmed() ?? {};
      return { unconfirmed: who === undefined ? undefined : { who, remainingSeconds } };
    },
    render: ({ unconfirmed }) =>
      unconfirmed === undefined
        ? ''
        : `a commit of ${unconfirmed.who} waits for \`confirm\`, ${unconfirmed.remainingSeconds} s more\n`,
  }),
];

/** Of the configuration mode. */
export const leaveCommands: readonly Command[] = [
  command({
    path: 'exit',
    help: 'back to where `edit` was typed; at the top it leaves the configuration mode',
    needs: 'administrator',
    run: async (context) => {
      if (!needEditing(context.shell.editing).back()) await leave(context);
      return {};
    },
    render: () => '',
  }),
  command({
    path: 'quit',
    help: 'leaves the configuration mode',
    needs: 'administrator',
    run: async (context) => {
      await leave(context);
      return {};
    },
    render: () => '',
  }),
];

/** Whoever goes with work that was not committed says so, for it is lost then. */
async function leave({ shell, ask }: CommandContext): Promise<void> {
  if (needEditing(shell.editing).changed) {
    const answer = await ask('There are changes that were not committed. Discard them and leave? [yes/no] ');
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new WeirError('COMMAND_FAILED', 'still in the configuration mode', {
        advice: '`commit` puts them in force, `show | compare` shows them',
      });
    }
  }
  shell.editing = undefined;
}
