import type { Terminal } from './terminal.ts';

const more = '---(more)---';

/**
 * Shows text a screen at a time: blank for the next one, Enter for the next line, `G` for all the rest, `q` or ^C for nothing
 * more.
 */
export async function page(terminal: Terminal, text: string): Promise<void> {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  let room = terminal.size.rows - 1;
  for (const [index, line] of lines.entries()) {
    const { columns, rows } = terminal.size;
    const needed = Math.max(1, Math.ceil(line.length / columns));
    if (needed > room && index > 0) {
      const wish = await ask(terminal);
      if (wish === 'stop') return;
      room = wish === 'all' ? Number.POSITIVE_INFINITY : wish === 'line' ? needed : rows - 1;
    }
    terminal.write(`${line}\n`);
    room -= needed;
    if (index % 100 === 0) await terminal.flush();
  }
}

async function ask(terminal: Terminal): Promise<'page' | 'line' | 'all' | 'stop'> {
  terminal.write(more);
  try {
    for (;;) {
      const key = await terminal.readKey();
      if (key.name === 'interrupt' || key.name === 'end-of-input') return 'stop';
      if (key.name === 'enter' || key.name === 'down') return 'line';
      if (key.name !== 'text') continue;
      terminal.unread(key.text.slice(1));
      const wish = wishes[key.text[0] ?? ''];
      if (wish !== undefined) return wish;
    }
  } finally {
    terminal.write('\r\x1b[K');
  }
}

const wishes: Readonly<Record<string, 'page' | 'line' | 'all' | 'stop'>> = {
  ' ': 'page',
  f: 'page',
  j: 'line',
  G: 'all',
  q: 'stop',
  Q: 'stop',
};
