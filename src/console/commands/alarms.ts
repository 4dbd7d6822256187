import type { Alarm } from '#base';
import { command } from '../command.ts';
import { renderTable } from '../render/index.ts';

export const alarmCommands = [
  command({
    path: 'show alarms',
    help: 'what is wrong, and what was',
    run: ({ operations }) => operations.alarms(),
    render: ({ standing, ended }, { columns: width }) =>
      [
        standing.length === 0 ? 'no alarms stand\n' : renderTable(columns, standing.map(cells), width),
        ended.length === 0 ? '' : `\nended:\n${renderTable(columns, ended.map(cells), width)}`,
      ].join(''),
  }),
];

const columns = [
  { title: 'SINCE' },
  { title: 'SEVERITY' },
  { title: 'ALARM' },
  { title: 'WHAT' },
  { title: 'TEXT' },
];
const cells = ({ raisedAt, severity, name, subject, text }: Alarm) => [
  new Date(raisedAt).toISOString(),
  severity,
  name,
  subject || '-',
  text,
];
