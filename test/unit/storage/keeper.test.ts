import assert from 'node:assert/strict';
import { systemClock } from '#base';
import type { EndFacts } from '../../../storage/database/writes.ts';
import type { PendingWrite } from '../../../storage/worker/commit-queue.ts';
import { Keeper } from '../../../storage/worker/keeper.ts';
import { Folder } from './box.ts';

const options = {
  bootId: 'a',
  startGroupMs: 5,
  endGroupMs: 5,
  ballastBytes: 64 * 1024,
  anchorDeliveries: [],
  watchMs: 10_000,
};

const facts = (sessionId: string): EndFacts => ({
  sessionId,
  endedAt: 0,
  clockTrusted: true,
  body: JSON.stringify({ sessionId }),
  deliveries: [],
});

describe('the keeper of the ledger', () => {
  for (const place of [0, 5, 9]) {
    it(`finds the one write of a group that is at fault (number ${place}), and stores the others in their order`, async () => {
      using folder = new Folder();
      const keeper = new Keeper({ ...options, folder: folder.path }, systemClock, () => {});
      const outcomes = Array.from({ length: 10 }, (_, index) => {
        const run: PendingWrite['run'] = (writes) => {
          const entry = writes.finish(facts(`session-${index}`));
          if (index === place) throw new TypeError('a fault of ours, after it had written');
          return entry;
        };
        return new Promise((done, failed) => keeper.write({ name: 'finish', run, done, failed }));
      });
      const settled = await Promise.allSettled(outcomes);
      assert.deepEqual(
        settled.map(({ status }) => status === 'fulfilled'),
        settled.map((_, index) => index !== place),
      );
      const page = keeper.read((reads) => reads.entries({}));
      const stored = page.entries.map(({ body }) => (JSON.parse(body) as { sessionId: string }).sessionId);
      const expected = settled.map((_, index) => `session-${index}`).filter((_, index) => index !== place);
      assert.deepEqual(stored, expected);
      keeper.close();
    });
  }
});
