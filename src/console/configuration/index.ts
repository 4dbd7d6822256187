import type { Command } from '../command.ts';
import { CommandTree } from '../command-tree.ts';
import { helpCommands } from '../commands/help.ts';
import { commitCommands, historyCommands } from './commit-commands.ts';
import { editCommands } from './edit-commands.ts';
import { textCommands } from './load-commands.ts';
import { configureCommands, leaveCommands } from './mode-commands.ts';
import { runCommand } from './run-command.ts';
import { showActiveCommands, showCandidateCommands } from './show-commands.ts';

/** What the operational mode has to do with the configuration. */
export const configurationCommands: readonly Command[] = [
  ...configureCommands,
  ...showActiveCommands,
  ...historyCommands,
];

/** The commands of the configuration mode; `run` leads to those of the operational one. */
export const configurationTree = (operational: CommandTree): CommandTree =>
  new CommandTree(
    [
      ...editCommands,
      ...showCandidateCommands,
      ...commitCommands,
      ...textCommands,
      ...leaveCommands,
      ...helpCommands,
      runCommand(operational),
    ],
    {
      load: 'takes a configuration from what is typed or pasted',
      'load merge': 'adds to what is set',
      'load override': 'takes the place of all that is set',
    },
  );
