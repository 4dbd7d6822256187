import { type Config, urlMatches } from '../config/index.ts';

/** What one session costs, as it was in force when the session began. Prices are decimal strings. */
export type Tariff = {
  readonly name: string;
  readonly version: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly unit: 'bytes' | 'packets';
  readonly pricePerMegabyte: string;
  readonly megabyteBytes: string;
  readonly pricePerPacket: string;
  readonly pricePerMinute: string;
  readonly pricePerSession: string;
  /** In the tariff's unit. */
  readonly freeUnits: number;
  readonly minimum: string;
  readonly decimals: number;
  readonly rounding: 'half-up' | 'half-even' | 'up' | 'down';
};

type BillingConfig = Config['billing'];
type Rule = BillingConfig['tariffs'][number];

/** The first tariff that fits feed and subscriber; without one the session is free of charge. */
export function tariffFor(config: BillingConfig, url: string, subscriber: string | undefined): Tariff {
  const rule = config.tariffs.find((one) => fits(one, url, subscriber));
  return rule === undefined ? freeOfCharge(config.currency) : tariffOf(rule, config.currency);
}

function fits({ urls, subscribers }: Rule, url: string, subscriber: string | undefined): boolean {
  if (subscribers.length > 0 && (subscriber === undefined || !subscribers.includes(subscriber))) return false;
  return urls.length === 0 || urls.some((pattern) => urlMatches(pattern, url));
}

function tariffOf({ urls: _, subscribers: __, ...rule }: Rule, currency: string): Tariff {
  return { ...rule, currency };
}

const freeOfCharge = (currency: string): Tariff => ({
  name: 'free',
  version: '0',
  currency,
  unit: 'bytes',
  pricePerMegabyte: '0',
  megabyteBytes: '1000000',
  pricePerPacket: '0',
  pricePerMinute: '0',
  pricePerSession: '0',
  freeUnits: 0,
  minimum: '0',
  decimals: 2,
  rounding: 'half-up',
});
