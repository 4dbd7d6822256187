import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { WeirError } from '#base';
import type { StoreReader } from '#storage';
import {
  exportEntries,
  exportHeader,
  type RecordsQuery,
  recordRows,
  type Verification,
  verifyRecords,
} from '../operations/index.ts';
import type { Output } from './output.ts';
import { csvColumns, csvLine, textColumns, textLine } from './record-columns.ts';

export type RecordsFormat = 'text' | 'json' | 'csv';

/** `weir records`: the records of that time, as a table, as an export that proves itself, or for a spreadsheet. */
export async function recordsCommand(
  reader: StoreReader,
  options: { readonly query: RecordsQuery; readonly format: RecordsFormat; readonly nowMs: number },
  output: Output,
): Promise<void> {
  const { query, format, nowMs } = options;
  if (format === 'json') {
    await output.line(JSON.stringify(exportHeader(reader, nowMs)));
    for await (const entry of exportEntries(reader, query)) await output.line(JSON.stringify(entry));
    return;
  }
  const columns = format === 'csv' ? csvColumns : textColumns;
  const write = format === 'csv' ? csvLine : textLine;
  await output.line(write(columns.map(({ name, width }) => [name, width])));
  for await (const row of recordRows(reader, query)) {
    await output.line(write(columns.map(({ value, width }) => [value(row), width])));
  }
}

/** `weir records key`: the public key of the box, to keep somewhere else. */
export const keyCommand = ({ device }: StoreReader, output: Output): Promise<void> =>
  output.line(device.publicKey.trimEnd());

/** `weir records verify`: says what is wrong, entry by entry. False: the file is not proven. */
export async function verifyCommand(
  options: { readonly file: string; readonly keyFile: string | undefined; readonly json: boolean },
  output: Output,
): Promise<boolean> {
  const { file, keyFile, json } = options;
  const unreadable = (name: string) => (cause: Error) => {
    throw new WeirError('EXPORT_UNREADABLE', `cannot read ${name}: ${cause.message}`, { cause });
  };
  const key = keyFile === undefined ? undefined : await readFile(keyFile, 'utf8').catch(unreadable(keyFile));
  const stream = createReadStream(file);
  await new Promise((resolve, reject) => stream.once('open', resolve).once('error', reject)).catch(
    unreadable(file),
  );
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
  const verification = await verifyRecords(lines, key);
  if (json) await output.line(JSON.stringify(verification));
  else for (const line of verificationLines(verification)) await output.line(line);
  return verification.ok;
}

function verificationLines({
  ok,
  count,
  range,
  start,
  declaredMissing,
  faults,
  keyFrom,
  ...rest
}: Verification) {
  const entries = range === undefined ? 'no entries' : `${count} entries, ${range.from} to ${range.to}`;
  const starts = {
    first: 'from the very first one',
    anchored: 'what was before is named by a signed anchor',
    unknown: 'a part of the chain: what was before is not in this file',
  }[start];
  return [
    `${ok ? 'proven' : 'NOT PROVEN'}: ${entries} of ${rest.deviceId}; ${starts}`,
    ...faults.map(({ sequence, kind, index }) => `entry ${sequence}: ${kind} (line ${index + 2})`),
    ...declaredMissing.map(({ from, to }) => `entries ${from} to ${to}: lost, as a signed anchor declares`),
    ...(keyFrom === 'export'
      ? [
          "checked with the key in the file itself; give the box's own with --key to prove whose records these are",
        ]
      : []),
  ];
}
