import { type Alarms, type Clock, type Closeable, type Log, WeirError } from '#base';
import type { Endpoint, Hal } from '#hal';
import type { Store } from '#storage';
import { BillingManager, Unrecorded } from './billing/index.ts';
import type { Config } from './config/index.ts';
import type { LateStore } from './late-store.ts';
import type { SessionHooks, SessionMonitor } from './session/index.ts';
import { Uploads } from './upload/index.ts';

export interface RecordKeepingOptions {
  readonly store: Pick<LateStore, 'now' | 'opened'>;
  readonly hal: Hal;
  readonly config: () => Config;
  /** Of the relay; it is made after this, as it needs the hooks. */
  readonly monitor: () => SessionMonitor;
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly log: Log;
}

/** Who writes sessions down and who carries their records away: there with the store, and not before. */
interface Books {
  readonly billing: BillingManager;
  readonly uploads: Uploads;
}

/**
 * What happens to sessions on paper: the billing manager writes them down, the uploads carry their records away. Wires
 * both with the session monitor. Without a store, sessions are refused or relayed unbilled.
 */
export class RecordKeeping implements Closeable {
  readonly #options: RecordKeepingOptions;
  readonly #unrecorded: Unrecorded;
  readonly #listenings: Disposable[] = [];
  #books: Books | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RecordKeepingOptions) {
    this.#options = options;
    const { config, alarms, log } = options;
    this.#unrecorded = new Unrecorded({ config: () => config().billing, alarms, log });
  }

  get billing(): BillingManager | undefined {
    return this.#books?.billing;
  }

  get uploads(): Uploads | undefined {
    return this.#books?.uploads;
  }

  /** How many sessions were relayed without a record since the box runs. */
  get unbilledSessions(): number {
    return this.#unrecorded.sessions;
  }

  /** What the session monitor asks. */
  get hooks(): SessionHooks {
    const unrecorded = this.#unrecorded;
    return {
      admission: { admit: async () => this.billing?.admit() ?? unrecorded.admit('the records are not open') },
      sessionStart: {
        started: async (viewer) => {
          if (this.billing) await this.billing.started(viewer);
          else
            unrecorded.relay(viewer.sessionId, new WeirError('STORAGE_FAILED', 'the records are not open'));
        },
      },
      farewell: { beforeTeardown: ({ origin }) => this.#tellLast(origin) },
    };
  }

  /** Begins to listen. It hears of viewers until the last one has ended, and waits for their records. */
  attach(monitor: SessionMonitor): void {
    const { store } = this.#options;
    this.#listenings.push(
      monitor.viewerEnded.on((viewer) => this.billing?.ended(viewer)),
      monitor.feedOpened.on(({ origin }) => this.uploads?.originOpened(origin)),
    );
    if (store.now) this.#open(store.now);
    else this.#listenings.push(store.opened.on((opened) => this.#openLate(opened, monitor)));
  }

  #open(store: Store): Books {
    const { hal, config, monitor, alarms, clock, log } = this.#options;
    const billing = new BillingManager({
      store,
      config: () => config().billing,
      synchronised: () => hal.board.clockSynchronised(),
      macOf: (address) => hal.nics.macOf(address),
      deliveries: ({ origin }) => uploads.destinationsFor(origin),
      readers: {
        noteDeliveries: (told) => uploads.noteDestinations(told),
        giveUp: (before) => uploads.giveUpNotices(before),
      },
      unrecorded: this.#unrecorded,
      alarms,
      clock,
      log,
    });
    const uploads = new Uploads({
      store,
      config: config().upload,
      teller: {
        notify: (url, origin, contentType, body) => monitor().notify(url, origin, contentType, body),
      },
      clockTrusted: () => hal.board.clockSynchronised(),
      live: () => billing.live(),
      alarms,
      clock,
      log,
    });
    this.#listenings.push(
      billing.sessionStarted.on(({ sessionId }) => {
        const record = billing.liveRecord(sessionId);
        if (record) uploads.sessionStarted(record);
      }),
      billing.recorded.on(({ record }) => uploads.recorded(record)),
      billing.chainNoted.on(() => uploads.noted()),
    );
    this.#books = { billing, uploads };
    billing.open();
    return this.#books;
  }

  /** Sessions that begin from here on are billed. */
  #openLate(store: Store, monitor: SessionMonitor): void {
    const { uploads } = this.#open(store);
    for (const { origin } of monitor.feeds()) uploads.originOpened(origin);
    void this.apply(this.#options.config().upload);
  }

  /** Brings the receivers to `upload`, as soon as there is something for them. */
  async apply(upload: Config['upload']): Promise<void> {
    await this.uploads?.apply(upload);
  }

  /** The records of the last viewers are still to be made when the session with their origin is about to end. */
  async #tellLast(origin: Endpoint): Promise<void> {
    await this.billing?.settled();
    await this.uploads?.tellOrigin(origin);
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  /** The records of the last sessions, too, are told of. */
  async #shutdown(): Promise<void> {
    try {
      await this.billing?.close();
    } finally {
      for (const listening of this.#listenings) listening[Symbol.dispose]();
      await this.uploads?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
