import type { ChainEntry, ClockCorrection, StoredEntry, StoreReader } from '#storage';
import type { UsageRecord } from '../billing/index.ts';

/** First line of an export. */
export interface ExportHeader {
  readonly deviceId: string;
  /** PEM. Checks the signatures of the entries that follow. */
  readonly publicKey: string;
  readonly exportedAt: string;
}

/** Every further line: a link of the chain, and beside it, unsigned, what is known better today. */
export interface ExportedEntry extends ChainEntry {
  /** Of a record whose clock was not trusted, once it is known by how much it was wrong. */
  readonly corrected?: CorrectedTimes;
}

export interface CorrectedTimes {
  readonly startedAt: string;
  readonly endedAt: string;
}

export interface RecordsQuery {
  /** Wall clock, milliseconds since 1970; corrected where a correction is known. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Told of entries that are left out because what is stored is not what was written. */
  readonly damaged: (sequences: readonly number[]) => void;
}

export const exportHeader = ({ device }: StoreReader, nowMs: number): ExportHeader => ({
  deviceId: device.id,
  publicKey: device.publicKey,
  exportedAt: new Date(nowMs).toISOString(),
});

/** All links of that time, in sequence order; as many as fit into memory are held at a time. */
export async function* exportEntries(
  reader: StoreReader,
  query: RecordsQuery,
): AsyncGenerator<ExportedEntry> {
  const offsets = offsetsOf(await reader.ledger.corrections());
  for await (const { bootEpoch: _, at: __, clockTrusted: ___, ...entry } of pages(reader, query)) {
    const corrected = entry.kind === 'usage' ? correctedTimes(JSON.parse(entry.body), offsets) : undefined;
    yield corrected === undefined ? entry : { ...entry, corrected };
  }
}

/** A usage record with its place in the chain and its times as they are known today. */
export interface RecordRow extends UsageRecord {
  readonly sequence: number;
  readonly clockCorrected: boolean;
}

/** The usage records of that time, in sequence order. */
export async function* recordRows(reader: StoreReader, query: RecordsQuery): AsyncGenerator<RecordRow> {
  const offsets = offsetsOf(await reader.ledger.corrections());
  for await (const { kind, sequence, body } of pages(reader, query)) {
    if (kind !== 'usage') continue;
    const record: UsageRecord = JSON.parse(body);
    const corrected = correctedTimes(record, offsets);
    yield { sequence, ...record, ...corrected, clockCorrected: corrected !== undefined };
  }
}

async function* pages(
  { ledger }: StoreReader,
  { since, until, damaged }: RecordsQuery,
): AsyncGenerator<StoredEntry> {
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page = await ledger.entries({ since, until, after });
    if (page.damaged.length > 0) damaged(page.damaged);
    yield* page.entries;
    after = page.next;
  }
}

const offsetsOf = (corrections: readonly ClockCorrection[]): ReadonlyMap<number, number> =>
  new Map(corrections.map(({ bootEpoch, offsetMs }) => [bootEpoch, offsetMs]));

function correctedTimes(
  { clockTrusted, bootEpoch, startedAt, endedAt }: UsageRecord,
  offsets: ReadonlyMap<number, number>,
): CorrectedTimes | undefined {
  const offsetMs = clockTrusted ? undefined : offsets.get(bootEpoch);
  if (offsetMs === undefined) return undefined;
  const correct = (time: string) => new Date(Date.parse(time) + offsetMs).toISOString();
  return { startedAt: correct(startedAt), endedAt: correct(endedAt) };
}
