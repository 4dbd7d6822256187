import { randomUUID } from 'node:crypto';
import { Alarms, type Clock, CloseStack, silentLog as log, systemClock } from '#base';
import { openStore, type Store } from '#storage';
import { BillingManager, Unrecorded } from '../../../src/billing/index.ts';
import { type Config, parseConfig } from '../../../src/config/index.ts';
import { Uploads } from '../../../src/upload/index.ts';
import { BilledViewer } from '../../unit/billing/billed-viewer.ts';

export interface BilledBoxOptions {
  /** Its data folder. */
  readonly folder: string;
  /** Who gets the records, as in its configuration. */
  readonly upload: Readonly<Record<string, unknown>>;
  readonly billingClock?: Clock;
  readonly uploadClock?: Clock;
}

/** With a price and a subscriber, as an operator would have it. */
const billing = {
  currency: 'EUR',
  tariffs: [
    { name: 'evening', version: '7', subscribers: ['house-7'], pricePerMegabyte: '0.0125', decimals: 4 },
  ],
  subscribers: [{ id: 'house-7', prefixes: ['198.51.100.0/24'] }],
};

/** Billing manager, store and uploads, wired as in the daemon, without media: who watches is made up. */
export class BilledBox implements AsyncDisposable {
  readonly store: Store;
  readonly billing: BillingManager;
  readonly uploads: Uploads;
  readonly #parts = new CloseStack();
  #settled = 0;
  #pagesRead = 0;
  #checkpoints = 0;

  static async open(options: BilledBoxOptions): Promise<BilledBox> {
    const { folder, upload } = options;
    const alarms = new Alarms({ clock: systemClock, log });
    const store = await openStore({ folder, bootId: 'bench', clock: systemClock, log, alarms });
    const config = parseConfig({
      interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
      billing,
      upload: { originNotices: false, ...upload },
    });
    const box = new BilledBox(options, store, alarms, config);
    await box.uploads.apply(config.upload);
    box.billing.open();
    return box;
  }

  private constructor(options: BilledBoxOptions, store: Store, alarms: Alarms, config: Config) {
    const { billingClock = systemClock, uploadClock = systemClock } = options;
    this.store = store;
    this.#parts.use(store);
    this.#count();
    this.billing = new BillingManager({
      store,
      config: () => config.billing,
      synchronised: () => true,
      macOf: () => '02:00:5e:10:00:01',
      deliveries: ({ origin }) => this.uploads.destinationsFor(origin),
      unrecorded: new Unrecorded({ config: () => config.billing, alarms, log }),
      alarms,
      clock: billingClock,
      log,
    });
    this.uploads = new Uploads({
      store,
      config: config.upload,
      teller: { notify: async () => undefined },
      clockTrusted: () => true,
      live: () => this.billing.live(),
      alarms,
      clock: uploadClock,
      log,
    });
    this.#parts.use(this.uploads);
    this.#parts.use(this.billing);
    this.billing.sessionStarted.on(({ sessionId }) => {
      const record = this.billing.liveRecord(sessionId);
      if (record) this.uploads.sessionStarted(record);
    });
    this.billing.recorded.on(({ record }) => this.uploads.recorded(record));
  }

  #count(): void {
    const { ledger, outbox } = this.store;
    const { settle, waiting } = outbox;
    const { checkpoint } = ledger;
    outbox.settle = async (destination, settlements) => {
      await settle(destination, settlements);
      this.#settled += settlements.length;
    };
    outbox.waiting = (destination, query) => {
      this.#pagesRead += 1;
      return waiting(destination, query);
    };
    ledger.checkpoint = async (monoNs, samples) => {
      await checkpoint(monoNs, samples);
      this.#checkpoints += 1;
    };
  }

  /** Deliveries that are over, and written down so. */
  get settled(): number {
    return this.#settled;
  }

  /** How often a receiver's queue looked for what waits: about as often as it was tried. */
  get pagesRead(): number {
    return this.#pagesRead;
  }

  /** Checkpoints that are durable. */
  get checkpoints(): number {
    return this.#checkpoints;
  }

  /** Sessions begin; resolves when their starts are durable. */
  async begin(count: number): Promise<readonly BilledViewer[]> {
    const viewers = Array.from({ length: count }, () => madeUpViewer());
    await Promise.all(viewers.map((viewer) => this.billing.started(viewer)));
    return viewers;
  }

  /** They end; resolves when their records are durable. */
  async end(viewers: readonly BilledViewer[]): Promise<void> {
    for (const viewer of viewers) {
      viewer.gets(1_234_567_890n, 987_654n);
      this.billing.ended(viewer.end(systemClock.monoNs()));
    }
    await this.billing.settled();
  }

  close(): Promise<void> {
    return this.#parts.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const madeUpViewer = (): BilledViewer =>
  new BilledViewer(randomUUID(), { url: 'rtsp://203.0.113.10:8554/channels/evening-news/main?quality=high' });
