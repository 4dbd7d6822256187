/** A billing manager over a real store, its clock turned by hand, for tests of what is billed. */
import { Alarms, silentLog } from '#base';
import type { Store } from '#storage';
import { BillingManager, Unrecorded } from '../../../src/billing/index.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { HandClock } from '../session/scripted.ts';
import { RecordsFolder } from './billed-viewer.ts';

export const configOf = (billing: object) =>
  parseConfig({ interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } }, billing }).billing;

const priced = configOf({
  currency: 'EUR',
  tariffs: [{ name: 'basic', version: '4', pricePerMegabyte: '0.10', pricePerMinute: '0.01', decimals: 4 }],
  subscribers: [{ id: 'flat-7', macs: ['02:00:00:00:00:05'] }],
});

/** What a test of it has, and may change. */
export class BillingBench {
  folder!: RecordsFolder;
  clock!: HandClock;
  alarms!: Alarms;
  config = priced;
  synchronised = true;
  unrecorded!: Unrecorded;
  opened: BillingManager[] = [];

  async begin(): Promise<void> {
    this.folder = await RecordsFolder.make();
    this.clock = new HandClock();
    this.alarms = new Alarms({ clock: this.clock, log: silentLog });
    this.config = priced;
    this.synchronised = true;
    this.unrecorded = new Unrecorded({ config: () => this.config, alarms: this.alarms, log: silentLog });
    this.opened = [];
  }

  async end(): Promise<void> {
    for (const billing of this.opened) await billing.close();
    await this.folder[Symbol.asyncDispose]();
  }

  billingOn(store: Store = this.folder.store): BillingManager {
    const billing = new BillingManager({
      store,
      config: () => this.config,
      synchronised: () => this.synchronised,
      macOf: (address) => (address === '198.51.100.5' ? '02:00:00:00:00:05' : undefined),
      deliveries: () => ['collector'],
      readers: { noteDeliveries: (told) => ['auditor', ...told], giveUp: async () => {} },
      unrecorded: this.unrecorded,
      alarms: this.alarms,
      clock: this.clock,
      log: silentLog,
    });
    billing.open();
    this.opened.push(billing);
    return billing;
  }

  alarmNames(): string[] {
    return this.alarms.standing().map(({ name }) => name);
  }
}

/** A bench for each test of the suite around. */
export function useBillingBench(): BillingBench {
  const bench = new BillingBench();
  beforeEach(() => bench.begin());
  afterEach(() => bench.end());
  return bench;
}
