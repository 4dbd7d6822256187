import type { RecordRow } from '../operations/index.ts';

/** A text and its width; negative: to the left. */
type Cell = readonly [text: string, width: number];

export interface Column {
  readonly name: string;
  readonly width: number;
  readonly value: (row: RecordRow) => string;
}

const at = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** What a person wants to see of a record. A time with a question mark is of a clock that was not synchronised. */
export const textColumns: readonly Column[] = [
  { name: 'SEQUENCE', width: 8, value: ({ sequence }) => String(sequence) },
  { name: 'ENDED', width: -24, value: (row) => row.endedAt + (isDoubtful(row) ? '?' : '') },
  { name: 'SECONDS', width: 9, value: ({ durationMs }) => (durationMs / 1000).toFixed(1) },
  { name: 'VIEWER', width: -21, value: ({ subscriber, viewer }) => subscriber ?? at(viewer) },
  { name: 'BYTES', width: 14, value: ({ viewerTxBytes }) => viewerTxBytes },
  { name: 'PACKETS', width: 11, value: ({ viewerTxPackets }) => viewerTxPackets },
  { name: 'CHARGE', width: 14, value: ({ charge }) => `${charge.amount} ${charge.currency}` },
  { name: 'ENDED BY', width: -12, value: ({ terminateCause }) => terminateCause },
  { name: 'FEED', width: -1, value: ({ url }) => url },
];

const isDoubtful = ({ clockTrusted, clockCorrected }: RecordRow): boolean => !clockTrusted && !clockCorrected;

export const textLine = (cells: readonly Cell[]): string =>
  cells
    .map(([text, width]) => (width < 0 ? text.padEnd(-width) : text.padStart(width)))
    .join('  ')
    .trimEnd();

/** All of a record. */
export const csvColumns: readonly Column[] = (
  [
    ['sequence', ({ sequence }) => String(sequence)],
    ['recordId', ({ recordId }) => recordId],
    ['sessionId', ({ sessionId }) => sessionId],
    ['deviceId', ({ deviceId }) => deviceId],
    ['startedAt', ({ startedAt }) => startedAt],
    ['endedAt', ({ endedAt }) => endedAt],
    ['clock', (row) => (row.clockTrusted ? 'trusted' : row.clockCorrected ? 'corrected' : 'untrusted')],
    ['durationMs', ({ durationMs }) => String(durationMs)],
    ['url', ({ url }) => url],
    ['origin', ({ origin }) => at(origin)],
    ['viewer', ({ viewer }) => at(viewer)],
    ['mac', ({ mac }) => mac ?? ''],
    ['subscriber', ({ subscriber }) => subscriber ?? ''],
    ['protocol', ({ protocol }) => protocol],
    ['transport', ({ transport }) => transport],
    ['viewerTxBytes', ({ viewerTxBytes }) => viewerTxBytes],
    ['viewerTxPackets', ({ viewerTxPackets }) => viewerTxPackets],
    ['droppedPackets', ({ droppedPackets }) => droppedPackets],
    ['reportedLostPackets', ({ reportedLostPackets }) => reportedLostPackets],
    ['amount', ({ charge }) => charge.amount],
    ['currency', ({ charge }) => charge.currency],
    ['tariff', ({ charge }) => charge.tariff],
    ['tariffVersion', ({ charge }) => charge.version],
    ['unit', ({ charge }) => charge.unit],
    ['chargedUnits', ({ charge }) => charge.units],
    ['terminateCause', ({ terminateCause }) => terminateCause],
    ['recovered', ({ recovered }) => String(recovered)],
  ] satisfies readonly (readonly [string, (row: RecordRow) => string])[]
).map(([name, value]) => ({ name, value, width: 0 }));

/** RFC 4180. */
export const csvLine = (cells: readonly Cell[]): string =>
  cells.map(([text]) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',');
