/**
 * The box of the benchmark `backlog`, a process of its own so that its memory is only its own: the only argument is its data folder and
 * its receivers as JSON. Reads one command a line, answers with one line:
 *
 * - `pile COUNT DAYS`: so many sessions begin and end while so many days pass; `piled SETTLED TRIES DAYS`.
 * - `drain`: time passes as it does, the receivers are tried at once; `drained SECONDS` when nothing waits any more.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '#base';
import { BilledBox } from './billed-box.ts';
import { MonthClock } from './month-clock.ts';

const { folder, upload } = JSON.parse(process.argv[2] ?? '{}');
const dayMs = 86_400_000;
/** A day of the box takes so long, so that there is time for its attempts to deliver. */
const realDayMs = 1000;
const groupSize = 500;

const clock = new MonthClock();
const box = await BilledBox.open({
  folder,
  upload,
  // How long a disk may take is not sped up.
  billingClock: { ...systemClock, nowMs: () => clock.nowMs() },
  uploadClock: clock,
});
let piled = 0;

async function pile(count: number, days: number): Promise<void> {
  const beganMs = clock.nowMs();
  clock.speed = dayMs / realDayMs;
  for (let left = count; left > 0; left -= groupSize) {
    await box.end(await box.begin(Math.min(groupSize, left)));
  }
  piled += count;
  while (clock.nowMs() < beganMs + days * dayMs) await systemClock.sleep(10);
  clock.speed = 1;
  say(`piled ${box.settled} ${box.pagesRead} ${Math.round((clock.nowMs() - beganMs) / dayMs)}`);
}

async function drain(): Promise<void> {
  const beganNs = systemClock.monoNs();
  box.uploads.hurry();
  while (box.settled < piled) await systemClock.sleep(5);
  say(`drained ${Number(systemClock.monoNs() - beganNs) / 1e9}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, count, days] = line.split(' ');
  void (command === 'pile' ? pile(Number(count), Number(days)) : drain());
});
say('ready');
