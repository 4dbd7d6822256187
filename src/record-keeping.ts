import { type Alarms, type Clock, type Closeable, CloseStack, type Log } from '#base';
import type { Endpoint, Hal } from '#hal';
import type { Store } from '#storage';
import { BillingManager } from './billing/index.ts';
import type { Config } from './config/index.ts';
import type { SessionHooks, SessionMonitor } from './session/index.ts';
import { Uploads } from './upload/index.ts';

/**
 * What happens to sessions on paper: the billing manager writes them down, the uploads carry their records away. Wires
 * both with the session monitor.
 */
export class RecordKeeping implements Closeable {
  readonly billing: BillingManager;
  readonly uploads: Uploads;
  readonly #parts = new CloseStack();

  constructor(options: {
    store: Store;
    hal: Hal;
    config: () => Config;
    /** Of the relay; it is made after this, as it needs the hooks. */
    monitor: () => SessionMonitor;
    alarms: Alarms;
    clock: Clock;
    log: Log;
  }) {
    const { store, hal, config, monitor, alarms, clock, log } = options;
    this.billing = new BillingManager({
      store,
      config: () => config().billing,
      synchronised: () => hal.board.clockSynchronised(),
      macOf: (address) => hal.nics.macOf(address),
      deliveries: ({ origin }) => this.uploads.destinationsFor(origin),
      giveUp: (before) => this.uploads.giveUpNotices(before),
      alarms,
      clock,
      log,
    });
    this.uploads = new Uploads({
      store,
      config: config().upload,
      teller: {
        notify: (url, origin, contentType, body) => monitor().notify(url, origin, contentType, body),
      },
      live: () => this.billing.live(),
      alarms,
      clock,
      log,
    });
  }

  /** What the session monitor asks. */
  get hooks(): SessionHooks {
    return {
      admission: this.billing,
      sessionStart: this.billing,
      farewell: { beforeTeardown: ({ origin }) => this.#tellLast(origin) },
    };
  }

  /** Begins to listen. It hears of viewers until the last one has ended, and waits for their records. */
  attach(monitor: SessionMonitor): void {
    const { billing, uploads } = this;
    this.#parts.use(uploads);
    // Closed before: the records of the last sessions, too, are told of.
    this.#parts.defer(() => {
      for (const listening of listenings) listening[Symbol.dispose]();
    });
    this.#parts.use(billing);
    const listenings = [
      monitor.viewerEnded.on((viewer) => billing.ended(viewer)),
      monitor.feedOpened.on(({ origin }) => uploads.originOpened(origin)),
      billing.sessionStarted.on(({ sessionId }) => {
        const record = billing.liveRecord(sessionId);
        if (record) uploads.sessionStarted(record);
      }),
      billing.recorded.on(({ record }) => uploads.recorded(record)),
    ];
  }

  /** The records of the last viewers are still to be made when the session with their origin is about to end. */
  async #tellLast(origin: Endpoint): Promise<void> {
    await this.billing.settled();
    await this.uploads.tellOrigin(origin);
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
