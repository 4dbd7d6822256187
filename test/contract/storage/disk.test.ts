import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Alarms } from '#base';
import { openReader } from '#storage';
import { all, assertProven, bill, end, newAlarms, open, session, until } from '../../unit/storage/box.ts';
import { describeReal } from '../describe-real.ts';
import { Disk, mayLoop } from './disk.ts';

const names = (alarms: Alarms) => alarms.standing().map(({ name }) => name);
const ids = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

/** Skipped without loop devices. */
const itLoops = mayLoop ? it : it.skip;

describeReal('a store on a bad disk', import.meta.filename, () => {
  for (const [name, make] of [
    ['in memory', () => Disk.tmpfs(8)],
    ['of ext4', () => Disk.ext4(24)],
  ] as const) {
    const itMay = name === 'of ext4' ? itLoops : it;
    describe(`that is full (${name})`, () => {
      itMay(
        'refuses starts, stores the ends in the room of the ballast, and recovers by itself',
        async function () {
          this.timeout(20_000);
          using disk = make();
          const alarms = newAlarms();
          await using store = await open(disk.path, { alarms, ballastBytes: 1024 * 1024 });
          await Promise.all(ids('open', 200).map((id) => store.ledger.start(session(id))));
          disk.fill();
          // Starts find out first.
          await until('a start is refused', async () => {
            const [outcome] = await Promise.allSettled([
              store.ledger.start(session(`probe-${Math.random()}`)),
            ]);
            return outcome.status === 'rejected' && outcome.reason.code === 'STORAGE_FULL';
          });
          assert.deepEqual([store.health, names(alarms)], ['full', ['storage.full']]);
          const ended = await Promise.all(ids('open', 200).map((id) => store.ledger.finish(end(id))));
          await store.outbox.settle('https:collector', [
            { sequence: ended[0]?.sequence ?? 0, outcome: 'acknowledged' },
          ]);
          assert.equal(store.health, 'full');
          disk.empty();
          await until('there is room again', () => store.health === 'ok');
          assert.deepEqual(names(alarms), []);
          assert.ok(existsSync(join(disk.path, 'weir.ballast')));
          await bill(store, 10, 'afterwards');
          await assertProven(store);
        },
      );

      itMay(
        'keeps ends that found no room at all until there is some, and loses nothing it acknowledged',
        async function () {
          this.timeout(20_000);
          using disk = make();
          const alarms = newAlarms();
          await using store = await open(disk.path, { alarms, ballastBytes: 256 * 1024 });
          const before = await bill(store, 100, 'before');
          disk.fill();
          let stored = 0;
          // A megabyte; the ballast is a quarter of it.
          const record = { padding: 'x'.repeat(2_000) };
          const ends = ids('late', 500).map(async (id) => {
            await store.ledger.finish(end(id, { record }));
            stored += 1;
          });
          await until('it is full', () => store.health === 'full');
          assert.ok(!existsSync(join(disk.path, 'weir.ballast')));
          assert.equal((await all(store.ledger)).length, before.length + stored);
          assert.ok(stored < ends.length);
          // What fits is stored, though not all together.
          await until('the room of the ballast is used', () => stored > 0);
          disk.empty();
          await Promise.all(ends);
          await until('there is room again', () => store.health === 'ok');
          const entries = await all(store.ledger);
          assert.deepEqual(entries.slice(0, before.length), before);
          assert.equal(entries.length, before.length + ends.length);
          await assertProven(store);
        },
      );
    });
  }

  it('raises an alarm when four fifths are taken, and clears it', async () => {
    using disk = Disk.tmpfs(8);
    const alarms = newAlarms();
    await using store = await open(disk.path, { alarms });
    disk.fill(1.5 * 1024 * 1024);
    await until('the alarm stands', () => names(alarms).includes('storage.nearlyFull'));
    assert.equal(store.health, 'nearly-full');
    await bill(store, 1);
    disk.empty();
    await until('the alarm is cleared', () => names(alarms).length === 0);
    assert.equal(store.health, 'ok');
  });

  it('that is full when it is opened gives the ballast up to open; without one it says what to do', async () => {
    using disk = Disk.tmpfs(8);
    await (await open(disk.path, { ballastBytes: 1024 * 1024 })).close();
    disk.fill();
    const alarms = newAlarms();
    {
      await using store = await open(disk.path, { alarms, ballastBytes: 1024 * 1024 });
      await until('health is told', () => store.health === 'full');
      assert.deepEqual(names(alarms), ['storage.full']);
      await assert.rejects(store.ledger.start(session('one')), { code: 'STORAGE_FULL' });
      await store.ledger.finish(end('from before'));
    }
    disk.fill();
    await assert.rejects(open(disk.path), (error: { code: string; advice: string }) => {
      assert.deepEqual([error.code, error.advice], ['STORAGE_FULL', 'free space there']);
      return true;
    });
  });

  itLoops(
    'that finds an error under it refuses starts, keeps ends in memory, and stores them once it is repaired',
    async function () {
      this.timeout(20_000);
      using disk = Disk.ext4(24);
      const alarms = newAlarms();
      await using store = await open(disk.path, { alarms });
      const before = await bill(store, 50, 'before');
      await Promise.all(ids('open', 50).map((id) => store.ledger.start(session(id))));
      disk.breakDown();
      await assert.rejects(store.ledger.start(session('refused')), { code: 'STORAGE_FAILED' });
      assert.deepEqual([store.health, names(alarms)], ['failed', ['storage.failed']]);
      const ends = ids('open', 50).map((id) => store.ledger.finish(end(id)));
      await assert.rejects(store.ledger.checkpoint(1n, []), { code: 'STORAGE_FAILED' });
      await assert.rejects(store.ledger.entries(), { code: 'STORAGE_FAILED' });
      await disk.repair();
      assert.deepEqual((await Promise.all(ends)).length, 50);
      await until('it works again', () => store.health === 'ok');
      const entries = await all(store.ledger);
      assert.deepEqual(entries.slice(0, 50), before);
      assert.equal(entries.filter(({ kind }) => kind === 'usage').length, 100);
      await assertProven(store);
      await bill(store, 10, 'afterwards');
    },
  );

  itLoops(
    'that is remounted read-only and back goes on by itself, and what it was refused is not there',
    async function () {
      this.timeout(20_000);
      using disk = Disk.ext4(24);
      const alarms = newAlarms();
      {
        await using store = await open(disk.path, { alarms });
        await store.ledger.start(session('stays open'));
        disk.breakDown();
        await assert.rejects(store.ledger.start(session('refused')), { code: 'STORAGE_FAILED' });
        {
          await using reader = await openReader(disk.path);
          assert.equal(await reader.ledger.head(), undefined);
        }
        await disk.repair();
        await until('it works again', () => store.health === 'ok');
      }
      await using store = await open(disk.path);
      assert.deepEqual(
        store.leftOpen.map(({ sessionId }) => sessionId),
        ['stays open'],
      );
    },
  );

  itLoops('that is read-only from the start is an error that says so', async () => {
    using disk = Disk.ext4(24);
    await (await open(disk.path)).close();
    disk.remountReadOnly(true);
    await assert.rejects(open(disk.path), { code: 'STORAGE_FAILED' });
  });

  itLoops('whose database is damaged when it comes back salvages it as at a start', async function () {
    this.timeout(20_000);
    using disk = Disk.ext4(24);
    {
      // Closing moves all into the database.
      await using store = await open(disk.path);
      await bill(store, 100);
    }
    const alarms = newAlarms();
    await using store = await open(disk.path, { alarms });
    await store.ledger.start(session('stays open'));
    disk.breakDown();
    const late = store.ledger.finish(end('late'));
    await until('it failed', () => store.health === 'failed');
    await disk.repair((path) => {
      const database = join(path, 'weir.db');
      const bytes = readFileSync(database);
      writeFileSync(database, bytes.fill(0, 8 * 4_096, 9 * 4_096));
    });
    await late;
    await until('it works again', () => store.health === 'ok');
    assert.deepEqual(names(alarms), ['storage.damaged']);
    await assertProven(store);
    await store.ledger.finish(end('stays open'));
  });

  itLoops(
    'that is unmounted under it does not make it another device in the folder beneath',
    async function () {
      this.timeout(20_000);
      using disk = Disk.ext4(24);
      const alarms = newAlarms();
      await using store = await open(disk.path, { alarms });
      disk.breakDown();
      const late = store.ledger.finish(end('late'));
      await until('it failed', () => store.health === 'failed');
      disk.unmount();
      await until('it has looked there', () => existsSync(join(disk.path, 'weir.lock')));
      assert.ok(!readdirSync(disk.path).includes('device.key'), 'it has made itself another identity');
      assert.equal(store.health, 'failed');
      disk.mount();
      await late;
      assert.equal((await store.ledger.head())?.sequence, 1);
    },
  );
});
