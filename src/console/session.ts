import { TerminalScreen } from './screen.ts';
import type { Shell } from './shell.ts';
import { type History, maxLine, readLine, type Terminal } from './terminal/index.ts';

/**
 * Somebody at a terminal gives commands, until they leave. Rejects with CONSOLE_CLOSED when nobody is there any more.
 */
export async function runSession(options: {
  terminal: Terminal;
  shell: Shell;
  history: History;
  /** Asked for each line; all but its last line is shown once. */
  prompt: () => string;
  /** Called after each line that was carried out. */
  after?: () => void;
}): Promise<void> {
  const { terminal, shell, history } = options;
  const screen = new TerminalScreen(terminal);
  while (!shell.state.over) {
    const lines = options.prompt().split('\n');
    const prompt = lines.pop() ?? '';
    for (const line of lines) terminal.write(`${line}\n`);
    const read = await readLine(terminal, { prompt, history, helper: shell.helper });
    if (read === 'interrupted') continue;
    if (read === 'too long') {
      terminal.write(
        `error: the line has more than ${maxLine} characters -> nothing of it was carried out\n`,
      );
      continue;
    }
    const line = read === 'ended' ? 'exit' : read.line;
    const remember = (text: string) => history.add(text);
    await shell.execute(line, screen, { indentation: prompt.length, remember });
    options.after?.();
  }
}
