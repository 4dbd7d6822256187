import { getSystemErrorName } from 'node:util';
import { type Closeable, describeError, type ErrorCode, isWeirError, type Log, WeirError } from '#base';
import { type Addon, type Failure, type NativeEngine, noticeKinds } from './addon.ts';
import type { CounterSlot, CounterTable } from './counters.ts';

/** An event of an object of the engine's: the two facts that go with it. */
export type NoticeListener = (a: unknown, b: unknown) => void;
export type NoticeKind = Exclude<(typeof noticeKinds)[number], 'completed'>;

type RequestName = Exclude<
  keyof NativeEngine,
  'cpuNs' | 'realtime' | 'cloning' | 'close' | 'consumed' | 'sendText' | 'takeFrame' | 'keepAlive'
>;
type OptionsOf<N extends RequestName> = Parameters<NativeEngine[N]>[1];

/** What makes work for an engine. */
type Served = 'feed' | 'viewer' | 'splice';

interface Waiting {
  readonly name: RequestName;
  resolve(value: unknown): void;
  reject(error: WeirError): void;
}

interface Notice {
  readonly kind: number;
  readonly subject: number;
  readonly a: unknown;
  readonly b: unknown;
}

const codes: Readonly<Record<Failure['code'], ErrorCode>> = {
  'bad-argument': 'DATAPATH_BAD_ARGUMENT',
  'dead-handle': 'ALREADY_CLOSED',
  'wrong-state': 'DATAPATH_FAILED',
  'limit-reached': 'LIMIT_REACHED',
  system: 'SOCKET_FAILED',
  'timed-out': 'TIMED_OUT',
  stopped: 'ALREADY_CLOSED',
};

export interface EnginePortOptions {
  readonly addon: Addon;
  /** May be shared by several engines: a slot has one of them at a time. */
  readonly counters: CounterTable;
  readonly realtimePriority: number;
  readonly threadName: string;
  readonly cloning: boolean;
  readonly log: Log;
}

/** One engine, and with it one thread, as promises for commands and listeners for events. */
export class EnginePort {
  readonly engine: NativeEngine;
  readonly #addon: Addon;
  readonly #counters: CounterTable;
  readonly #log: Log;
  readonly #serving: Record<Served, number> = { feed: 0, viewer: 0, splice: 0 };
  readonly #open = new Set<Closeable>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, NoticeListener>();
  readonly #notices: Notice[] = [];
  #nextRequest = 1;
  #answered = false;
  #closed = false;

