import { WeirError } from '#base';
import { type Command, command } from '../command.ts';
import type { CommandTree } from '../command-tree.ts';

/** `run COMMAND`: a command of the operational mode without leaving this one. */
export const runCommand = (operational: CommandTree): Command =>
  command({
    path: 'run',
    help: 'a command of the operational mode',
    parameters: [
      {
        kind: 'rest',
        name: 'command',
        help: 'the command',
        next: (surroundings, words) => operational.after(surroundings, words).next(),
      },
    ],
    insteadOf: (surroundings, words) => operational.orderedBy(surroundings, words),
    run: async () => {
      throw new WeirError('USAGE', 'run what?', { advice: 'run show alarms' });
    },
    render: () => '',
  });
