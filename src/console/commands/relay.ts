import type { RelayStatus } from '../../operations/index.ts';
import { command } from '../command.ts';
import { renderFacts, renderTable } from '../render/index.ts';

export const relayCommands = [
  command({
    path: 'show relay',
    help: 'what the box relays right now, in short',
    run: ({ operations }) => operations.relay(),
    render: renderRelay,
  }),
];

function renderRelay(status: RelayStatus): string {
  const facts = renderFacts({
    version: status.version,
    feeds: status.feeds.length,
    viewers: status.viewers.length,
    connections: status.connections,
    'sessions without a record': status.unbilledSessions,
    'alarms that stand': status.alarms.length,
  });
  const nics = status.nics.map((nic) => [
    nic.role,
    nic.device,
    nic.linkUp ? 'up' : 'down',
    nic.rxBytes ?? '-',
    nic.txBytes ?? '-',
  ]);
  return `${facts}\n${renderTable(nicColumns, nics)}`;
}

const nicColumns = [
  { title: 'NIC' },
  { title: 'DEVICE' },
  { title: 'LINK' },
  { title: 'RX BYTES', align: 'right' },
  { title: 'TX BYTES', align: 'right' },
] as const;
