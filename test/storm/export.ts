import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { OutboxStatus } from '../../src/operations/index.ts';
import type { LedgerRecord } from './books.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const maxBuffer = 1 << 24;

/** `weir COMMAND`, as an operator types it; what it prints. */
export async function weir(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [main, ...args], { maxBuffer })).stdout;
}

/** The ledger as an operator gets it: exported, proven with the box's key, read. Rejects when it is not proven. */
export async function provenLedger(
  dataDir: string,
  folder: string,
  keyFile: string,
): Promise<readonly LedgerRecord[]> {
  const file = join(folder, 'export.jsonl');
  {
    // Not through this process: what `execFile` reads is bounded, and the export of 1,000 kills is longer.
    await using output = await open(file, 'w');
    const args = [main, 'records', '--json', '--data', dataDir];
    const child = spawn(process.execPath, args, { stdio: ['ignore', output.fd, 'inherit'] });
    const [status] = await once(child, 'exit');
    if (status !== 0) throw new Error(`weir records ended with status ${status}`);
  }
  await weir('records', 'verify', file, '--key', keyFile);
  const records: LedgerRecord[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { kind, body, sequence, hash } = JSON.parse(line);
    if (kind === 'usage') records.push({ record: JSON.parse(body), sequence, hash });
  }
  return records;
}

export async function outboxOf(dataDir: string): Promise<OutboxStatus['destinations']> {
  return (JSON.parse(await weir('outbox', '--json', '--data', dataDir)) as OutboxStatus).destinations;
}
