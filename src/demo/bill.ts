import { createPublicKey } from 'node:crypto';
import { openReader, verifyChain } from '#storage';
import { exportEntries, recordRows } from '../operations/index.ts';

/** What the demo charges, so that there is something to see. */
export const demoBilling = {
  currency: 'EUR',
  tariffs: [{ name: 'demo', version: '1', pricePerMegabyte: '0.001', decimals: 6 }],
} as const;

/** What the box has billed in its data folder, in one line. */
export async function renderBill(dataDir: string): Promise<string> {
  await using reader = await openReader(dataDir);
  const all = { damaged: () => {} };
  let sessions = 0;
  let bytes = 0n;
  let millionths = 0n;
  for await (const { viewerTxBytes, charge } of recordRows(reader, all)) {
    sessions += 1;
    bytes += BigInt(viewerTxBytes);
    millionths += BigInt(charge.amount.replace('.', ''));
  }
  const { ok } = await verifyChain(exportEntries(reader, all), createPublicKey(reader.device.publicKey));
  const euros = `${millionths / 1_000_000n}.${String(millionths % 1_000_000n).padStart(6, '0')}`;
  const proof = ok ? 'their chain is proven' : 'their chain is BROKEN';
  return `billed: ${sessions} sessions, ${bytes} bytes, ${euros} EUR; every record is signed, ${proof}`;
}
