import type { FeedsStatus, ViewerRate, ViewersStatus } from '../../operations/index.ts';
import { command, type Surroundings } from '../command.ts';
import { renderTable } from '../render/index.ts';
import type { Size } from '../terminal/index.ts';

export const viewerCommands = [
  command({
    path: 'show feeds',
    help: 'live sources: viewers, packets, losses',
    run: ({ operations }) => operations.feeds(),
    render: renderFeeds,
  }),
  command({
    path: 'show viewers',
    help: 'who watches what, by which transport, since when',
    run: ({ operations }) => operations.viewers(),
    render: renderViewers,
  }),
  command({
    path: 'monitor viewers',
    help: 'what each viewer gets, each second until ^C',
    refreshes: true,
    run: ({ operations, signal }) => operations.monitorViewers(signal),
    render: renderRates,
  }),
  command({
    path: 'clear viewer',
    help: "ends a viewer's session",
    needs: 'operator',
    parameters: [
      {
        kind: 'word',
        name: 'session',
        help: 'the session, as show viewers names it',
        form: 'session id',
        choices: async ({ operations }: Surroundings) =>
          (await operations.viewers()).viewers.map(({ sessionId, viewer, url }) => ({
            word: sessionId,
            help: `${viewer} watches ${url}`,
            whole: true,
          })),
      },
    ],
    run: ({ operations }, args) => operations.clearViewer(args.need('session')),
    render: ({ sessionId }: { sessionId: string }) => `${sessionId} has ended\n`,
  }),
];

const feedColumns = [
  { title: 'URL' },
  { title: 'ORIGIN' },
  { title: 'STATE' },
  { title: 'VIEWERS', align: 'right' },
  { title: 'PACKETS', align: 'right' },
  { title: 'LOST', align: 'right' },
  { title: 'SINCE' },
] as const;

function renderFeeds({ feeds }: FeedsStatus, { columns }: Size): string {
  if (feeds.length === 0) return 'no feed is open\n';
  const rows = feeds.map((feed) => [
    feed.url,
    feed.origin,
    feed.state,
    String(feed.viewers),
    feed.rxPackets,
    feed.lostPackets,
    feed.openedAt,
  ]);
  return renderTable(feedColumns, rows, columns);
}

const viewerColumns = [
  { title: 'SESSION' },
  { title: 'VIEWER' },
  { title: 'STATE' },
  { title: 'BY' },
  { title: 'BYTES', align: 'right' },
  { title: 'DROPPED', align: 'right' },
  { title: 'SINCE' },
  { title: 'URL' },
] as const;

function renderViewers({ viewers }: ViewersStatus, { columns }: Size): string {
  if (viewers.length === 0) return 'nobody watches\n';
  const rows = viewers.map((one) => [
    one.sessionId,
    one.viewer,
    one.state,
    one.transport,
    one.txBytes,
    one.droppedPackets,
    one.startedAt,
    one.url,
  ]);
  return renderTable(viewerColumns, rows, columns);
}

const rateColumns = [
  { title: 'VIEWER' },
  { title: 'STATE' },
  { title: 'BY' },
  { title: 'KBIT/S', align: 'right' },
  { title: 'PACKETS/S', align: 'right' },
  { title: 'DROPPED', align: 'right' },
  { title: 'URL' },
] as const;

function renderRates({ viewers }: { readonly viewers: readonly ViewerRate[] }, { columns }: Size): string {
  if (viewers.length === 0) return 'nobody watches\n';
  const rows = viewers.map((one) => [
    one.viewer,
    one.state,
    one.transport,
    one.bitsPerSecond === null ? '-' : String(Math.round(one.bitsPerSecond / 1000)),
    one.packetsPerSecond === null ? '-' : String(one.packetsPerSecond),
    one.droppedPackets,
    one.url,
  ]);
  return renderTable(rateColumns, rows, columns);
}
