import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Tariff } from '../../../src/billing/index.ts';
import { chargeFor } from '../../../src/billing/index.ts';

const free: Tariff = {
  name: 'basic',
  version: '7',
  currency: 'EUR',
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
};
const usage = { bytes: 2_500_000n, packets: 2000n, durationMs: 90_000 };

describe('the charge of a session', () => {
  const cases: readonly [
    name: string,
    tariff: Partial<Tariff>,
    used: Partial<typeof usage>,
    amount: string,
  ][] = [
    ['is nothing without prices', {}, {}, '0.00'],
    ['counts megabytes of a million bytes', { pricePerMegabyte: '0.04' }, {}, '0.10'],
    [
      'counts megabytes of 2^20 bytes where the tariff says so',
      { pricePerMegabyte: '1', megabyteBytes: '1048576', decimals: 6 },
      {},
      '2.384186',
    ],
    ['counts packets', { unit: 'packets', pricePerPacket: '0.001' }, {}, '2.00'],
    ['counts each part of a minute', { pricePerMinute: '0.10' }, {}, '0.15'],
    ['adds the price of the session', { pricePerSession: '0.50', pricePerMinute: '0.10' }, {}, '0.65'],
    ['leaves out the free bytes', { pricePerMegabyte: '1', freeUnits: 2_000_000 }, {}, '0.50'],
    ['never turns free units into money', { pricePerMegabyte: '1', freeUnits: 3_000_000 }, {}, '0.00'],
    ['is at least the minimum', { pricePerMegabyte: '0.01', minimum: '0.25' }, {}, '0.25'],
    [
      'is nothing for a session without media',
      { pricePerSession: '5', minimum: '1' },
      { packets: 0n },
      '0.00',
    ],
    ['is rounded half up', { pricePerSession: '0.125' }, {}, '0.13'],
    ['is rounded half to even', { pricePerSession: '0.125', rounding: 'half-even' }, {}, '0.12'],
    ['is rounded up', { pricePerSession: '0.121', rounding: 'up' }, {}, '0.13'],
    ['is rounded down', { pricePerSession: '0.129', rounding: 'down' }, {}, '0.12'],
    ['may have no decimals', { pricePerSession: '1.5', decimals: 0 }, {}, '2'],
    [
      'is rounded once: what is below a half cent each adds up',
      { pricePerMinute: '0.01', pricePerSession: '0.004' },
      { durationMs: 24_000 },
      '0.01',
    ],
    [
      'is exact where binary fractions are not: 0.1 + 0.2',
      { pricePerSession: '0.1', pricePerMinute: '0.2', decimals: 12 },
      { durationMs: 60_000 },
      '0.300000000000',
    ],
    [
      'is exact beyond 2^53 bytes',
      { pricePerMegabyte: '0.000000000001', decimals: 12 },
      { bytes: 9_007_199_254_740_993_000_001n },
      '9007.199254740993',
    ],
  ];
  for (const [name, tariff, used, amount] of cases) {
    it(name, () => assert.equal(chargeFor({ ...free, ...tariff }, { ...usage, ...used }).amount, amount));
  }

  it('names tariff, version, currency and the units above the free ones', () => {
    const charge = chargeFor({ ...free, freeUnits: 500_000 }, usage);
    assert.deepEqual(charge, {
      amount: '0.00',
      currency: 'EUR',
      tariff: 'basic',
      version: '7',
      unit: 'bytes',
      units: '2000000',
    });
  });

  it('is what a slow calculation with whole fractions says, for any tariff and usage', () => {
    const random = mulberry32(0x5eed);
    for (let round = 0; round < 3000; round++) {
      const tariff = randomTariff(random);
      const used = {
        bytes: BigInt(Math.floor(random() ** 4 * 2 ** 50)),
        packets: BigInt(Math.floor(random() ** 4 * 2 ** 40)),
        durationMs: Math.floor(random() ** 3 * 1e9),
      };
      const [amount, expected] = [chargeFor(tariff, used).amount, slowAmount(tariff, used)];
      if (amount !== expected) assert.fail(`${amount}, not ${expected}: ${inspect({ tariff, used })}`);
    }
  });

  it('never falls when more was delivered', () => {
    const random = mulberry32(0xcafe);
    for (let round = 0; round < 1000; round++) {
      const tariff = randomTariff(random);
      const used = { bytes: BigInt(Math.floor(random() * 1e9)), packets: 1000n, durationMs: 5000 };
      const more = { ...used, bytes: used.bytes + BigInt(Math.floor(random() * 1e6)), packets: 1001n };
      const [less, greater] = [used, more].map((one) => Number(chargeFor(tariff, one).amount));
      assert.ok((greater ?? 0) >= (less ?? 0), JSON.stringify(tariff));
    }
  });
});

/** A fraction of whole numbers; nothing is ever rounded. */
type Fraction = readonly [numerator: bigint, denominator: bigint];
const plus = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * d + c * b, b * d];
const times = ([a, b]: Fraction, [c, d]: Fraction): Fraction => [a * c, b * d];
const decimal = (text: string): Fraction => {
  const [whole = '', part = ''] = text.split('.');
  return [BigInt(whole + part), 10n ** BigInt(part.length)];
};

function slowAmount(tariff: Tariff, used: typeof usage): string {
  const bytes = tariff.unit === 'bytes';
  const count = bytes ? used.bytes : used.packets;
  const charged = count > BigInt(tariff.freeUnits) ? count - BigInt(tariff.freeUnits) : 0n;
  const perUnit: Fraction = bytes ? [1n, BigInt(tariff.megabyteBytes)] : [1n, 1n];
  const unitPrice = decimal(bytes ? tariff.pricePerMegabyte : tariff.pricePerPacket);
  let price = times(times([charged, 1n], perUnit), unitPrice);
  price = plus(price, times(decimal(tariff.pricePerMinute), [BigInt(used.durationMs), 60_000n]));
  price = plus(price, decimal(tariff.pricePerSession));
  const least = decimal(tariff.minimum);
  if (price[0] * least[1] < least[0] * price[1]) price = least;
  if (used.packets === 0n) price = [0n, 1n];
  const [numerator, denominator] = times(price, [10n ** BigInt(tariff.decimals), 1n]);
  const down = numerator / denominator;
  const rest = 2n * (numerator % denominator);
  const isHalf = rest === denominator;
  const up = {
    down: false,
    up: rest > 0n,
    'half-up': rest >= denominator,
    'half-even': rest > denominator || (isHalf && down % 2n === 1n),
  }[tariff.rounding];
  const digits = String(down + (up ? 1n : 0n)).padStart(tariff.decimals + 1, '0');
  if (tariff.decimals === 0) return digits;
  return `${digits.slice(0, -tariff.decimals)}.${digits.slice(-tariff.decimals)}`;
}

function randomTariff(random: () => number): Tariff {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const price = () => {
    const decimals = Math.floor(random() * 13);
    return random() < 0.3 ? '0' : (random() * 10 ** Math.floor(random() * 5)).toFixed(decimals);
  };
  return {
    ...free,
    unit: pick(['bytes', 'packets']),
    pricePerMegabyte: price(),
    megabyteBytes: pick(['1000000', '1048576']),
    pricePerPacket: price(),
    pricePerMinute: price(),
    pricePerSession: price(),
    minimum: price(),
    freeUnits: pick([0, 1, 1_000_000, 2 ** 40]),
    decimals: Math.floor(random() * 13),
    rounding: pick(['half-up', 'half-even', 'up', 'down']),
  };
}

/** A small generator of numbers from 0 to 1 that a seed repeats. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
