import type { BillingStatus, StorageStatus } from '../../operations/index.ts';
import { command } from '../command.ts';
import { renderFacts, renderTable } from '../render/index.ts';
import type { Size } from '../terminal/index.ts';

export const recordCommands = [
  command({
    path: 'show storage',
    help: 'the disk, and the records on it',
    run: ({ operations }) => operations.storage(),
    render: renderStorage,
  }),
  command({
    path: 'show billing',
    help: 'sessions that are being billed, and what they cost so far',
    run: ({ operations }) => operations.billing(),
    render: renderBilling,
  }),
  command({
    path: 'request upload now',
    help: 'tries every receiver of records again at once',
    needs: 'operator',
    run: ({ operations }) => operations.requestUpload(),
    render: ({ destinations }: { destinations: readonly string[] }) =>
      destinations.length === 0
        ? 'no receiver is configured\n'
        : `tried again: ${destinations.join(', ')}; show outbox tells how it went\n`,
  }),
];

function renderStorage(status: StorageStatus): string {
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  return renderFacts({
    folder: status.folder,
    health: status.health,
    disk: `${mebibytes(status.freeBytes)} of ${mebibytes(status.sizeBytes)} free, ${status.usedPercent} % used`,
    device: status.deviceId,
    'last entry': status.lastSequence,
    'its hash': status.lastHash ?? undefined,
    'deliveries that wait': status.waitingDeliveries,
    ...Object.fromEntries(status.files.map(({ name, bytes }) => [name, `${bytes} bytes`])),
  });
}

const columns = [
  { title: 'SUBSCRIBER' },
  { title: 'VIEWER' },
  { title: 'TARIFF' },
  { title: 'SECONDS', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'AMOUNT', align: 'right' },
  { title: 'URL' },
] as const;

function renderBilling(
  { sessions, billedSessions, unbilledSessions, left }: BillingStatus,
  { columns: width }: Size,
): string {
  const rows = sessions.map((one) => [
    one.subscriber ?? '-',
    one.viewer,
    one.tariff,
    String(one.durationSeconds),
    one.txBytes,
    `${one.amount} ${one.currency}`,
    one.url,
  ]);
  const facts = renderFacts({ 'billed now': billedSessions, 'without a record so far': unbilledSessions });
  const table = rows.length === 0 ? '' : `\n${renderTable(columns, rows, width)}`;
  return facts + table + (left > 0 ? `and ${left} more\n` : '');
}
