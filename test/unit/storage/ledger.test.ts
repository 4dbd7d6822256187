import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { isWeirError } from '#base';
import { chainHash, type JsonObject, openReader, type Store } from '#storage';
import { all, assertProven, bill, end, Folder, open, outline, prove, session } from './box.ts';

const counters = { txBytes: 0n, txPackets: 0n, droppedPackets: 0n, reportedLostPackets: 0n };

describe('the ledger', () => {
  it('stores the record as the text it signed, and a third party can check it with the public key alone', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    const record: JsonObject = { z: 1, a: 'ü "quoted" \u2028', charge: { amount: '0.10', currency: 'EUR' } };
    await store.ledger.start(session('one'));
    const entry = await store.ledger.finish(end('one', { record }));
    assert.equal(entry.body, JSON.stringify(record));
    const [stored] = await all(store.ledger);
    assert.deepEqual(stored, entry);
    const signature = Buffer.from(entry.signature, 'base64url');
    assert.ok(verify(null, chainHash(entry), createPublicKey(store.device.publicKey), signature));
    assert.deepEqual(await store.ledger.head(), { sequence: 1, hash: entry.hash });
  });

  it('never gives a session two records', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await store.ledger.start(session('one'));
    const [first, second] = await Promise.all([
      store.ledger.finish(end('one')),
      store.ledger.finish(end('one', { record: { another: true } })),
    ]);
    const third = await store.ledger.finish(end('one', { record: { late: true } }));
    assert.deepEqual([second, third], [first, first]);
    assert.equal((await all(store.ledger)).length, 1);
  });

  it('stores the record of a session whose start it does not know', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    const entry = await store.ledger.finish(end('unheard-of'));
    assert.deepEqual(outline(await all(store.ledger)), ['1 usage']);
    assert.deepEqual((await store.outbox.waiting('https:collector')).entries, [entry]);
  });

  it('refuses a start twice without harm to the others in the same commit', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    const starts = ['one', 'two', 'one', 'three'].map((id) => store.ledger.start(session(id)));
    const outcomes = await Promise.allSettled(starts);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    );
    await assert.rejects(store.ledger.start(session('two')), (error) =>
      isWeirError(error, 'STORAGE_BAD_ARGUMENT'),
    );
  });

  it('keeps 64-bit counters to the last bit', async () => {
    using folder = new Folder();
    const sample = { sessionId: 'one', ...counters, txBytes: 2n ** 62n + 1n, txPackets: 2n ** 53n + 1n };
    {
      await using store = await open(folder.path);
      await store.ledger.start(session('one'));
      await store.ledger.checkpoint(9_000_000_000n, [sample, { ...sample, sessionId: 'ended already' }]);
    }
    await using store = await open(folder.path);
    const { sessionId: _, ...kept } = sample;
    assert.deepEqual(store.leftOpen[0]?.counters, kept);
  });

  const bad: ReadonlyArray<
    [name: string, write: (store: Awaited<ReturnType<typeof open>>) => Promise<unknown>]
  > = [
    ['a counter below zero', (s) => s.ledger.checkpoint(1n, [{ ...counters, sessionId: 'x', txBytes: -1n }])],
    [
      'a counter beyond 63 bits',
      (s) => s.ledger.checkpoint(1n, [{ ...counters, sessionId: 'x', txBytes: 2n ** 63n }]),
    ],
    ['a time that is not a number', (s) => s.ledger.start(session('x', { startedAt: Number.NaN }))],
    ['a time with a fraction', (s) => s.ledger.finish(end('x', { endedAt: 1.5 }))],
    ['an empty session id', (s) => s.ledger.start(session(''))],
    ['half a character', (s) => s.ledger.start(session('\ud800'))],
    ['an unnamed destination', (s) => s.ledger.finish(end('x', { deliveries: [''] }))],
    [
      'a clock that is undefined',
      (s) => s.ledger.finish(end('x', { clockTrusted: undefined as unknown as boolean })),
    ],
    ['a page that begins nowhere', (s) => s.ledger.entries({ after: Number.NaN })],
    [
      'an outcome that is none',
      (s) => s.outbox.settle('x', [{ sequence: 1, outcome: 'forgotten' as 'acknowledged' }]),
    ],
  ];
  for (const [name, write] of bad) {
    it(`refuses ${name} and writes nothing`, async () => {
      using folder = new Folder();
      await using store = await open(folder.path);
      await assert.rejects(write(store), (error) => isWeirError(error, 'STORAGE_BAD_ARGUMENT'));
      assert.equal(await store.ledger.head(), undefined);
    });
  }

  it('finds entries by the time of the fact, also when the clock went backwards', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    for (const [id, endedAt] of [
      ['a', 3_000],
      ['b', 1_000],
      ['c', 2_000],
    ] as const) {
      await store.ledger.finish(end(id, { endedAt }));
    }
    const found = await all(store.ledger, { since: 1_500, until: 3_000 });
    assert.deepEqual(outline(found), ['3 usage']);
    assert.deepEqual(outline(await all(store.ledger, { since: 1_000, limit: 1 })), [
      '1 usage',
      '2 usage',
      '3 usage',
    ]);
    await assertProven(store);
  });

  it('corrects the time of what was written under a wrong clock, and not the entries', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    const wrong = await store.ledger.finish(end('a', { endedAt: 1_000, clockTrusted: false }));
    const right = await store.ledger.finish(end('b', { endedAt: 1_000, clockTrusted: true }));
    const correction = { bootEpoch: store.bootEpoch, offsetMs: 500_000 };
    const clock = await store.ledger.correctClock({ ...correction, at: 502_000 });
    assert.deepEqual(JSON.parse(clock.body), correction);
    assert.deepEqual(await store.ledger.corrections(), [correction]);
    assert.deepEqual(await all(store.ledger, { since: 400_000, until: 502_000 }), [wrong]);
    assert.deepEqual(await all(store.ledger, { until: 400_000 }), [right]);
    await assertProven(store);
  });

  it('knows at its opening what was written in this boot before the clock was known, until that is corrected', async () => {
    using folder = new Folder();
    const startAgain = async (bootId: string, write: (store: Store) => Promise<unknown> = async () => {}) => {
      await using store = await open(folder.path, { bootId });
      await write(store);
      return store.untrustedTimes;
    };
    const untrusted = (id: string, deliveries: string[]) => end(id, { clockTrusted: false, deliveries });
    const correct = ({ ledger, bootEpoch }: Store) => ledger.correctClock({ bootEpoch, offsetMs: 7, at: 8 });
    assert.equal(
      await startAgain('boot-a', ({ ledger }) => ledger.finish(untrusted('old', ['x']))),
      undefined,
    );
    assert.equal(await startAgain('boot-b', ({ ledger }) => ledger.finish(end('right'))), undefined);
    assert.equal(
      await startAgain('boot-b', ({ ledger }) => ledger.finish(untrusted('a', ['x', 'y']))),
      undefined,
    );
    const first = await startAgain('boot-b', ({ ledger }) => ledger.finish(untrusted('b', ['y', 'z'])));
    assert.deepEqual([first?.newest.sequence, first?.destinations, first?.corrected], [3, ['x', 'y'], false]);
    const second = await startAgain('boot-b', correct);
    assert.deepEqual(
      [second?.newest.sequence, second?.destinations.toSorted(), second?.corrected],
      [4, ['x', 'y', 'z'], false],
    );
    const third = await startAgain('boot-b', ({ ledger }) => ledger.finish(untrusted('c', [])));
    assert.deepEqual([third?.newest.sequence, third?.corrected], [4, true]);
    const fourth = await startAgain('boot-b');
    assert.deepEqual(
      [fourth?.newest.sequence, fourth?.corrected],
      [6, false],
      'written after the correction',
    );
    assert.equal(await startAgain('boot-c'), undefined, 'of another boot');
  });

  it('tells those who are to know of a correction, and of an anchor', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await store.ledger.finish(end('a', { endedAt: 1_000, clockTrusted: false, deliveries: [] }));
    const { bootEpoch } = store;
    await store.ledger.correctClock({ bootEpoch, offsetMs: 500_000, at: 502_000 }, ['https:auditor']);
    await store.ledger.finish(end('b', { endedAt: 600_000 }));
    assert.equal(await store.ledger.retain(502_000, ['mqtt:auditor', 'mqtt:auditor']), 1);
    const waiting = async (name: string) => outline((await store.outbox.waiting(name)).entries);
    assert.deepEqual(await waiting('https:auditor'), ['2 clock']);
    assert.deepEqual(await waiting('mqtt:auditor'), ['4 anchor']);
    assert.equal(await store.ledger.retain(700_000), 0, 'a note that waits is kept like a record');
    await store.outbox.settle('https:auditor', [{ sequence: 2, outcome: 'acknowledged' }]);
    assert.deepEqual(await waiting('https:auditor'), []);
    await assertProven(store);
  });

  it('exports ten thousand records in bounded pages, and they prove themselves', async function () {
    this.timeout(120_000);
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 10_000);
    assert.equal((await store.ledger.entries({ limit: 1_000_000 })).entries.length, 1_000);
    await using reader = await openReader(folder.path);
    const report = await prove(reader);
    assert.deepEqual([report.ok, report.count, report.start], [true, 10_000, 'first']);
    // A search by time may come up empty for a while; it still ends, with what there is.
    assert.deepEqual(await all(reader.ledger, { since: 1_800_000_000_000 }), []);
  });

  it('is read beside the daemon while that commits, each page as of one moment', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await using reader = await openReader(folder.path);
    const writing = bill(store, 500);
    let seen = 0;
    do {
      const entries = await all(reader.ledger);
      assert.deepEqual(
        entries.map(({ sequence }) => sequence),
        entries.map((_, index) => index + 1),
      );
      assert.ok(entries.length >= seen, 'entries went away');
      seen = entries.length;
    } while (seen < 500);
    await writing;
    assert.equal((await reader.outbox.waiting('https:collector', { limit: 1_000 })).entries.length, 500);
  });

  it('keeps its files from others', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 1);
    const open_ = readdirSync(folder.path).filter((name) => (statSync(folder.file(name)).mode & 0o077) !== 0);
    assert.deepEqual(open_, ['weir.lock']);
  });
});

