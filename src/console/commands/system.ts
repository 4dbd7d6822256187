import type {
  ClockStatus,
  SupportBundle,
  SystemRequest,
  SystemStatus,
  VersionStatus,
} from '../../operations/index.ts';
import { command } from '../command.ts';
import { renderFacts } from '../render/index.ts';
import { confirm, confirmStart, unasked } from './confirm.ts';

export const systemCommands = [
  command({
    path: 'show version',
    help: 'version, board and serial number',
    run: ({ operations }) => operations.version(),
    render: (status: VersionStatus) => renderFacts(versionFacts(status)),
  }),
  command({
    path: 'show system',
    help: 'how the box does: load, memory, temperature, wear of its flash memory',
    run: ({ operations }) => operations.system(),
    render: renderSystem,
  }),
  command({
    path: 'show clock',
    help: 'the time, and whether it is kept by a time server',
    run: ({ operations }) => operations.clock(),
    render: ({ now, synchronised }: ClockStatus) =>
      renderFacts({ now, synchronised: synchronised ? 'yes' : 'no: times in records are corrected later' }),
  }),
  command({
    path: 'request system identify',
    help: 'the LED of the box shows for a minute which one it is',
    needs: 'operator',
    run: ({ operations }) => operations.identify(),
    render: ({ led, seconds }: { led: string; seconds: number }) =>
      `${led} blinks twice and pauses, for ${seconds} s\n`,
  }),
  request('restart', 'ends Weir and starts it again, with all values that wait for it', 'All viewers end.'),
  request('reboot', 'starts the box again', 'The box starts again, and all viewers end.'),
  request('power-off', 'switches the box off', 'The box stays off until it is switched on by hand.'),
  command({
    path: 'request support-bundle',
    help: 'writes what a support engineer asks for into a file; secrets are left out',
    needs: 'administrator',
    parameters: [
      {
        kind: 'option',
        name: 'print',
        help: 'shows it as well, in base64, for who has nothing but this console; with `| no-more`',
      },
    ],
    run: ({ operations }, args) => operations.supportBundle({ print: args.get('print') !== undefined }),
    render: renderBundle,
  }),
];

/** RFC 7468 s.3, by which it is found in what a terminal has written down: `openssl base64 -d` takes what stands between. */
function renderBundle({ file, bytes, base64 }: SupportBundle): string {
  const label = 'WEIR SUPPORT BUNDLE';
  const lines = base64?.match(/.{1,64}/g) ?? [];
  const whole = [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`];
  return [`${file}, ${bytes} bytes`, ...(base64 === null ? [] : whole)].map((line) => `${line}\n`).join('');
}

function request(verb: SystemRequest, help: string, what: string) {
  return command({
    path: `request system ${verb}`,
    help,
    needs: 'administrator',
    parameters: [unasked],
    run: async (context, args) => {
      // Of Weir alone a restart leaves what waits as it is.
      const ask = verb === 'restart' ? confirm : confirmStart;
      await ask(context, args.get('confirmed'), what);
      return context.operations.requestSystem(verb);
    },
    render: () => `${verb}: begun\n`,
  });
}

const versionFacts = ({ version, node, os, kernel, manufacturer, model, serialNumber }: VersionStatus) => ({
  version,
  node,
  system: os ?? undefined,
  kernel,
  board: [manufacturer, model].filter(Boolean).join(' ') || undefined,
  'serial number': serialNumber ?? undefined,
});

function renderSystem(status: SystemStatus): string {
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const flash = status.flash.map(({ device, lifeUsedPercent, spareBlocks }) => [
    `flash ${device}`,
    [
      lifeUsedPercent === undefined ? '' : `at most ${lifeUsedPercent} % of its life used`,
      spareBlocks === undefined ? '' : `spare blocks ${spareBlocks}`,
    ]
      .filter(Boolean)
      .join(', '),
  ]);
  return renderFacts({
    name: status.name,
    ...versionFacts(status),
    device: status.deviceId ?? undefined,
    processor: [status.cpu, `${status.cores} ${status.cores === 1 ? 'core' : 'cores'}`]
      .filter(Boolean)
      .join(', '),
    'up for': span(status.uptimeSeconds),
    'Weir runs for': span(status.weirUptimeSeconds),
    load: status.load1,
    memory: `${mebibytes(status.memoryAvailableBytes)} of ${mebibytes(status.memoryBytes)} available, Weir has ${mebibytes(status.weirMemoryBytes)}`,
    temperature: status.temperatureC === null ? undefined : `${status.temperatureC} °C`,
    ...Object.fromEntries(flash),
    'name servers': status.nameServers.join(' ') || 'none',
    LEDs: status.leds.join(', ') || undefined,
    'status LED': status.statusLed
      ? `${status.statusLed.name}, ${status.statusLed.shows ?? 'cannot be lit'}`
      : undefined,
    'reset button': status.resetButton
      ? `${status.resetButton.device}, key ${status.resetButton.key}`
      : undefined,
  });
}

/** `3d 04:05:06`. */
function span(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const time = new Date(1000 * (seconds % 86_400)).toISOString().slice(11, 19);
  return days > 0 ? `${days}d ${time}` : time;
}
