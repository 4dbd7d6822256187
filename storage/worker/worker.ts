/** The thread in which SQLite runs, so that a disk that stalls stalls nobody else. Started by `worker-port.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '#base';
import type { Reads } from '../database/reads.ts';
import type { Writes } from '../database/writes.ts';
import type { WriteName } from './commit-queue.ts';
import { Keeper } from './keeper.ts';
import { type Notice, type Request, toPlain, type WorkerTask } from './messages.ts';
import { openReading } from './reading.ts';

const writeNames: ReadonlySet<string> = new Set<WriteName>([
  'start',
  'checkpoint',
  'finish',
  'correctClock',
  'settle',
  'requeue',
  'abandon',
  'retain',
]);

const port = parentPort;
if (port === null) throw new Error('storage/worker is started as a worker');
const tell = (notice: Notice) => port.postMessage(notice);

/** Runs a call by its name; `messages.ts` says which name takes what. */
const call = (calls: Reads | Writes, name: string, argument: unknown): unknown =>
  (calls as unknown as Record<string, (argument: unknown) => unknown>)[name]?.(argument);

function answer(id: number, work: () => unknown): void {
  try {
    tell({ kind: 'answer', id, result: work() });
  } catch (error) {
    tell({ kind: 'error', id, error: toPlain(error) });
  }
}

function keep(task: WorkerTask & { mode: 'keep' }): void {
  const keeper = new Keeper(task, systemClock, tell);
  tell({ kind: 'opened', opened: keeper.opened });
  port?.on('message', ({ id, name, argument }: Request) => {
    if (name === 'close') {
      answer(id, () => keeper.close());
      port?.close();
    } else if (writeNames.has(name)) {
      keeper.write({
        name: name as WriteName,
        run: (writes) => call(writes, name, argument),
        done: (result) => tell({ kind: 'answer', id, result }),
        failed: (error) => tell({ kind: 'error', id, error: toPlain(error) }),
      });
    } else {
      answer(id, () => keeper.read((reads) => call(reads, name, argument)));
    }
  });
}

function read(folder: string): void {
  const reading = openReading(folder);
  const { device } = reading;
  tell({ kind: 'opened', opened: { device, bootEpoch: 0, leftOpen: [], untrustedTimes: undefined } });
  port?.on('message', ({ id, name, argument }: Request) => {
    if (name === 'close') {
      answer(id, () => reading.close());
      port?.close();
    } else {
      answer(id, () => call(reading.reads, name, argument));
    }
  });
}

const task = workerData as WorkerTask;
try {
  if (task.mode === 'keep') keep(task);
  else read(task.folder);
} catch (error) {
  tell({ kind: 'refused', error: toPlain(error) });
  port.close();
}
