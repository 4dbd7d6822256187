import { type Clock, describeError, isWeirError, WeirError } from '#base';
import { type StoreFiles, storeFiles } from '../database/files.ts';
import { type OpenedLedger, openLedger } from '../database/open-ledger.ts';
import { type Reads, readsOn } from '../database/reads.ts';
import { damagedDatabases } from '../database/set-aside.ts';
import { type Database, takeLock } from '../database/sqlite.ts';
import { type Trouble, troubleOf } from '../database/trouble.ts';
import { type Writes, writesOn } from '../database/writes.ts';
import type { StoreHealth } from '../face.ts';
import { Ballast, usedShare } from './ballast.ts';
import { CommitQueue, type PendingWrite, type WriteName } from './commit-queue.ts';
import type { KeeperOptions, Notice, Opened } from './messages.ts';

/** From here on the disk is nearly full. */
const nearlyFullShare = 0.8;

/** So many writes share a commit at most. */
const maxGroup = 2_000;

/** These must not get lost: they wait until the disk has room again or works again. The others are refused. */
const patient: ReadonlySet<WriteName> = new Set(['finish', 'correctClock', 'settle', 'requeue', 'abandon']);

/** Keeps the one open ledger: groups its commits, and brings it through a disk that is full or fails. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #clock: Clock;
  #committedMonoNs = 0n;
  readonly #tell: (notice: Notice) => void;
  readonly #files: StoreFiles;
  readonly #ballast: Ballast;
  readonly #queue: CommitQueue;
  #lock: Database | undefined;
  /** The last ledger that was open, also after it failed: what it had promised goes on. */
  #ledger: OpenedLedger;
  #usable = true;
  #full = false;
  #health: StoreHealth = 'ok';
  #groupLimit = maxGroup;
  /** Told once, and again when it is another one. */
  #lastFailure = '';
  #watch: Disposable;

  /** Throws when the folder is another daemon's, or cannot be used. */
  constructor(options: KeeperOptions, clock: Clock, tell: (notice: Notice) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#tell = tell;
    this.#files = storeFiles(options.folder);
    this.#lock = lockFolder(this.#files);
    try {
      this.#ballast = new Ballast(this.#files.ballast, options.ballastBytes);
      this.#ledger = this.#open();
    } catch (error) {
      this.#lock?.close();
      throw asWeirError(error, options.folder);
    }
    this.#queue = new CommitQueue(clock, () => this.#commit());
    this.#watch = clock.every(options.watchMs, () => this.#look());
    this.#full = !this.#raiseBallast();
    this.#tellHealth();
  }

  get opened(): Opened {
    const { key, run, leftOpen, untrustedTimes } = this.#ledger;
    return {
      device: { id: key.id, publicKey: key.publicKey },
      bootEpoch: run.bootEpoch,
      leftOpen,
      untrustedTimes,
    };
  }

  /** Commits it together with others; `done` or `failed` is called after COMMIT. */
  write(write: PendingWrite): void {
    const trouble = this.#trouble();
    if (trouble !== undefined && !patient.has(write.name)) {
      write.failed(refusal(trouble));
      return;
    }
    this.#queue.add(write, write.name === 'start' ? this.#startWaitMs() : this.#options.endGroupMs);
  }

  /** A start that comes alone goes at once; where they come thick and fast, the next commit is one group time after the last. */
  #startWaitMs(): number {
    const passedMs = Number((this.#clock.monoNs() - this.#committedMonoNs) / 1_000_000n);
    return Math.max(0, this.#options.startGroupMs - passedMs);
  }

  read<T>(query: (reads: Reads) => T): T {
    if (!this.#usable) throw refusal('failed');
    try {
      return query(readsOn(this.#ledger.file));
    } catch (error) {
      if (troubleOf(error) !== undefined) this.#fail(error);
      throw asWeirError(error, this.#options.folder);
    }
  }

  /** Commits what is left; what cannot be is refused. */
  close(): void {
    this.#watch[Symbol.dispose]();
    this.#commit();
    const trouble = this.#trouble() ?? 'failed';
    for (const write of this.#queue.take(this.#queue.size)) write.failed(refusal(trouble));
    if (this.#usable) {
      // In this order: a database closed without the note would look as if it had lost its log.
      this.#anyhow(() => this.#withRoom(() => this.#ledger.state.end()));
      this.#anyhow(() => this.#ledger.file.close());
    }
    this.#anyhow(() => this.#lock?.close());
  }

  #commit(): void {
    while (this.#usable && this.#queue.size > 0) {
      if (!this.#commitGroup(this.#queue.take(this.#groupLimit))) return;
      this.#committedMonoNs = this.#clock.monoNs();
    }
  }

  /** Returns whether it makes sense to go on at once. */
  #commitGroup(group: readonly PendingWrite[]): boolean {
    const { file, run } = this.#ledger;
    const writes = writesOn(file, run);
    let tell: ReadonlyArray<() => void>;
    try {
      tell = file.transaction(() => group.map((write) => attempt(write, writes)));
    } catch (error) {
      const trouble = troubleOf(error);
      return trouble === undefined ? this.#commitApart(group, error) : this.#survive(group, trouble, error);
    }
    for (const one of tell) one();
    this.#groupLimit = Math.min(2 * this.#groupLimit, maxGroup);
    return true;
  }

  /** One write was at fault, and the group was undone with it: it is found, the others go on without it. */
  #commitApart(group: readonly PendingWrite[], error: unknown): boolean {
    const [first, ...others] = group;
    if (others.length > 0) {
      const half = group.length >> 1;
      this.#queue.putBack(group.slice(half));
      return this.#commitGroup(group.slice(0, half));
    }
    this.#tell({ kind: 'log', event: 'a write failed', fields: { error: describeError(error) } });
    first?.failed(error);
    return true;
  }

  /** A group was undone because of the disk. Returns whether it makes sense to try again at once. */
  #survive(group: readonly PendingWrite[], trouble: Trouble, error: unknown): boolean {
    this.#queue.putBack(group.filter((write) => patient.has(write.name)));
    let goOn = false;
    if (trouble === 'full') {
      // With the room of the ballast; or, when that is gone, in smaller groups, which may still find some.
      goOn = this.#ballast.drop() || group.length > 1;
      this.#groupLimit = Math.max(1, group.length >> 2);
      this.#full = true;
      this.#tellHealth();
    } else {
      this.#fail(error);
    }
    // Last: who hears of it finds the store's health as it is.
    for (const write of group) if (!patient.has(write.name)) write.failed(refusal(trouble, error));
    return goOn;
  }

  /** An error of the disk is the end of this handle: what it still holds is not to be trusted. */
  #fail(error: unknown): void {
    this.#lastFailure = describeError(error);
    this.#tell({ kind: 'log', event: 'storage failed', fields: { error: this.#lastFailure } });
    this.#usable = false;
    this.#anyhow(() => this.#ledger.file.close());
    this.#tellHealth();
  }

  /** From time to time: does the disk work again, is there room again? */
  #look(): void {
    if (!this.#usable) this.#reopen();
    this.#commit();
    if (this.#usable) this.#full = !this.#raiseBallast();
    this.#tellHealth();
  }

  #reopen(): void {
    try {
      // The lock anew: another disk may be mounted here by now, and this one waits for us to let go.
      this.#anyhow(() => this.#lock?.close());
      this.#lock = undefined;
      this.#lock = lockFolder(this.#files);
      this.#ledger = this.#open(this.#ledger);
      this.#usable = true;
      this.#tell({ kind: 'log', event: 'storage works again', fields: {} });
    } catch (error) {
      const text = describeError(error);
      if (text !== this.#lastFailure) {
        this.#tell({ kind: 'log', event: 'storage still fails', fields: { error: text } });
      }
      this.#lastFailure = text;
    }
  }

  #open(before?: OpenedLedger): OpenedLedger {
    const { bootId, anchorDeliveries } = this.#options;
    const facts = { bootId, anchorDeliveries, nowMs: this.#clock.nowMs() };
    const ledger = this.#withRoom(() => openLedger(this.#files, facts, before));
    const aside = damagedDatabases(this.#files);
    if (ledger.damage !== undefined || aside.length > 0) {
      const kept = aside.length === 0 ? [] : [`set aside and kept: ${aside.join(', ')}`];
      const text = [...(ledger.damage === undefined ? [] : [ledger.damage]), ...kept].join('; ');
      this.#tell({ kind: 'alarm', name: 'storage.damaged', severity: 'major', text });
    }
    return ledger;
  }

  /** What must be tried, and whose failure hinders nothing that comes after. */
  #anyhow(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#tell({
        kind: 'log',
        event: 'storage could not be closed well',
        fields: { error: describeError(error) },
      });
    }
  }

  /** Gives the ballast up when there is no room, and tries once more. */
  #withRoom<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (troubleOf(error) !== 'full' || !this.#ballast.drop()) throw error;
      return work();
    }
  }

  /** Sessions are started only while the ballast stands: their ends need its room. */
  #raiseBallast(): boolean {
    try {
      this.#ballast.raise();
    } catch (error) {
      if (troubleOf(error) === undefined) throw error;
    }
    return this.#ballast.standing;
  }

  #trouble(): Trouble | undefined {
    if (!this.#usable) return 'failed';
    return this.#full ? 'full' : undefined;
  }

  #tellHealth(): void {
    const share = usedShare(this.#options.folder);
    const health = this.#trouble() ?? (share >= nearlyFullShare ? 'nearly-full' : 'ok');
    if (health === this.#health) return;
    this.#health = health;
    for (const [name, severity, stands, text] of [
      [
        'storage.nearlyFull',
        'minor',
        health === 'nearly-full',
        `${Math.floor(share * 100)} % of the disk are taken`,
      ],
      [
        'storage.full',
        'critical',
        health === 'full',
        'the disk is full: no session is started, ends wait for room',
      ],
      [
        'storage.failed',
        'critical',
        health === 'failed',
        'the disk fails: no session is started, ends wait in memory',
      ],
    ] as const) {
      this.#tell(stands ? { kind: 'alarm', name, severity, text } : { kind: 'clear', name });
    }
    this.#tell({ kind: 'health', health });
  }
}

