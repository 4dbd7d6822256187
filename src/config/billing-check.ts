import { isIP } from 'node:net';
import type { ConfigFault } from './parse.ts';
import type { Config } from './tree.ts';

const prices = [
  'pricePerMegabyte',
  'pricePerPacket',
  'pricePerMinute',
  'pricePerSession',
  'minimum',
] as const;

/** What no single value of `billing` can say about itself. */
export function checkBilling(
  { currency, tariffs, subscribers }: Config['billing'],
  faults: ConfigFault[],
): void {
  const named = new Set<string>();
  const known = new Set(subscribers.map(({ id }) => id));
  const costs = prices.some((price) => tariffs.some((tariff) => /[1-9]/.test(tariff[price])));
  if (costs && currency === 'XXX') {
    faults.push({ path: 'billing.currency', text: 'there are prices: in which currency?' });
  }
  for (const [index, tariff] of tariffs.entries()) {
    const path = `billing.tariffs[${index}]`;
    if (tariff.name === undefined) faults.push({ path: `${path}.name`, text: 'every tariff needs a name' });
    else if (named.has(tariff.name)) {
      faults.push({ path: `${path}.name`, text: `"${tariff.name}" is the name of a tariff above` });
    } else named.add(tariff.name);
    for (const [place, id] of tariff.subscribers.entries()) {
      if (known.has(id)) continue;
      faults.push({ path: `${path}.subscribers[${place}]`, text: `"${id}" is not in billing.subscribers` });
    }
    const foreign = tariff.unit === 'bytes' ? 'pricePerPacket' : 'pricePerMegabyte';
    if (/[1-9]/.test(tariff[foreign])) {
      faults.push({ path: `${path}.${foreign}`, text: `is not charged where the unit is ${tariff.unit}` });
    }
  }
  const places = new Set<string>();
  for (const [index, { id, prefix, mac }] of subscribers.entries()) {
    const path = `billing.subscribers[${index}]`;
    if (id === undefined) faults.push({ path: `${path}.id`, text: 'which subscriber is it?' });
    if ((prefix === undefined) === (mac === undefined)) {
      faults.push({ path, text: 'needs either prefix or mac' });
    }
    if (prefix !== undefined && isIP(prefix.split('/')[0] ?? '') === 0) {
      faults.push({ path: `${path}.prefix`, text: `"${prefix}" is no IP address with a prefix length` });
    }
    const place = (mac ?? prefix ?? '').toLowerCase();
    if (place !== '' && places.has(place)) {
      faults.push({ path, text: `"${place}" belongs to a subscriber above` });
    }
    places.add(place);
  }
}
