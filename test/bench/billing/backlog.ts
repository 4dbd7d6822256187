import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#base';
import { HostProcess } from '../../../src/demo/world/index.ts';
import { Disk } from '../../contract/storage/disk.ts';
import { Certificates, type Identity } from '../../lab/upload/certificates.ts';
import { Freeradius } from '../../lab/upload/freeradius.ts';
import { Mosquitto } from '../../lab/upload/mosquitto.ts';
import { Subscriber } from '../../lab/upload/subscriber.ts';
import { notMeasured } from '../checks.ts';
import { percentile } from '../figures.ts';
import { atLeast, below, none, type Report } from '../report.ts';
import { TallyCollector } from './tally-collector.ts';

export interface BacklogBenchOptions {
  readonly records: number;
  /** Only this one; all when not given. */
  readonly receiver?: string | undefined;
  readonly progress: (line: string) => void;
}

export const backlogReceivers = ['https', 'radius', 'radsec', 'mqtt'] as const;

/** A receiver of records, away at first. */
interface Away {
  readonly kind: (typeof backlogReceivers)[number];
  readonly name: string;
  readonly records: number;
  /** Of the box's configuration. */
  readonly upload: object;
  /** Makes it reachable; gives what it got, asked at the end. */
  readonly comeBack: (parts: AsyncDisposableStack) => Promise<() => Promise<Arrived>>;
}

interface Arrived {
  readonly records: number;
  readonly distinct: number;
  readonly outOfOrder: number;
}

interface Row extends Arrived {
  readonly name: string;
  readonly piled: number;
  readonly tries: number;
  readonly days: number;
  readonly baseBytes: number;
  readonly piledBytes: number;
  readonly mostBytes: number;
  readonly seconds: number;
}

const days = 30;
/** Before memory is compared, at the same pace: then the heaps of a process without any receiver have their size, too. */
const warmUpRecords = 30_000;
const warmUpDays = 2;
const ports = { https: 8443, radius: 1813, radsec: 2083, mqtt: 8883 };
const script = fileURLToPath(new URL('backlog-process.ts', import.meta.url));
const longestMs = 600_000;

/** What piles up while a receiver is away for a month, and how soon it has it all when it is back. */
export async function benchBacklog({ records, receiver, progress }: BacklogBenchOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-backlog-'));
  // Also after Ctrl-C.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const authority = new Certificates(folder);
  const rows: Row[] = [];
  for (const away of receivers(folder, authority, records)) {
    if (receiver !== undefined && away.kind !== receiver) continue;
    progress(`backlog: ${away.name}, ${away.records} records`);
    const row = await measure(away, join(folder, away.name.replaceAll(/\W/g, '-')), progress);
    rows.push(row);
  }
  const https = rows.filter(({ name }) => name === 'HTTPS');
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  return {
    title: `backlog: a receiver is away for ${days} days while records pile up, then comes back.`,
    table: [
      [
        ...[
          'receiver',
          'records',
          'looked for work',
          'resident before, MiB',
          'piled up, MiB',
          'at most, MiB',
        ],
        ...['arrived', 'twice', 'after a later one', 'seconds', 'records a second'],
      ],
      ...rows.map((row) => [
        ...[row.name, String(row.piled), `${row.tries} times`],
        ...[row.baseBytes, row.piledBytes, row.mostBytes].map(mib),
        ...[
          String(row.distinct),
          String(row.records - row.distinct),
          String(row.outOfOrder),
          row.seconds.toFixed(1),
        ],
        `**${(row.piled / row.seconds).toFixed(0)}**`,
      ]),
    ],
    goals: [
      ...https.map(({ piledBytes, baseBytes }) =>
        below('resident set, growth while away, HTTPS', (piledBytes - baseBytes) / 1024 / 1024, 20, ' MiB'),
      ),
      ...https.map(({ piled, seconds }) => atLeast('records a second by HTTPS', piled / seconds, 2000, '')),
      ...rows.map((row) => none(`records that did not arrive, ${row.name}`, row.piled - row.distinct)),
    ],
    notes: [
      'order is kept within a session, which has one record; records of other sessions may overtake one that was not taken',
      `the box: billing manager, store and uploads in one process, whose wall clock and pauses pass a day in a second; resident is all of it; by HTTPS, before: after ${warmUpRecords} records`,
      'the receivers run on the same machine, each a process of its own; TLS with certificates on both sides, but RADIUS by UDP; FreeRADIUS with SQLite in memory',
    ],
    figures: rows,
  };
}

