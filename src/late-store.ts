import { type Closeable, describeError, isWeirError, Signal, within } from '#base';
import { openStore, type Store, type StoreOptions } from '#storage';
import { makeDataFolder } from './data-folder.ts';

/** How long a start waits for a disk that does not answer. */
const firstMs = 30_000;
/** How often a store that could not be opened is tried again. */
const againMs = 10_000;
/** How long the end waits for an attempt that is under way. */
const closeMs = 2000;

/**
 * The store of the data folder, which may come only later: a disk that is full, broken or read-only at the start does not
 * keep the box from relaying. It is tried again until it opens; an alarm stands until then.
 */
export class LateStore implements Closeable {
  /** It is open, after all. */
  readonly opened: Signal<Store>;
  readonly #options: StoreOptions;
  #now: Store | undefined;
  #failure: unknown;
  #attempt: Promise<void>;
  #again: Disposable | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Resolves when it is open, or is to be tried again.
   *
   * @throws {WeirError} STORAGE_LOCKED: another Weir has the folder.
   */
  static async open(options: StoreOptions): Promise<LateStore> {
    const late = new LateStore(options);
    if (!(await within(late.#attempt, firstMs, options.clock))) late.#unavailable('the disk does not answer');
    if (!isWeirError(late.#failure, 'STORAGE_LOCKED')) return late;
    await late.close();
    throw late.#failure;
  }

  private constructor(options: StoreOptions) {
    this.#options = options;
    this.opened = new Signal((error) =>
      options.log.error('a listener to the store failed', { error: describeError(error) }),
    );
    this.#attempt = this.#try();
  }

  /** Undefined as long as it could not be opened. */
  get now(): Store | undefined {
    return this.#now;
  }

  async #try(): Promise<void> {
    const { folder, clock, log, alarms } = this.#options;
    let store: Store;
    try {
      await makeDataFolder(folder);
      store = await openStore(this.#options);
    } catch (error) {
      this.#failure = error;
      this.#unavailable(describeError(error));
      this.#again = clock.after(againMs, () => {
        this.#attempt = this.#try();
      });
      return;
    }
    if (this.#closing) return store.close();
    this.#now = store;
    const { device, bootEpoch, leftOpen } = store;
    log.info('records', { deviceId: device.id, bootEpoch, leftOpen: leftOpen.length });
    alarms.clear('storage.unavailable');
    this.opened.emit(store);
  }

  #unavailable(why: string): void {
    const text = `the records cannot be opened: ${why}`;
    this.#options.alarms.raise({ name: 'storage.unavailable', severity: 'critical', text });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  async #shutdown(): Promise<void> {
    this.#again?.[Symbol.dispose]();
    await within(this.#attempt, closeMs, this.#options.clock);
    // One that failed meanwhile is not tried again.
    this.#again?.[Symbol.dispose]();
    await this.#now?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
