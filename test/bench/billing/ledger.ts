import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base';
import { Disk } from '../../contract/storage/disk.ts';
import { Certificates } from '../../lab/upload/certificates.ts';
import type { BilledViewer } from '../../unit/billing/billed-viewer.ts';
import { notMeasured } from '../checks.ts';
import { percentile } from '../figures.ts';
import { below, none, type Report } from '../report.ts';
import { BilledBox } from './billed-box.ts';
import { MonthClock } from './month-clock.ts';
import { TallyCollector } from './tally-collector.ts';
import { bytesWritten } from './written-bytes.ts';

export interface LedgerBenchOptions {
  readonly seconds: number;
  readonly progress: (line: string) => void;
}

const sessions = 1000;
const checkpointSeconds = 5;
const checkpointsPerDay = 86_400 / checkpointSeconds;
const collectorPort = 8443;
const interimSeconds = 300;
/** A database log is written back every thousand pages, which is some eighty checkpoints: several of these are in it. */
const quickCheckpoints = 400;
const quickSpeed = 40;
/** At the pace of the box, where the file system has time to write what it would otherwise write together. */
const realCheckpoints = 12;
const groups = [1, 10, 100] as const;
const endsPerSecond = 1000;
/** Sessions that end were begun so long before. */
const lifeMs = 1000;

interface Times {
  readonly name: string;
  readonly ms: readonly number[];
}

/** What billing writes to a disk, and how soon a start and a record are durable. */
export async function benchLedger({ seconds, progress }: LedgerBenchOptions): Promise<Report> {
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'weir-ledger-'));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const disk = parts.use(Disk.ext4(512));
  const authority = new Certificates(folder);
  const collector = parts.use(await TallyCollector.start(authority.issue('server'), collectorPort));
  const { files } = authority.issue('box');
  const clock = new MonthClock();
  const box = parts.use(
    await BilledBox.open({
      folder: disk.path,
      upload: {
        https: [
          {
            ...{ name: 'bench', url: `https://localhost:${collectorPort}/usage`, interimSeconds },
            ...{ caFile: files.ca, certFile: files.cert, keyFile: files.key },
          },
        ],
      },
      billingClock: clock,
      uploadClock: clock,
    }),
  );

  progress(`ledger: ${sessions} sessions`);
  const viewers = await box.begin(sessions);
  // Each has sent something new at each checkpoint: 4 Mbit/s.
  const watching = systemClock.every(20, () => grow(viewers));
  // First, as it brings the log to the size it has on the box.
  progress(`ledger: ${quickCheckpoints} checkpoints without a pause`);
  clock.speed = quickSpeed;
  const quick = await checkpointBytes(box, disk, quickCheckpoints);
  clock.speed = 1;
  progress(`ledger: ${realCheckpoints} checkpoints at their pace`);
  const atPace = await checkpointBytes(box, disk, realCheckpoints);
  watching[Symbol.dispose]();
  // No checkpoint falls into what is measured from here on: nobody watches any more.
  await box.end(viewers);

  const perRecord: Array<readonly [number, number]> = [];
  for (const group of groups) {
    progress(`ledger: session ends by ${group}`);
    perRecord.push([group, await recordBytes(box, disk, group)]);
  }
  progress(`ledger: ${endsPerSecond} starts and ends a second`);
  const [starts, ends] = await durableTimes(box, seconds);
  await systemClock.sleep(1000);
  const { live, liveAfterRecord } = await collector.tally();
  if (live < sessions) throw notMeasured('no interims', { live });
  const gigabytes = (bytes: number) => (bytes * checkpointsPerDay) / 1e9;
  const at = ({ ms }: Times, share: number) =>
    percentile(
      ms.toSorted((a, b) => a - b),
      share,
    );
  const timeRow = (times: Times) => [
    times.name,
    ...[0.5, 0.99, 1].map((share) => `${at(times, share).toFixed(1)} ms`),
  ];
  return {
    title: `ledger: what billing writes to the block device under ext4, and when it is durable there.`,
    table: [
      ['', '', '', ''],
      [
        `${sessions} sessions, checkpoint at its pace`,
        `${kb(atPace)} kB`,
        `${gigabytes(atPace).toFixed(2)} GB a day`,
        '',
      ],
      [`the same without a pause`, `${kb(quick)} kB`, `${gigabytes(quick).toFixed(2)} GB a day`, ''],
      ...perRecord.map(([group, bytes]) => [
        `session begins and ends, by ${group}`,
        `${kb(bytes)} kB`,
        '',
        '',
      ]),
      [`at ${endsPerSecond} starts and ends a second`, 'p50', 'p99', 'max'],
      timeRow(starts),
      timeRow(ends),
    ],
    goals: [
      below('GB a day, 1,000 sessions, checkpoint at its pace', gigabytes(atPace), 1, ' GB'),
      below('GB a day, the same without a pause', gigabytes(quick), 1, ' GB'),
      below('record durable after the end, max', at(ends, 1), 150, ' ms'),
      none('states of a session after its record', liveAfterRecord),
    ],
    notes: [
      `a day has ${checkpointsPerDay} checkpoints; ${realCheckpoints} of them at their pace (the log of the database is not written back in so few), ${quickCheckpoints} one after the other, the log written back several times`,
      `each running session is told to an HTTPS collector every ${interimSeconds} s (${live} times in all): that writes nothing`,
      `a loop device over a file of this machine's disk; times: ${seconds} s`,
    ],
    figures: [{ atPace, quick, perRecord, starts: starts.ms.length, ends: ends.ms.length }],
  };
}

