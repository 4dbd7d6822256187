import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stallingSync } from '../../contract/storage/stalling-sync.ts';
import { percentile } from '../figures.ts';
import { Load, receivingAddress } from '../load/index.ts';
import { atLeast, below, type Report } from '../report.ts';
import { openScene } from '../scene.ts';
import type { StallTimes, StallViewersOptions } from './stall-viewers-process.ts';

export interface StallBenchOptions {
  readonly viewers: number;
  readonly seconds: number;
  readonly progress: (line: string) => void;
}

/** Of every sync of the daemon to its disk. */
const stallMs = 500;
const limitMs = 20;
const methods = ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'GET_PARAMETER', 'TEARDOWN'] as const;
const script = fileURLToPath(new URL('stall-viewers-process.ts', import.meta.url));
/** Two watch all the time, so that the feed stays open and has something to be metered. */
const watching = 2;

/** What viewers notice of a disk whose syncs take half a second each. */
export async function benchStall({ viewers, seconds, progress }: StallBenchOptions): Promise<Report> {
  const tables: Array<readonly [string, StallTimes]> = [];
  for (const stalling of [false, true]) {
    progress(`stall: ${stalling ? `each sync takes ${stallMs} ms` : 'the disk as it is'}`);
    tables.push([stalling ? 'stalls' : 'as it is', await measure({ viewers, seconds, stalling })]);
  }
  const [, stalled = {}] = tables[1] ?? [];
  const at = (ms: readonly number[] = [], share: number) =>
    percentile(
      ms.toSorted((a, b) => a - b),
      share,
    );
  const answers = methods.flatMap((method) => stalled[method] ?? []);
  return {
    title: `stall: answers to viewers while each sync of the daemon's disk takes ${stallMs} ms, ms; ${viewers} viewers who come, ask, watch and leave without pause for ${seconds} s.`,
    table: [
      ['', 'disk', 'times', 'p50', 'p99', 'max'],
      ...[...methods, 'media'].flatMap((what) =>
        tables.map(([disk, times]) => [
          what === 'media' ? 'first packet after PLAY' : what,
          disk,
          String(times[what]?.length ?? 0),
          ...[0.5, 0.99, 1].map((share) => at(times[what], share).toFixed(1)),
        ]),
      ),
    ],
    goals: [
      below('answers while the disk stalls, p99', at(answers, 0.99), limitMs, ' ms'),
      atLeast('first packet after PLAY waits for the disk, p50', at(stalled.media, 0.5), stallMs, ' ms'),
    ],
    notes: [
      'OPTIONS and GET_PARAMETER are asked once more right behind PLAY, while the start of the session waits for the disk',
      "fsync and fdatasync of the daemon's process are slowed down by a preloaded library",
    ],
    figures: tables.map(([disk, times]) => ({ disk, times })),
  };
}

async function measure(options: {
  viewers: number;
  seconds: number;
  stalling: boolean;
}): Promise<StallTimes> {
  const { viewers, seconds, stalling } = options;
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'weir-stall-'));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const env = stalling ? { ...stallingSync(folder), WEIR_STALL_MS: String(stallMs) } : {};
  const { world, relayed } = parts.use(await openScene({ env }));
  const load = parts.use(await Load.start(world.viewer, { ...relayed, transport: 'udp' }));
  await load.add(watching);
  const facts: StallViewersOptions = {
    ...{ url: relayed.url, server: relayed.server, seconds },
    addresses: Array.from({ length: viewers }, (_, index) =>
      receivingAddress(watching + index, relayed.server.address),
    ),
  };
  const child = parts.use(await world.viewer.host.spawn(process.execPath, [script, JSON.stringify(facts)]));
  const [, json = ''] = await child.prints(/^times (\{.*\})$/m, { timeoutMs: (seconds + 30) * 1000 });
  return JSON.parse(json);
}