/** One write of a group; a refusal of its own does not undo the others. */
function attempt(write: PendingWrite, writes: Writes): () => void {
  try {
    const result = write.run(writes);
    return () => write.done(result);
  } catch (error) {
    if (!isWeirError(error)) throw error;
    return () => write.failed(error);
  }
}

function lockFolder(files: StoreFiles): Database {
  let lock: Database | undefined;
  try {
    lock = takeLock(files.lock);
  } catch (error) {
    throw asWeirError(error, files.folder);
  }
  if (lock !== undefined) return lock;
  throw new WeirError('STORAGE_LOCKED', 'another Weir is using this data folder', {
    fields: { folder: files.folder },
    advice: 'stop the other one first',
  });
}

function refusal(trouble: Trouble, cause?: unknown): WeirError {
  const fields = cause === undefined ? {} : { cause: describeError(cause) };
  return trouble === 'full'
    ? new WeirError('STORAGE_FULL', 'the disk is full', { fields, advice: 'free space in the data folder' })
    : new WeirError('STORAGE_FAILED', 'the disk cannot be written', {
        fields,
        advice: 'see the alarms and the kernel log',
      });
}

function asWeirError(error: unknown, folder: string): unknown {
  if (isWeirError(error)) return error;
  const trouble = troubleOf(error);
  if (trouble === undefined) return error;
  const [code, advice] =
    trouble === 'full'
      ? (['STORAGE_FULL', 'free space there'] as const)
      : (['STORAGE_FAILED', 'see whether the folder can be written, and the kernel log'] as const);
  return new WeirError(code, `the data folder cannot be used: ${describeError(error)}`, {
    fields: { folder },
    advice,
    cause: error,
  });
}