describe('retention', () => {
  const day = 86_400_000;

  it('removes the oldest entries and leaves an anchor the rest proves itself by', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    const old = await Promise.all(
      ['a', 'b', 'c'].map((id) => store.ledger.finish(end(id, { endedAt: 1 * day, deliveries: [] }))),
    );
    await store.ledger.finish(end('d', { endedAt: 9 * day, deliveries: [] }));
    assert.equal(await store.ledger.retain(5 * day), 3);
    const kept = await all(store.ledger);
    assert.deepEqual(outline(kept), ['4 usage', '5 anchor']);
    const last = { sequence: 3, hash: old[2]?.hash };
    assert.deepEqual(JSON.parse(kept[1]?.body ?? ''), { reason: 'retention', last, missing: [] });
    const report = await prove(store);
    assert.deepEqual([report.ok, report.start], [true, 'anchored']);
  });

  it('keeps what a destination still waits for or refused, and what comes after it', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await bill(store, 6);
    const settle = (from: number, to: number, outcome: 'acknowledged' | 'unconfirmed' | 'quarantined') =>
      store.outbox.settle(
        'https:collector',
        Array.from({ length: to - from + 1 }, (_, index) => ({ sequence: from + index, outcome })),
      );
    await settle(1, 1, 'acknowledged');
    await settle(2, 2, 'unconfirmed');
    await settle(4, 4, 'quarantined');
    await settle(5, 6, 'acknowledged');
    const never = 2_000_000_000_000;
    assert.equal(await store.ledger.retain(never), 2);
    await settle(3, 3, 'acknowledged');
    assert.equal(await store.ledger.retain(never), 1);
    assert.deepEqual(outline((await all(store.ledger)).slice(0, 1)), ['4 usage']);
    await store.outbox.requeue('https:collector');
    await settle(4, 4, 'acknowledged');
    assert.equal(await store.ledger.retain(never), 4);
    await assertProven(store);
  });

  it('comes to rest: a chain of anchors alone is left as it is', async () => {
    using folder = new Folder();
    await using store = await open(folder.path);
    await store.ledger.finish(end('a', { deliveries: [] }));
    await store.ledger.finish(end('b', { deliveries: [] }));
    const never = 2_000_000_000_000;
    await store.ledger.retain(never);
    await store.ledger.retain(never);
    const before = await all(store.ledger);
    assert.equal(await store.ledger.retain(never), 0);
    assert.deepEqual(await all(store.ledger), before);
    assert.deepEqual([...new Set(before.map(({ kind }) => kind))], ['anchor']);
  });

  it('goes on in steps through more than one transaction can remove', async function () {
    this.timeout(60_000);
    using folder = new Folder();
    await using store = await open(folder.path);
    const ids = Array.from({ length: 4_500 }, (_, index) => `s${index}`);
    await Promise.all(ids.map((id) => store.ledger.finish(end(id, { endedAt: 1_000, deliveries: [] }))));
    await store.ledger.finish(end('kept', { endedAt: 9_000, deliveries: [] }));
    assert.equal(await store.ledger.retain(5_000), 4_500);
    const kept = await all(store.ledger);
    assert.deepEqual(kept[0]?.sequence, 4_501);
    assert.equal((await prove(store)).start, 'anchored');
  });
});
