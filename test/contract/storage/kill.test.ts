import assert from 'node:assert/strict';
import { existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { systemClock } from '#base';
import { openReader, type Store, type StoreReader } from '#storage';
import { all, assertProven, end, Folder, newAlarms, open } from '../../unit/storage/box.ts';
import { StoreChild } from './store-child.ts';

/** All that a store ever promised, over all its lives. */
class Promises {
  readonly started = new Set<string>();
  readonly ended = new Map<string, number>();
  readonly settled = new Set<number>();

  add(lines: readonly string[]): void {
    for (const line of lines) {
      const [word, name = '', sequence] = line.split(' ');
      if (word === 'started') this.started.add(name);
      if (word === 'ended') this.ended.set(name, Number(sequence));
      if (word === 'settled') this.settled.add(Number(name));
    }
  }

  /** Nothing told is missing or other than told, and nothing is there twice. `leftOpen`: where it is known. */
  async assertKept(store: StoreReader, leftOpen?: ReadonlySet<string>): Promise<void> {
    const entries = await all(store.ledger);
    const sequenceOf = new Map<string, number>();
    for (const entry of entries) {
      const { sessionId } = JSON.parse(entry.body) as { sessionId: string };
      assert.ok(!sequenceOf.has(sessionId), `${sessionId} has two records`);
      sequenceOf.set(sessionId, entry.sequence);
    }
    for (const [sessionId, sequence] of this.ended) {
      assert.equal(sequenceOf.get(sessionId), sequence, `the record of ${sessionId}`);
    }
    for (const sessionId of leftOpen === undefined ? [] : this.started) {
      assert.equal(
        sequenceOf.has(sessionId),
        !leftOpen?.has(sessionId),
        `${sessionId}: either open or recorded`,
      );
    }
    const waiting = new Set<number>();
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = await store.outbox.waiting('collector', { after });
      for (const { sequence } of page.entries) waiting.add(sequence);
      after = page.next;
    }
    for (const sequence of this.settled) assert.ok(!waiting.has(sequence), `${sequence} waits again`);
  }
}

const idsOf = (store: Store) => new Set(store.leftOpen.map(({ sessionId }) => sessionId));

describe('a store whose process is killed', () => {
  it('keeps every promise over 40 kills at random moments', async function () {
    this.timeout(180_000);
    using folder = new Folder();
    const promises = new Promises();
    for (let kill = 0; kill < 40; kill += 1) {
      await using child = await StoreChild.start(folder.path, { bootId: `boot-${kill >> 2}` });
      child.say('storm');
      await child.told((line) => line.startsWith('ended'));
      await systemClock.sleep(Math.random() * 60);
      await child.kill();
      promises.add(child.lines);
      if (kill % 8 !== 7) continue;
      const alarms = newAlarms();
      await using store = await open(folder.path, { bootId: `boot-${kill >> 2}`, alarms });
      assert.deepEqual(alarms.standing(), []);
      await promises.assertKept(store, idsOf(store));
      await assertProven(store);
    }
    assert.ok(promises.ended.size > 40, `only ${promises.ended.size} sessions`);
    await using store = await open(folder.path, { bootId: 'boot-9' });
    assert.equal(store.bootEpoch, 10);
    for (const { sessionId } of store.leftOpen) {
      await store.ledger.finish(end(sessionId, { record: { sessionId }, deliveries: ['collector'] }));
    }
    await promises.assertKept(store, new Set());
    await assertProven(store);
  });

  it('can be read where it lies, and reading takes nothing from its next start', async function () {
    this.timeout(60_000);
    using folder = new Folder();
    const promises = new Promises();
    {
      await using child = await StoreChild.start(folder.path);
      child.say('storm');
      await child.told((line) => line.startsWith('settled'));
      await child.kill();
      promises.add(child.lines);
    }
    const logBytes = statSync(folder.file('weir.db-wal')).size;
    {
      await using reader = await openReader(folder.path);
      await promises.assertKept(reader);
    }
    assert.equal(statSync(folder.file('weir.db-wal')).size, logBytes);
    const alarms = newAlarms();
    await using store = await open(folder.path, { alarms });
    assert.deepEqual(alarms.standing(), []);
    await promises.assertKept(store, idsOf(store));
  });

  for (const [name, lose] of [
    ['gone', (log: string) => rmSync(log)],
    ['empty', (log: string) => truncateSync(log, 0)],
  ] as const) {
    it(`does not give its sequences out again when its write-ahead log is ${name}, and says that something is lost`, async function () {
      this.timeout(60_000);
      using folder = new Folder();
      const promises = new Promises();
      {
        await using child = await StoreChild.start(folder.path);
        child.say('storm');
        await child.told((line) => line.startsWith('settled'));
        await child.kill();
        promises.add(child.lines);
      }
      assert.ok(existsSync(folder.file('weir.db-wal')));
      lose(folder.file('weir.db-wal'));
      const alarms = newAlarms();
      await using store = await open(folder.path, { alarms });
      assert.match(
        alarms
          .standing()
          .map(({ text }) => text)
          .join(),
        /write-ahead log/,
      );
      const { sequence } = await store.ledger.finish(end('next'));
      assert.ok(sequence > Math.max(...promises.ended.values()), `${sequence} was given out before`);
      await assertProven(store);
    });
  }

  it('lets go of the folder: the next one may have it', async function () {
    this.timeout(60_000);
    using folder = new Folder();
    await using child = await StoreChild.start(folder.path);
    await assert.rejects(open(folder.path), { code: 'STORAGE_LOCKED' });
    await child.kill();
    await (await open(folder.path)).close();
  });
});
