import type { InstallProgress, ResetOrder, SlotStatus, UpdateStatus } from '../../operations/index.ts';
import { command } from '../command.ts';
import { renderTable } from '../render/index.ts';
import { confirm, confirmStart, unasked } from './confirm.ts';

export const updateCommands = [
  command({
    path: 'show update',
    help: 'the versions on this box: which runs, which is started next',
    run: ({ operations }) => operations.updateStatus(),
    render: renderStatus,
  }),
  command({
    path: 'request system update',
    help: 'installs another version beside the one that runs; viewers play on',
    needs: 'administrator',
    parameters: [
      {
        kind: 'word',
        name: 'source',
        help: 'a signed bundle (.raucb)',
        form: 'path on the box, or http(s) URL',
      },
      { kind: 'option', name: 'force', help: 'also a version that is older than the one that runs' },
    ],
    hides: (_surroundings, args) => (args.get('source') ?? '').includes('@'),
    run: ({ operations, signal }, args) =>
      operations.installUpdate({
        source: args.need('source'),
        force: args.get('force') !== undefined,
        signal,
      }),
    render: ({ step, percent, text }: InstallProgress) =>
      `${step.padEnd(10)}${percent === null ? '     ' : `${percent} %`.padStart(5)}  ${text}\n`,
  }),
  command({
    path: 'request system activate',
    help: 'starts the box again with the version in the other slot; comes back by itself if that is not healthy',
    needs: 'administrator',
    parameters: [
      unasked,
      { kind: 'option', name: 'at-next-start', help: 'does not start the box again now' },
    ],
    run: async (context, args) => {
      const reboot = args.get('at-next-start') === undefined;
      if (reboot) {
        await confirmStart(context, args.get('confirmed'), 'The box starts again, and all viewers end.');
      }
      return context.operations.activateUpdate({ reboot });
    },
    render: ({ slot, version }: SlotStatus) =>
      `slot ${slot}, version ${version ?? 'unknown'}, is started next\n`,
  }),
  command({
    path: 'request system factory-reset',
    help: 'forgets all that was configured and starts the box again; its key and records stay',
    needs: 'administrator',
    parameters: [
      unasked,
      { kind: 'option', name: 'including-records', help: 'records and the key of the box go as well' },
    ],
    run: async (context, args) => {
      const includingRecords = args.get('including-records') !== undefined;
      const what = includingRecords
        ? 'Configuration, records (delivered or not) and the key that signed them will be gone.'
        : 'The configuration will be gone; records that are not delivered yet stay.';
      await confirm(context, args.get('confirmed'), what);
      return context.operations.factoryReset({ includingRecords });
    },
    render: ({ includingRecords }: ResetOrder) =>
      `the box starts again${includingRecords ? '' : ', with its records'}, as from the factory\n`,
  }),
];

const columns = [
  { title: 'SLOT' },
  { title: 'VERSION' },
  { title: 'STATE' },
  { title: 'TRIES', align: 'right' },
  { title: '' },
] as const;

function renderStatus({ slots }: UpdateStatus): string {
  const rows = slots.map(({ slot, version, condition, triesLeft, running, next, installed }) => [
    slot,
    version ?? (installed ? 'unknown' : '-'),
    installed ? condition : 'empty',
    String(triesLeft),
    [...(running ? ['running'] : []), ...(next ? ['started next'] : [])].join(', '),
  ]);
  return renderTable(columns, rows);
}