const kb = (bytes: number): string => (bytes / 1000).toFixed(1);

function grow(viewers: readonly BilledViewer[]): void {
  for (const viewer of viewers) viewer.gets(viewer.count.txBytes + 10_000n, viewer.count.txPackets + 8n);
}

/** Written to the device for one checkpoint, on average of so many. */
async function checkpointBytes(box: BilledBox, disk: Disk, count: number): Promise<number> {
  const reached = async (checkpoints: number) => {
    while (box.checkpoints < checkpoints) await systemClock.sleep(5);
  };
  await reached(box.checkpoints + 1);
  const [first, before] = [box.checkpoints, bytesWritten(disk.path)];
  await reached(first + count);
  return (bytesWritten(disk.path) - before) / (box.checkpoints - first);
}

/** Written for one session, from its start to its acknowledged delivery, when so many come together. */
async function recordBytes(box: BilledBox, disk: Disk, group: number): Promise<number> {
  const rounds = Math.max(10, Math.ceil(100 / group));
  const delivered = async (count: number) => {
    while (box.settled < count) await systemClock.sleep(5);
  };
  const settledBefore = box.settled;
  const before = bytesWritten(disk.path);
  for (let round = 1; round <= rounds; round += 1) {
    await box.end(await box.begin(group));
    await delivered(settledBefore + round * group);
  }
  return (bytesWritten(disk.path) - before) / (rounds * group);
}

/** Sessions begin at an even pace and end a second later. */
async function durableTimes(box: BilledBox, seconds: number): Promise<readonly [Times, Times]> {
  const [starts, ends]: [number[], number[]] = [[], []];
  const under: Promise<void>[] = [];
  const ended = new Map<string, number>();
  using _recorded = box.billing.recorded.on(({ record }) => {
    const at = ended.get(record.sessionId);
    if (at !== undefined) ends.push(performance.now() - at);
  });
  const live = async () => {
    const beganAt = performance.now();
    const [viewer] = await box.begin(1);
    starts.push(performance.now() - beganAt);
    await systemClock.sleep(lifeMs);
    if (!viewer) return;
    ended.set(viewer.sessionId, performance.now());
    await box.end([viewer]);
  };
  const beganAt = performance.now();
  for (let begun = 0; begun < seconds * endsPerSecond; ) {
    const due = Math.min(seconds * endsPerSecond, ((performance.now() - beganAt) / 1000) * endsPerSecond);
    for (; begun < due; begun += 1) under.push(live());
    await systemClock.sleep(1);
  }
  await Promise.all(under);
  return [
    { name: 'start durable', ms: starts },
    { name: 'record durable', ms: ends },
  ];
}
