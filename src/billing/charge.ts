/** The price of a session, exactly. The only importer of bignumber.js. */
import { BigNumber } from 'bignumber.js';
import type { Tariff } from './tariff.ts';

/** What a session used. */
export interface Usage {
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly durationMs: number;
}

/** What a session costs. */
export type Charge = {
  /** With as many decimals as the tariff says. */
  readonly amount: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly tariff: string;
  readonly version: string;
  readonly unit: 'bytes' | 'packets';
  /** Units that were charged: those above the tariff's free ones. */
  readonly units: string;
};

const minuteMs = 60_000;

const roundings = {
  'half-up': BigNumber.ROUND_HALF_UP,
  'half-even': BigNumber.ROUND_HALF_EVEN,
  up: BigNumber.ROUND_UP,
  down: BigNumber.ROUND_DOWN,
} as const;

const kinds = new Map<string, typeof BigNumber>();

/** Numbers whose division is rounded like this. Making such a kind takes long, so each is made once: there are 52. */
function exact(decimals: number, rounding: Tariff['rounding']): typeof BigNumber {
  const name = `${decimals} ${rounding}`;
  const kind =
    kinds.get(name) ?? BigNumber.clone({ DECIMAL_PLACES: decimals, ROUNDING_MODE: roundings[rounding] });
  kinds.set(name, kind);
  return kind;
}

/**
 * Everything is kept over one common denominator, so that the only division, the last step, is also the only rounding.
 * A session that got no media costs nothing.
 */
export function chargeFor(tariff: Tariff, usage: Usage): Charge {
  const { currency, unit, decimals } = tariff;
  const used = unit === 'bytes' ? usage.bytes : usage.packets;
  const free = BigInt(tariff.freeUnits);
  const units = used > free ? used - free : 0n;
  const Exact = exact(decimals, tariff.rounding);
  const unitsPerPrice = unit === 'bytes' ? tariff.megabyteBytes : '1';
  const unitPrice = unit === 'bytes' ? tariff.pricePerMegabyte : tariff.pricePerPacket;
  const denominator = new Exact(unitsPerPrice).times(minuteMs);
  const sum = new Exact(unitPrice)
    .times(units.toString())
    .times(minuteMs)
    .plus(new Exact(tariff.pricePerMinute).times(usage.durationMs).times(unitsPerPrice))
    .plus(new Exact(tariff.pricePerSession).times(denominator));
  const least = new Exact(tariff.minimum).times(denominator);
  const price = usage.packets === 0n ? new Exact(0) : Exact.max(sum, least);
  const amount = price.div(denominator).toFixed(decimals);
  return {
    amount,
    currency,
    tariff: tariff.name,
    version: tariff.version,
    unit,
    units: units.toString(),
  };
}
