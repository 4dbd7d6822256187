/**
 * The storm's viewers in one process on one host; `viewers.ts` starts it. The only argument is its options as JSON;
 * commands come as JSON lines on standard input, at whose end it ends.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { random } from '../fuzz/random.ts';
import { StormViewer } from './viewer.ts';
import type { StormViewersCommand, StormViewersEvent, StormViewersOptions } from './viewers-options.ts';

const options: StormViewersOptions = JSON.parse(process.argv[2] ?? '{}');
const tell = (event: StormViewersEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const { latelyMs, answerMs } = options;
const below = random(options.seed);
const pauseMs = 300;
/** Addresses of 198.19.0.0/16 but for those that end in 0 or 255. */
const lastBytes = 254;
const firstPort = 20_000;

let { atOnce } = options;
let steady = false;
let watching = 0;
let born = 0;
/** Those who are there, and what makes each leave. */
const leavers = new Map<StormViewer, () => void>();

/** An address and port that nobody else ever has: the address of the n-th, and another port when addresses begin again. */
function place(v6: boolean): { address: string; port: number } {
  const number = born++;
  const port = firstPort + Math.floor(number / (256 * lastBytes));
  const [high, low] = [Math.floor(number / lastBytes) % 256, 1 + (number % lastBytes)];
  const address = v6 ? `2001:db8:199::${(high * 256 + low).toString(16)}` : `198.19.${high}.${low}`;
  return { address, port };
}

async function watch(): Promise<void> {
  const url = options.urls[below(options.urls.length)] ?? '';
  const transport = below(2) === 0 ? 'udp' : 'tcp';
  const viewer = new StormViewer({ url, ...place(url.includes('[')), transport, latelyMs, answerMs });
  const leave = Promise.withResolvers<void>();
  const watchMs = options.leastWatchMs + below(options.mostWatchMs - options.leastWatchMs);
  const timer = setTimeout(() => {
    if (!steady) leave.resolve();
  }, watchMs);
  leavers.set(viewer, leave.resolve);
  const session = await viewer.watch(leave.promise, below(3) === 0 ? 'hung-up' : 'teardown');
  clearTimeout(timer);
  leavers.delete(viewer);
  if (session) tell({ event: 'session', session });
}

/** One place in the audience: taken again and again while there shall be so many. */
async function occupy(): Promise<void> {
  watching += 1;
  while (watching <= atOnce) {
    await watch();
    await new Promise((resolve) => setTimeout(resolve, below(pauseMs)));
  }
  watching -= 1;
  if (watching === 0) {
    tell({ event: 'dropped', packets: droppedPackets() });
    tell({ event: 'quiet' });
  }
}

/** proc_net_snmp: a socket that has no room counts here, for both families. */
function droppedPackets(): number {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(' '));
  const four = Number(values?.[names?.indexOf('RcvbufErrors') ?? -1] ?? 0);
  const six = /^Udp6RcvbufErrors\s+(\d+)$/m.exec(readFileSync('/proc/net/snmp6', 'utf8'))?.[1];
  return four + Number(six ?? 0);
}

function fill(): void {
  for (let missing = atOnce - watching; missing > 0; missing -= 1) void occupy();
}

fill();
const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command: StormViewersCommand = JSON.parse(line);
  ({ atOnce, steady } = command);
  fill();
  for (const [viewer, leave] of leavers) {
    leave();
    if (command.unanswered) viewer.giveUp();
  }
});
commands.on('close', () => process.exit(0));