function receivers(folder: string, authority: Certificates, records: number): readonly Away[] {
  const box = authority.issue('box');
  const server = authority.issue('server');
  const tls = { caFile: box.files.ca, certFile: box.files.cert, keyFile: box.files.key };
  const fewer = Math.ceil(records / 10);
  const radius = async (parts: AsyncDisposableStack) => {
    // In memory: each of its rows is a sync of the disk, which is not what is measured.
    const place = parts.use(Disk.tmpfs(256)).path;
    const radsec = { port: ports.radsec, identity: server };
    const freeradius = parts.use(
      await Freeradius.start({ folder: place, port: ports.radius, secret: 's3cret', radsec }),
    );
    return async () => {
      const ids = freeradius.rows().map(({ acctsessionid }) => acctsessionid);
      return {
        records: freeradius.packets().filter(isStop).length,
        distinct: new Set(ids).size,
        outOfOrder: 0,
      };
    };
  };
  return [
    {
      kind: 'https',
      name: 'HTTPS',
      records,
      upload: { https: [{ name: 'bench', url: `https://localhost:${ports.https}/usage`, ...tls }] },
      comeBack: async (parts) => {
        const collector = parts.use(await TallyCollector.start(server, ports.https));
        return () => collector.tally();
      },
    },
    {
      kind: 'radius',
      name: 'RADIUS by UDP',
      records: fewer,
      upload: {
        radius: [{ name: 'bench', servers: [{ host: '127.0.0.1', port: ports.radius, secret: 's3cret' }] }],
      },
      comeBack: radius,
    },
    {
      kind: 'radsec',
      name: 'RadSec',
      records: fewer,
      upload: {
        radius: [
          {
            name: 'bench',
            transport: 'tls',
            servers: [{ host: '127.0.0.1', port: ports.radsec }],
            serverName: 'localhost',
            ...tls,
          },
        ],
      },
      comeBack: radius,
    },
    {
      kind: 'mqtt',
      name: 'MQTT',
      records: fewer,
      upload: { mqtt: [{ name: 'bench', url: `mqtts://localhost:${ports.mqtt}`, topic: 'bench', ...tls }] },
      comeBack: (parts) => broker(parts, folder, server, fewer),
    },
  ];
}

const isStop = (packet: string): boolean => /Acct-Status-Type = Stop/.test(packet);

async function broker(
  parts: AsyncDisposableStack,
  folder: string,
  identity: Identity,
  records: number,
): Promise<() => Promise<Arrived>> {
  parts.use(await Mosquitto.start({ folder, port: ports.mqtt, identity, quiet: true }));
  const subscriber = parts.use(
    await Subscriber.start({ port: ports.mqtt, identity, topic: 'bench/+/records' }),
  );
  return async () => {
    for (const until = systemClock.nowMs() + 10_000; subscriber.messages.length < records; ) {
      if (systemClock.nowMs() > until) break;
      await systemClock.sleep(20);
    }
    const ids = new Set<string>();
    let [outOfOrder, highest] = [0, 0];
    for (const { payload } of subscriber.messages) {
      const { id, data } = JSON.parse(payload);
      if (!ids.has(id) && data.chain.sequence < highest) outOfOrder += 1;
      highest = Math.max(highest, data.chain.sequence);
      ids.add(id);
    }
    return { records: subscriber.messages.length, distinct: ids.size, outOfOrder };
  };
}

async function measure(away: Away, folder: string, progress: (line: string) => void): Promise<Row> {
  await mkdir(folder);
  await using parts = new AsyncDisposableStack();
  const facts = JSON.stringify({ folder, upload: away.upload });
  // As the daemon does: the young heap stays small.
  const argv = [process.execPath, '--semi-space-growth-factor=1', script, facts] as const;
  const box = parts.use(await HostProcess.start('the box', [...argv], { closeSignal: 'SIGKILL' }));
  await box.prints(/^ready$/m);
  const pile = async (records: number, time: number, answers: number) => {
    box.stdin.write(`pile ${records} ${time}\n`);
    const line = new RegExp(`^(?:[^]*?piled (\\d+) (\\d+) (\\d+)\\n){${answers}}`);
    const [, settled, tries, passed] = await box.prints(line, { timeoutMs: longestMs });
    return { settled: Number(settled), tries: Number(tries), days: Number(passed) };
  };
  const before = away.kind === 'https' ? warmUpRecords : 0;
  await pile(before, warmUpDays, 1);
  const memory = new MemoryWatch(box.pid);
  const baseBytes = await memory.middle();
  const piled = await pile(away.records, days, 2);
  if (piled.settled > 0) throw notMeasured('it was not away', { settled: piled.settled });
  const piledBytes = await memory.middle();
  progress(`backlog: ${away.name} is back`);
  memory.watch();
  const arrived = await away.comeBack(parts);
  box.stdin.write('drain\n');
  const [, seconds] = await box.prints(/^drained (\S+)$/m, { timeoutMs: longestMs });
  const mostBytes = Math.max(await memory.most(), piledBytes);
  return {
    ...{ name: away.name, piled: away.records + before, ...piled, baseBytes, piledBytes, mostBytes },
    ...(await arrived()),
    seconds: Number(seconds),
  };
}

/** The resident set of a process. */
class MemoryWatch {
  readonly #pid: number;
  readonly #stop = new AbortController();
  #most = 0;
  #watching: Promise<void> = Promise.resolve();

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** The middle of some samples. */
  async middle(): Promise<number> {
    const samples: number[] = [];
    for (let sample = 0; sample < 9; sample += 1) {
      samples.push(await this.#bytes());
      await systemClock.sleep(100);
    }
    return percentile(
      samples.toSorted((a, b) => a - b),
      0.5,
    );
  }

  /** Looks from now on. */
  watch(): void {
    this.#watching = (async () => {
      while (!this.#stop.signal.aborted) {
        this.#most = Math.max(this.#most, await this.#bytes());
        await systemClock.sleep(50);
      }
    })();
  }

  /** The most that was seen. */
  async most(): Promise<number> {
    this.#stop.abort();
    await this.#watching;
    return this.#most;
  }

  async #bytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#pid}/status`, 'utf8');
    return 1024 * Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
  }
}
