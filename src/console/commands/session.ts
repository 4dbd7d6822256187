import { command } from '../command.ts';

/** What ends a session. */
export const sessionCommands = ['exit', 'quit'].map((path) =>
  command({
    path,
    help: 'ends the session',
    run: async ({ shell }) => {
      shell.over = true;
      return { over: true };
    },
    render: () => '',
  }),
);
