import type { ConfigFault } from './config-fault.ts';
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
  const known = new Set(subscribers.map(({ id }) => id));
  const costs = prices.some((price) => tariffs.some((tariff) => /[1-9]/.test(tariff[price])));
  if (costs && currency === 'XXX') {
    faults.push({ path: 'billing.currency', text: 'there are prices: in which currency?' });
  }
  for (const [index, tariff] of tariffs.entries()) {
    const path = `billing.tariffs[${index}]`;
    for (const [place, id] of tariff.subscribers.entries()) {
      if (known.has(id)) continue;
      faults.push({ path: `${path}.subscribers[${place}]`, text: `"${id}" is not in billing.subscribers` });
    }
    const foreign = tariff.unit === 'bytes' ? 'pricePerPacket' : 'pricePerMegabyte';
    if (/[1-9]/.test(tariff[foreign])) {
      faults.push({ path: `${path}.${foreign}`, text: `is not charged where the unit is ${tariff.unit}` });
    }
  }
  const owners = new Map<string, string>();
  for (const [index, { id, prefixes, macs }] of subscribers.entries()) {
    const path = `billing.subscribers[${index}]`;
    if (prefixes.length + macs.length === 0) faults.push({ path, text: 'needs prefixes or macs' });
    for (const place of [...prefixes, ...macs]) {
      const owner = owners.get(place.toLowerCase());
      if (owner === undefined) owners.set(place.toLowerCase(), id);
      else faults.push({ path, text: `"${place}" belongs to ${owner} already` });
    }
  }
}
