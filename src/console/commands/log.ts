import type { LogLine } from '../../operations/index.ts';
import { command } from '../command.ts';

const shownLines = 200;

export const logCommands = [
  command({
    path: 'show log',
    help: 'the last lines of the log',
    parameters: [{ kind: 'option', name: 'all', help: `all that are held, not only ${shownLines}` }],
    run: ({ operations }, args) =>
      operations.log(args.get('all') === undefined ? shownLines : Number.MAX_SAFE_INTEGER),
    render: ({ lines }: { readonly lines: readonly LogLine[] }) => lines.map(renderLine).join(''),
  }),
];

/** `2026-01-02T03:04:05.678Z warn  source lost  url=rtsp://… text="no packet"`. */
function renderLine({ at, level, event, ...facts }: LogLine): string {
  const told = Object.entries(facts).map(([name, value]) => `${name}=${shown(value)}`);
  return `${at} ${level.padEnd(5)} ${[event, ...told].join('  ')}\n`;
}

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
};
