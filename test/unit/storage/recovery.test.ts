import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { openReader } from '#storage';
import { openForReading, openForWriting } from '../../../storage/database/sqlite.ts';
import { all, assertProven, bill, end, Folder, open, session } from './box.ts';

const sample = (sessionId: string, txBytes: bigint) => ({
  sessionId,
  txBytes,
  txPackets: txBytes / 1_000n,
  droppedPackets: 2n,
  reportedLostPackets: 3n,
});

describe('opening the store again', () => {
  it('counts boots, not starts', async () => {
    using folder = new Folder();
    const epochs: number[] = [];
    for (const bootId of ['a', 'a', 'b', 'b', 'c']) {
      await using store = await open(folder.path, { bootId });
      epochs.push(store.bootEpoch);
    }
    assert.deepEqual(epochs, [1, 1, 2, 2, 3]);
  });

  it('finds the sessions that were left open, as they were begun, with their last counters', async () => {
    using folder = new Folder();
    {
      await using store = await open(folder.path, { bootId: 'a' });
      await store.ledger.start(session('with counters'));
      await store.ledger.checkpoint(8_000_000_000n, [sample('with counters', 5_000n)]);
      await store.ledger.checkpoint(9_000_000_000n, [sample('with counters', 6_000n)]);
      await store.ledger.start(
        session('begun later', { startedMonoNs: 9_500_000_000n, clockTrusted: false }),
      );
      await bill(store, 3);
    }
    await using store = await open(folder.path, { bootId: 'a' });
    const { sessionId: _, ...counters } = sample('', 6_000n);
    const none = { txBytes: 0n, txPackets: 0n, droppedPackets: 0n, reportedLostPackets: 0n };
    const common = { bootEpoch: 1, sameBoot: true };
    assert.deepEqual(store.leftOpen, [
      { ...session('with counters'), ...common, counters, aliveMonoNs: 9_000_000_000n },
      {
        ...session('begun later', { startedMonoNs: 9_500_000_000n, clockTrusted: false }),
        ...common,
        counters: none,
        // Never before its own start.
        aliveMonoNs: 9_500_000_000n,
      },
    ]);
  });

  it('knows that a session whose counters stood still has lived', async () => {
    using folder = new Folder();
    {
      await using store = await open(folder.path);
      await store.ledger.start(session('paused'));
      await store.ledger.checkpoint(8_000_000_000n, [sample('paused', 5_000n)]);
      await store.ledger.checkpoint(90_000_000_000n, []);
    }
    await using store = await open(folder.path);
    assert.equal(store.leftOpen[0]?.aliveMonoNs, 90_000_000_000n);
  });

  it('tells a crash of Weir from a reboot, each session by its own run, until it is given its record', async () => {
    using folder = new Folder();
    const leave = async (bootId: string, sessionId: string, monoNs: bigint) => {
      await using store = await open(folder.path, { bootId });
      await store.ledger.start(session(sessionId, { startedMonoNs: 1n }));
      await store.ledger.checkpoint(monoNs, []);
    };
    await leave('a', 'first', 100n);
    await leave('a', 'second', 200n);
    await leave('b', 'third', 50n);
    {
      await using store = await open(folder.path, { bootId: 'b' });
      assert.deepEqual(
        store.leftOpen.map((left) => [left.sessionId, left.bootEpoch, left.sameBoot, left.aliveMonoNs]),
        [
          ['first', 1, false, 100n],
          ['second', 1, false, 200n],
          ['third', 2, true, 50n],
        ],
      );
      const entry = await store.ledger.finish(end('second'));
      assert.equal(entry.bootEpoch, 1, 'a record belongs to the boot whose clock it was measured by');
    }
    await using store = await open(folder.path, { bootId: 'c' });
    assert.deepEqual(
      store.leftOpen.map(({ sessionId }) => sessionId),
      ['first', 'third'],
    );
  });

  it('gives an ended session no counters to the next one in its slot', async () => {
    using folder = new Folder();
    {
      await using store = await open(folder.path);
      await store.ledger.start(session('before'));
      await store.ledger.checkpoint(6_000_000_000n, [sample('before', 5_000n)]);
      await store.ledger.finish(end('before'));
      await store.ledger.start(session('after'));
    }
    await using store = await open(folder.path);
    assert.deepEqual([store.leftOpen.length, store.leftOpen[0]?.counters.txBytes], [1, 0n]);
  });

  it('writes the counters of many sessions that come and go into few pages', async () => {
    using folder = new Folder();
    {
      await using store = await open(folder.path);
      for (let round = 0; round < 5; round += 1) {
        const ids = Array.from({ length: 40 }, (_, index) => `${round}-${index}`);
        await Promise.all(ids.map((id) => store.ledger.start(session(id))));
        await store.ledger.checkpoint(
          6_000_000_000n,
          ids.map((id) => sample(id, 5_000n)),
        );
        await Promise.all(ids.slice(round).map((id) => store.ledger.finish(end(id))));
      }
    }
    const db = openForReading(folder.file('weir.db'));
    assert.deepEqual(db.prepare('SELECT count(*) AS rows, max(slot) AS highest FROM checkpoint').get(), {
      rows: 10n,
      highest: 9n,
    });
    db.close();
  });

  it('goes on with the chain where it was', async () => {
    using folder = new Folder();
    for (const prefix of ['a', 'b', 'c']) {
      await using store = await open(folder.path);
      await bill(store, 5, prefix);
    }
    await using store = await open(folder.path);
    assert.deepEqual((await store.ledger.head())?.sequence, 15);
    await assertProven(store);
  });

  it('syncs every commit also when it is re-opened: better-sqlite3 would take NORMAL then', () => {
    using folder = new Folder();
    for (let time = 0; time < 2; time += 1) {
      const db = openForWriting(folder.file('a.db'));
      assert.equal(db.pragma('synchronous', { simple: true }), 2n);
      assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
      db.exec('CREATE TABLE IF NOT EXISTS t (a INTEGER) STRICT');
      db.close();
    }
  });

  it('commits what it was asked for before it is closed, and refuses what comes after', async () => {
    using folder = new Folder();
    const store = await open(folder.path, { endGroupMs: 100 });
    const pending = [store.ledger.finish(end('a')), store.ledger.finish(end('b'))];
    const closing = store.close();
    assert.equal(store.close(), closing);
    await closing;
    assert.deepEqual(
      (await Promise.all(pending)).map(({ sequence }) => sequence),
      [1, 2],
    );
    await assert.rejects(store.ledger.finish(end('c')), { code: 'STORAGE_FAILED' });
    await using reader = await openReader(folder.path);
    assert.equal((await all(reader.ledger)).length, 2);
  });

  it('grows the ballast anew when somebody took it away', async () => {
    using folder = new Folder();
    for (let time = 0; time < 2; time += 1) {
      await using store = await open(folder.path);
      assert.equal(store.health, 'ok');
      assert.equal(statSync(folder.file('weir.ballast')).size, 64 * 1024);
    }
  });
});
