/**
 * `npm run image:boot [-- --boots N] [--json]`: how soon a gateway with the image that was built relays, and what it needs when nobody
 * watches. Ends with status 0 whether or not a goal is met; with 1 when it could not be measured.
 */
import { globSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { spreadOf, spreadText } from '../../bench/figures.ts';
import { below, type Report, renderReport } from '../../bench/report.ts';
import { runCommand, wholeNumber } from '../../command.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { FlashedDisk, Gateway, makeRoomForGateway } from '../gateway.ts';
import { consoleOffered, setUp } from '../technician.ts';
import { type Boot, bootAlone, bootUnderViewer, configureDhcp } from './boot.ts';

const relaysWithinSeconds = 60;
const mostMemoryMiB = 224;
const mebibyte = 2 ** 20;

interface Boots {
  readonly underViewer: readonly Boot[];
  readonly unplugged: Boot;
  readonly withoutLease: Boot;
}

async function measure(boots: number, progress: (what: string) => void): Promise<Boots> {
  await using world = await createLabWorld();
  await makeRoomForGateway(world);
  await using origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
  using disk = await FlashedDisk.flash();
  progress('set-up');
  {
    await using gateway = await Gateway.start(world.box, disk, { measured: true });
    await consoleOffered(gateway);
    await setUp(gateway, world);
  }
  const underViewer: Boot[] = [];
  while (underViewer.length < boots) {
    progress(`start ${underViewer.length + 1} of ${boots}`);
    underViewer.push(await bootUnderViewer(world, disk, origin));
  }
  progress('start with both cables pulled');
  const unplugged = await bootAlone(world, disk, { plugged: false });
  progress('start without a DHCP server');
  await configureDhcp(world, disk);
  return { underViewer, unplugged, withoutLease: await bootAlone(world, disk, { plugged: true }) };
}

function reportOf({ underViewer, unplugged, withoutLease }: Boots): Report {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const relayed = spreadOf(underViewer.map(({ relayedUptimeMs = Number.NaN }) => relayedUptimeMs / 1000));
  const memory = spreadOf(underViewer.map(({ usedMiB = Number.NaN }) => usedMiB));
  const row = (name: string, boot: Boot) => [
    name,
    seconds(boot.kernelBeganMs),
    seconds(boot.weirBeganUptimeMs),
    seconds(boot.readyUptimeMs),
    boot.relayedUptimeMs === undefined ? '-' : seconds(boot.relayedUptimeMs),
    boot.relayedUptimeMs === undefined ? '-' : seconds(boot.kernelBeganMs + boot.relayedUptimeMs),
    boot.usedMiB === undefined ? '-' : boot.usedMiB.toFixed(0),
  ];
  return {
    title: `boot: ${underViewer.length} starts of a configured gateway, emulated, under a viewer who dials all the time; seconds.`,
    table: [
      [
        'start',
        'power to kernel, wall',
        'uptime: Weir begins',
        'Weir is ready',
        'first packet relayed',
        'power to that, wall',
        'MiB used when idle',
      ],
      ...underViewer.map((boot, index) => row(String(index + 1), boot)),
      row('both cables pulled', unplugged),
      row('DHCP without a server', withoutLease),
    ],
    goals: [
      below('kernel to the first packet relayed, median', relayed.median, relaysWithinSeconds, ' s'),
      below('memory in use when idle, at most', memory.max, mostMemoryMiB, ' MiB'),
    ],
    notes: [
      `uptime at the first packet: ${spreadText(relayed, 1)} s; memory: ${spreadText(memory, 0)} MiB`,
      ...builtFiles().map(({ name, bytes }) => `${name}: ${(bytes / mebibyte).toFixed(1)} MiB`),
    ],
    figures: [...underViewer, unplugged, withoutLease],
  };
}

function builtFiles(): readonly { readonly name: string; readonly bytes: number }[] {
  const dist = join(import.meta.dirname, '..', '..', '..', 'dist');
  return globSync('weir-*.{img.zst,raucb}', { cwd: dist }).map((file) => ({
    name: basename(file),
    bytes: statSync(join(dist, file)).size,
  }));
}

await runCommand({
  name: 'image:boot',
  usage: 'usage: npm run image:boot [-- --boots N] [--json]',
  prepare: (args) => {
    const { values } = parseArgs({
      args,
      options: { boots: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
    });
    return { boots: wholeNumber('boots', values.boots), json: values.json };
  },
  run: async ({ boots, json }) => {
    const report = reportOf(await measure(boots, (what) => console.error(`boot: ${what}`)));
    console.log(json ? JSON.stringify(report) : renderReport(report));
  },
});
