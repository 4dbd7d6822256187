import { PassThrough } from 'node:stream';
import { CloseStack, systemClock } from '#base';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { runLines } from '../../src/cli/index.ts';
import { openDaemonStream } from '../../src/status/index.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { randomOf } from '../random.ts';
import { notMeasured } from './checks.ts';
import type { Daemon } from './daemon.ts';
import { percentile } from './figures.ts';
import { dropMedia, Load } from './load/index.ts';
import { below, type Report } from './report.ts';
import { openScene } from './scene.ts';

export interface ConsoleBenchOptions {
  readonly viewers: number;
  readonly megabitsPerSecond: number;
  readonly keys: number;
  readonly progress: (line: string) => void;
}

/** What is pressed, and what is awaited. */
const presses = ['a key', 'Tab', '?'] as const;
type Press = (typeof presses)[number];

interface Row {
  readonly viewers: number;
  readonly transport: 'none' | 'udp' | 'tcp';
  readonly press: Press;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const baud = 115_200;
const goalMs = 20;
const settleMs = 5000;
/** Between keys: as fast as a person, and never in step with anything. */
const gapMs = { least: 5, most: 35 };

/** How soon the console answers to a key over a serial port, while viewers are served. */
export async function benchConsole(options: ConsoleBenchOptions): Promise<Report> {
  const { viewers, megabitsPerSecond, keys, progress } = options;
  const rows: Row[] = [];
  const loads = [
    { count: 0, transport: 'none' },
    { count: viewers, transport: 'udp' },
    { count: viewers, transport: 'tcp' },
  ] as const;
  for (const { count, transport } of loads) {
    progress(`console: ${count} viewers${count > 0 ? ` by ${transport}` : ''}`);
    for (const [press, times] of await measure(options, count, transport)) {
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number) => percentile(sorted, share);
      rows.push({ viewers: count, transport, press, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) });
    }
  }
  return {
    title: `console: from a key to its answer over a pair of pseudo-terminals, ms, with viewers of one ${megabitsPerSecond} Mbit/s feed; ${keys} keys each.`,
    table: [
      ['viewers', '', 'pressed', 'p50', 'p99', 'longest'],
      ...rows.map(({ viewers: count, transport, press, p50Ms, p99Ms, maxMs }) => [
        ...[String(count), transport === 'none' ? '' : transport.toUpperCase(), press],
        ...[p50Ms.toFixed(2), `**${p99Ms.toFixed(2)}**`, maxMs.toFixed(2)],
      ]),
    ],
    goals: rows
      .filter((row) => row.transport !== 'none')
      .map(({ transport, press, p99Ms }) =>
        below(`p99 of ${press}, ${viewers} viewers by ${transport}`, p99Ms, goalMs, ' ms'),
      ),
    notes: [
      'both ways of the cable are in it, and the program that the cable is; the wire time of a real one is not (a character at 115,200 bit/s takes 0.09 ms)',
    ],
    figures: rows,
  };
}

async function measure(
  { megabitsPerSecond, keys }: ConsoleBenchOptions,
  viewers: number,
  transport: 'none' | 'udp' | 'tcp',
): Promise<ReadonlyMap<Press, readonly number[]>> {
  const trace = {
    bitsPerSecond: megabitsPerSecond * 1e6,
    framesPerSecond: 25,
    groupSeconds: 1,
    stampPayload: true,
  };
  await using scene = await openScene({ trace });
  await using parts = new CloseStack();
  const { daemon, world, relayed } = scene;
  const cable = await SerialCable.plugIn();
  parts.defer(() => cable[Symbol.asyncDispose]());
  const port = parts.use(await new LinuxSerialPorts().open({ path: cable.far, baud }));
  const operator = new Operator(port.stream);
  await moveConsole(daemon, cable.near);
  await operator.sees(/press Enter to begin\r\n$/);
  void operator.type('\r');
  await operator.sees(/> $/);
  if (transport !== 'none') {
    await dropMedia(world.viewer.host, 'eth0');
    const load = parts.use(await Load.start(world.viewer, { ...relayed, transport }));
    if (transport === 'udp') await load.addDropped(viewers);
    else await load.addDiscarding(viewers);
    await systemClock.sleep(settleMs);
  }
  const times = await press(operator, keys);
  const shown = (await daemon.status()).viewers.length;
  if (shown !== viewers) throw notMeasured('not all viewers are there', { viewers: shown });
  return times;
}

/** The console comes to `port`; there are no users, so that nobody has to log in. */
async function moveConsole({ dataDir }: Daemon, port: string): Promise<void> {
  const lines = ['configure', `set console port ${port}`, 'commit'];
  const stream = await openDaemonStream(dataDir, 'console', { who: 'bench', script: true });
  const exit = await runLines(stream, lines, new PassThrough().resume());
  if (exit !== 0) throw notMeasured('the console did not move', { exit });
}

/** Presses keys one after the other, each when the one before it was answered, and a moment later. */
async function press(operator: Operator, count: number): Promise<ReadonlyMap<Press, readonly number[]>> {
  const next = randomOf(1);
  const times = new Map<Press, number[]>(presses.map((name) => [name, []]));
  const time = async (what: Press, text: string, answer: RegExp) => {
    await systemClock.sleep(gapMs.least + (gapMs.most - gapMs.least) * next());
    const before = systemClock.monoNs();
    void operator.type(text);
    await operator.sees(answer);
    times.get(what)?.push(Number(systemClock.monoNs() - before) / 1e6);
  };
  for (let round = 0; round < count; round += 1) {
    await time('a key', 's', /s$/);
    await time('Tab', 'ho\t', /how $/);
    await time('?', '?', /alarms[\s\S]*> show $/);
    void operator.type('\x15');
    await operator.sees(/> $/);
  }
  return times;
}