  constructor(options: EnginePortOptions) {
    const { addon, counters, realtimePriority, threadName, cloning } = options;
    this.#addon = addon;
    this.#counters = counters;
    this.#log = options.log;
    this.engine = new addon.Engine({
      counters: counters.values,
      realtimePriority,
      threadName,
      cloning,
      handler: (kind, subject, a, b) => {
        this.#notices.push({ kind, subject, a, b });
        this.#drain();
      },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What was opened and not closed yet, oldest first. */
  get open(): readonly Closeable[] {
    return [...this.#open];
  }

  /** How many of each it serves, or is about to. */
  get serving(): Readonly<Record<Served, number>> {
    return this.#serving;
  }

  /** Counters for something that this engine is to serve. */
  takeSlot<K extends Served>(kind: K): CounterSlot<K> {
    const slot = this.#counters.take(kind);
    this.#serving[kind] += 1;
    let taken = true;
    const release = () => {
      slot.release();
      if (taken) this.#serving[kind] -= 1;
      taken = false;
    };
    return { ...slot, release };
  }

  /** Where a signal's listener that threw is told of. */
  readonly listenerFailed = (error: unknown): void => {
    this.#log.error('datapath listener failed', { error: describeError(error) });
  };

  /** Gives a command; resolves with its answer. Throws at once when the engine could not take it. */
  request<T = undefined>(name: RequestName, options: OptionsOf<RequestName>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const request = this.#nextRequest++;
    const give = this.engine[name] as (request: number, options: unknown) => void;
    try {
      give.call(this.engine, request, options);
    } catch (cause) {
      const { code, message } = cause as { code?: ErrorCode; message: string };
      throw new WeirError(code ?? 'DATAPATH_FAILED', `datapath ${name}: ${message}`, { cause });
    }
    if (this.#waiting.size === 0) this.engine.keepAlive(0, { alive: true });
    this.#waiting.set(request, { name, resolve: (value) => resolve(value as T), reject });
    return promise;
  }

  /** Remembers what is open. */
  own<T extends Closeable>(opened: T): T {
    this.#open.add(opened);
    return opened;
  }

  /** It belongs to another engine now. */
  disown(opened: Closeable): void {
    this.#open.delete(opened);
  }

  /** Gives the command that ends `owner`, then runs `after`. What the engine has ended already is ended. */
  async end<N extends RequestName>(
    owner: Closeable,
    name: N,
    options: OptionsOf<N>,
    after: () => void,
  ): Promise<void> {
    try {
      if (!this.#closed) await this.request(name, options);
    } catch (error) {
      if (!isWeirError(error, 'ALREADY_CLOSED')) throw error;
    } finally {
      this.#open.delete(owner);
      after();
    }
  }

  /** Listens to an object's events of one kind until it is told to forget the object. */
  on(kind: NoticeKind, subject: number, listener: NoticeListener): void {
    this.#listeners.set(`${kind} ${subject}`, listener);
  }

  off(kind: NoticeKind, subject: number): void {
    this.#listeners.delete(`${kind} ${subject}`);
  }

  /** Joins the engine's thread; what waits for an answer gets ALREADY_CLOSED. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.engine.close(0);
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new WeirError('ALREADY_CLOSED', 'the datapath was closed'));
    }
    this.#waiting.clear();
    for (const notice of this.#notices.splice(0)) this.#dropDescriptor(notice);
  }

  /**
   * Handles notices in their order. After an answer, events wait for a later turn of the loop, so that whoever awaited
   * the answer listens before the first event of what it made.
   */
  #drain(): void {
    for (let notice = this.#notices[0]; notice; notice = this.#notices[0]) {
      const completed = noticeKinds[notice.kind] === 'completed';
      if (this.#answered && !completed) return;
      this.#notices.shift();
      if (completed) this.#complete(notice);
      else this.#notify(notice);
    }
  }

  #notify(notice: Notice): void {
    const listener = this.#listeners.get(`${noticeKinds[notice.kind]} ${notice.subject}`);
    if (listener) listener(notice.a, notice.b);
    else this.#dropDescriptor(notice);
  }

  #complete({ subject, a, b }: Notice): void {
    const waiting = this.#waiting.get(subject);
    this.#waiting.delete(subject);
    if (this.#waiting.size === 0) this.engine.keepAlive(0, { alive: false });
    const failure = a as Failure | undefined;
    if (failure) waiting?.reject(errorOf(waiting.name, failure));
    else waiting?.resolve(b);
    if (this.#answered) return;
    this.#answered = true;
    setImmediate(() => {
      this.#answered = false;
      this.#drain();
    });
  }

  /** A connection that finds no owner is closed. */
  #dropDescriptor(notice: Notice): void {
    const kind = noticeKinds[notice.kind];
    if (kind === 'accepted') this.#addon.closeDescriptor(notice.a as number);
    const connected = kind === 'completed' ? (notice.b as { fd?: number } | undefined)?.fd : undefined;
    if (connected !== undefined) this.#addon.closeDescriptor(connected);
  }
}

function errorOf(name: RequestName, { code, errno, what }: Failure): WeirError {
  const symbol = errno === 0 ? undefined : getSystemErrorName(-errno);
  return new WeirError(codes[code], `datapath ${name}: ${[code, what, symbol].filter(Boolean).join(' ')}`, {
    fields: { what, errno: symbol },
  });
}
