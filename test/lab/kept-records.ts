import { openReader } from '#storage';
import type { UsageRecord } from '../../src/billing/index.ts';
import { all, assertProven, until } from '../unit/storage/box.ts';
import type { ShownRelay } from './weir.ts';

/** The records of a data folder, beside its daemon or without it; their chain is proven. */
export async function recordsIn(folder: string): Promise<readonly UsageRecord[]> {
  await using reader = await openReader(folder);
  await assertProven(reader);
  const entries = await all(reader.ledger);
  return entries.filter(({ kind }) => kind === 'usage').map(({ body }) => JSON.parse(body));
}

/** As soon as there are so many. */
export async function recorded(folder: string, count: number): Promise<readonly UsageRecord[]> {
  let records: readonly UsageRecord[] = [];
  await until(`${count} records`, async () => {
    records = await recordsIn(folder);
    return records.length >= count;
  });
  return records;
}

/** The alarms that have to do with records; others are the machine's, as of its clock. */
export const recordAlarms = ({ alarms }: ShownRelay): readonly string[] =>
  alarms
    .map(({ name }) => name)
    .filter((name) => /^(storage|billing)\./.test(name))
    .toSorted();
