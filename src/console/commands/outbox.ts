import type { OutboxOrder, OutboxStatus } from '../../operations/index.ts';
import { command, type Surroundings, type WordParameter } from '../command.ts';
import { renderTable } from '../render/index.ts';
import type { Size } from '../terminal/index.ts';

const destination: WordParameter = {
  kind: 'word',
  name: 'destination',
  help: 'a receiver of records',
  choices: async ({ operations }: Surroundings) =>
    (await operations.outbox()).destinations.map(({ destination, waiting, quarantined }) => ({
      word: destination,
      help: `${waiting} waiting, ${quarantined} refused`,
      whole: true,
    })),
};

export const outboxCommands = [
  command({
    path: 'show outbox',
    help: 'records that wait to be delivered: for whom, since when, why',
    run: ({ operations }) => operations.outbox(),
    render: renderOutbox,
  }),
  command({
    path: 'request outbox requeue',
    help: 'delivers again what a receiver refused',
    needs: 'operator',
    parameters: [destination],
    run: ({ operations }, args) => operations.requeue(args.need('destination')),
    render: ({ destination, deliveries }: OutboxOrder) =>
      `${deliveries} deliveries to ${destination} wait again\n`,
  }),
  command({
    path: 'request outbox abandon',
    help: 'gives up what waits for a receiver that is no more',
    needs: 'administrator',
    parameters: [destination],
    run: ({ operations }, args) => operations.abandon(args.need('destination')),
    render: ({ destination, deliveries }: OutboxOrder) =>
      `${deliveries} deliveries to ${destination} were given up\n`,
  }),
];

const columns = [
  { title: 'DESTINATION' },
  { title: 'WAITING', align: 'right' },
  { title: 'SINCE' },
  { title: 'UNCONFIRMED', align: 'right' },
  { title: 'REFUSED', align: 'right' },
] as const;

function renderOutbox({ destinations }: OutboxStatus, { columns: width }: Size): string {
  if (destinations.length === 0) return 'nobody is to get records: see `upload` of the configuration\n';
  const rows = destinations.map((one) => [
    one.destination,
    String(one.waiting),
    one.waitingSince ?? '-',
    String(one.unconfirmed),
    String(one.quarantined),
  ]);
  const troubles = destinations.flatMap(({ destination, failingSince, lastError, quarantineReason }) => [
    ...(failingSince === null ? [] : [`${destination} fails since ${failingSince}: ${lastError}\n`]),
    ...(quarantineReason === null ? [] : [`${destination} last refused: ${quarantineReason}\n`]),
  ]);
  return renderTable(columns, rows, width) + troubles.join('');
}
