import assert from 'node:assert/strict';
import { demoBilling, renderBill } from '../../../src/demo/bill.ts';
import { RecordsFolder } from '../billing/billed-viewer.ts';
import { recordSessions } from '../billing/recorded-sessions.ts';

describe("the demo's bill", () => {
  it('sums up sessions, bytes and money, and proves the chain', async () => {
    await using folder = await RecordsFolder.make();
    await recordSessions(folder, demoBilling, [1500, 2, 7]);
    assert.equal(
      await renderBill(folder.path),
      'billed: 3 sessions, 1509000000 bytes, 1.509000 EUR; every record is signed, their chain is proven',
    );
  });

  it('is nothing without a session', async () => {
    await using folder = await RecordsFolder.make();
    assert.match(await renderBill(folder.path), /^billed: 0 sessions, 0 bytes, 0\.000000 EUR;/);
  });
});
