/**
 * Loaded into the daemon by `node --import`, before its own code: SIGUSR2 makes JavaScript as busy as a bad hour could,
 * the next one stops it. Busy is: the main thread allocates without pause, keeps some of it long enough to grow old, and
 * lets the event loop turn between slices, so that the garbage collector runs all the time, in helper threads too.
 * Meanwhile a thread of the process writes a database to the disk (ledger-writer.ts).
 */
import { once } from 'node:events';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import type { LedgerWork } from './ledger-writer.ts';

interface Piece {
  readonly id: number;
  readonly text: string;
  readonly numbers: number[];
}

const sliceMs = 20;
/** Pieces that live at the same time; about 200 MB. */
const keptPieces = 400_000;

const kept: Piece[] = [];
const stalls = monitorEventLoopDelay({ resolution: 5 });
let collections = 0;
const collector = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
let count = 0;
let busy = false;

function slice(): void {
  if (!busy) return;
  for (const end = performance.now() + sliceMs; performance.now() < end; ) {
    for (let piece = 0; piece < 100; piece++) {
      kept[count % keptPieces] = { id: count, text: `piece ${count}`, numbers: Array(40).fill(count) };
      count += 1;
    }
  }
  setImmediate(slice);
}

let writer: Worker | undefined;

async function begin(): Promise<void> {
  writer = new Worker(new URL('ledger-writer.ts', import.meta.url), {
    workerData: process.env.WEIR_BENCH_LEDGER,
    // Not this file again: a thread would inherit `--import`.
    execArgv: [],
  });
  await once(writer, 'online');
  busy = true;
  collections = 0;
  collector.observe({ entryTypes: ['gc'] });
  stalls.reset();
  stalls.enable();
  console.error('bench: busy');
  slice();
}

async function end(): Promise<void> {
  busy = false;
  collector.disconnect();
  stalls.disable();
  kept.length = 0;
  const work = writer ? await finished(writer) : undefined;
  console.error(`bench: calm ${JSON.stringify({ collections, longestStallMs: stalls.max / 1e6, ...work })}`);
}

async function finished(thread: Worker): Promise<LedgerWork> {
  const told = once(thread, 'message');
  thread.postMessage('stop');
  const [work] = (await told) as [LedgerWork];
  await thread.terminate();
  return work;
}

process.on('SIGUSR2', () => void (busy ? end() : begin()));
