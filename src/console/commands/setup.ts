import { command } from '../command.ts';
import { type SetupText, setup } from '../setup/index.ts';

export const setupCommands = [
  command({
    path: 'setup',
    help: 'leads through the first configuration of a box',
    needs: 'administrator',
    run: (context) => setup(context),
    render: ({ text }: SetupText) => text,
  }),
];
