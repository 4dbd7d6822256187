import assert from 'node:assert/strict';
import { all, bill, end, Folder, open } from './box.ts';

const sequences = ({ entries }: { entries: ReadonlyArray<{ sequence: number }> }) =>
  entries.map(({ sequence }) => sequence);

describe('the outbox', () => {
  it('holds an entry for each destination until that one settles it, in sequence order, page by page', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await store.ledger.finish(end('a', { deliveries: ['radius', 'https', 'radius'] }));
    await store.ledger.finish(end('b', { deliveries: ['https'] }));
    await store.ledger.finish(end('c', { deliveries: ['https'] }));
    const first = await store.outbox.waiting('https', { limit: 2 });
    assert.deepEqual([sequences(first), first.next], [[1, 2], 2]);
    assert.deepEqual(sequences(await store.outbox.waiting('https', { after: 2, limit: 2 })), [3]);
    await store.outbox.settle('https', [
      { sequence: 1, outcome: 'acknowledged' },
      { sequence: 3, outcome: 'acknowledged' },
    ]);
    assert.deepEqual(sequences(await store.outbox.waiting('https')), [2]);
    assert.deepEqual(sequences(await store.outbox.waiting('radius')), [1]);
    assert.deepEqual(sequences(await store.outbox.waiting('unheard-of')), []);
  });

  it('keeps what was refused, with the reason, until a person lets it wait again', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 3);
    const destination = 'https:collector';
    await store.outbox.settle(destination, [
      { sequence: 1, outcome: 'unconfirmed', reason: '451' },
      { sequence: 2, outcome: 'quarantined', reason: 'HTTP 422' },
    ]);
    assert.deepEqual(await store.outbox.summary(), [
      {
        destination,
        waiting: 1,
        waitingSince: 1_790_000_060_000,
        unconfirmed: 1,
        quarantined: 1,
        quarantineReason: 'HTTP 422',
      },
    ]);
    assert.deepEqual(sequences(await store.outbox.quarantined(destination)), [2]);
    assert.equal(await store.outbox.requeue(destination), 1);
    assert.deepEqual(sequences(await store.outbox.waiting(destination)), [2, 3]);
  });

  it('lets the first word about a delivery stand', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 1);
    const settle = (outcome: 'acknowledged' | 'quarantined') =>
      store.outbox.settle('https:collector', [{ sequence: 1, outcome }]);
    await settle('acknowledged');
    await settle('quarantined');
    const [summary] = await store.outbox.summary();
    assert.deepEqual([summary?.waiting, summary?.quarantined], [0, 0]);
  });

  it('gives up a destination that is no more; the entries stay', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 4);
    assert.equal(await store.outbox.abandon('https:collector'), 4);
    assert.deepEqual(sequences(await store.outbox.waiting('https:collector')), []);
    assert.equal((await all(store.ledger)).length, 4);
  });
});
