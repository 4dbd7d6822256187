/**
 * `worker-thread.ts end|exit|terminate|abandon COUNT`: how a worker may end while its datapath is busy, so many times.
 * Only workers load the addon here: their end may unload it.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const [how, count] = process.argv.slice(2);

if (isMainThread) {
  for (let run = 0; run < Number(count); run += 1) {
    const worker = new Worker(new URL(import.meta.url), { workerData: how });
    const exited = once(worker, 'exit');
    await once(worker, 'message');
    if (how === 'abandon') process.exit(0);
    if (how === 'terminate') await worker.terminate();
    else worker.postMessage('go');
    await exited;
  }
} else {
  const { busyDatapath } = await import('./busy-datapath.ts');
  const told = parentPort ? once(parentPort, 'message') : undefined; // holds the worker until then
  await busyDatapath();
  parentPort?.postMessage('busy');
  await told;
  if (workerData === 'exit') process.exit(0);
}
