import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { WeirError } from '#base';
import {
  type CallName,
  type Calls,
  fromPlain,
  type Notice,
  type Opened,
  type Request,
  type WorkerTask,
} from './worker/messages.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What is told without having been asked for. */
export type Told = Exclude<Notice, { kind: 'opened' | 'refused' | 'answer' | 'error' }>;

/** This thread's end of the worker: calls by name, each answered once. */
export class WorkerPort {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onTold: (told: Told) => void;
  readonly #ended: Promise<void>;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #gone: WeirError | undefined;

  /** Starts the worker; resolves when it has opened the folder, rejects with why it cannot. */
  static async open(
    task: WorkerTask,
    onTold: (told: Told) => void,
    onGone: (error: WeirError) => void,
  ): Promise<{ port: WorkerPort; opened: Opened }> {
    // `.ts` in a checkout; in the image both are bundles, `.mjs`.
    const worker = new Worker(new URL(`./worker/worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'storage',
      workerData: task,
    });
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    const port = new WorkerPort(worker, { resolve, reject }, onTold, onGone);
    return { port, opened: await promise };
  }

  private constructor(
    worker: Worker,
    opening: { resolve: (opened: Opened) => void; reject: (error: unknown) => void },
    onTold: (told: Told) => void,
    onGone: (error: WeirError) => void,
  ) {
    this.#worker = worker;
    this.#onTold = onTold;
    let opened = false;
    let fault: unknown;
    worker.on('message', (notice: Notice) => {
      if (notice.kind === 'refused') return opening.reject(fromPlain(notice.error));
      if (notice.kind !== 'opened') return this.#take(notice);
      opened = true;
      opening.resolve(notice.opened);
    });
    worker.on('error', (error) => {
      fault = error;
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        const gone = this.#end(fault);
        opening.reject(gone);
        if (opened && (fault !== undefined || this.#closing === undefined)) onGone(gone);
        resolve();
      });
    });
  }

  call<Name extends CallName>(
    name: Name,
    argument: Parameters<Calls[Name]>[0],
  ): Promise<ReturnType<Calls[Name]>> {
    const gone = this.#gone ?? (this.#closing && new WeirError('ALREADY_CLOSED', 'the store is closed'));
    if (gone !== undefined) return Promise.reject(gone);
    return this.#ask(name, argument) as Promise<ReturnType<Calls[Name]>>;
  }

  /** Whatever was asked before is committed, or refused, first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#gone === undefined) await this.#ask('close', undefined);
    await this.#ended;
  }

  #ask(name: CallName, argument: unknown): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, argument } satisfies Request);
    });
  }

  #take(notice: Exclude<Notice, { kind: 'opened' | 'refused' }>): void {
    if (notice.kind !== 'answer' && notice.kind !== 'error') {
      this.#onTold(notice);
      return;
    }
    const waiting = this.#waiting.get(notice.id);
    this.#waiting.delete(notice.id);
    if (notice.kind === 'answer') waiting?.resolve(notice.result);
    else waiting?.reject(fromPlain(notice.error));
  }

  #end(fault: unknown): WeirError {
    const gone = new WeirError('STORAGE_FAILED', 'the storage worker has ended', { cause: fault });
    this.#gone = gone;
    for (const { reject } of this.#waiting.values()) reject(gone);
    this.#waiting.clear();
    return gone;
  }
}
