import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isWeirError } from '#base';
import { type AnchorBody, openReader } from '#storage';
import { all, assertProven, bill, end, Folder, newAlarms, open, prove, session } from './box.ts';

const pageSize = 4_096;
const destination = 'https:collector';
const total = 300;

/** 300 entries, the first 100 acknowledged, one session open; closed in good order. */
async function fill(folder: Folder): Promise<void> {
  await using store = await open(folder.path);
  await bill(store, total);
  const acknowledged = Array.from({ length: 100 }, (_, index) => index + 1);
  await store.outbox.settle(
    destination,
    acknowledged.map((sequence) => ({ sequence, outcome: 'acknowledged' as const })),
  );
  await store.ledger.start(session('left open'));
}

/** Changes the closed database. */
function change(folder: Folder, how: (bytes: Buffer) => void): void {
  const bytes = readFileSync(folder.file('weir.db'));
  how(bytes);
  writeFileSync(folder.file('weir.db'), bytes);
}

/** Offset of the stored record of the session's end. */
function recordOf(bytes: Buffer, index: number): number {
  const offset = bytes.indexOf(`{"recordId":"record-of-session-${index}"`);
  assert.notEqual(offset, -1);
  return offset;
}

const setAside = (folder: Folder) =>
  readdirSync(folder.path).filter((name) => /^weir-damaged-.*\.db$/.test(name));

/**
 * What must hold after any damage: an alarm, the old file kept, the chain proven but for what an anchor declares, no sequence
 * given out twice, billing goes on. Returns what was saved.
 */
async function assertGoesOn(folder: Folder) {
  const alarms = newAlarms();
  await using store = await open(folder.path, { alarms });
  const raised = alarms.standing().filter(({ name }) => name === 'storage.damaged');
  assert.equal(raised.length, 1);
  assert.equal(store.health, 'ok');
  const entries = await all(store.ledger);
  const anchors = entries.filter(({ kind }) => kind === 'anchor');
  assert.equal(anchors.length, 1);
  assert.equal((JSON.parse(anchors[0]?.body ?? '') as AnchorBody).reason, 'damage');
  assert.ok((anchors[0]?.sequence ?? 0) > total, 'a sequence may have been given out twice');
  const [next] = await bill(store, 1, 'afterwards');
  assert.equal(next?.sequence, (anchors[0]?.sequence ?? 0) + 1);
  const report = await prove(store);
  assert.deepEqual([report.faults, report.start === 'unknown'], [[], false]);
  return {
    text: raised[0]?.text ?? '',
    usage: entries.filter(({ kind }) => kind === 'usage'),
    leftOpen: store.leftOpen.map(({ sessionId }) => sessionId),
    waiting: (await store.outbox.waiting(destination, { limit: 1_000 })).entries.map(
      ({ sequence }) => sequence,
    ),
    declared: report.declaredMissing,
  };
}

describe('a damaged database is set aside and salvaged', () => {
  it('when one bit of a record is not as it was written, which SQLite does not see', async () => {
    using folder = new Folder();
    await fill(folder);
    change(folder, (bytes) => {
      const offset = recordOf(bytes, 199) + 4;
      bytes[offset] = (bytes[offset] ?? 0) ^ 0x01;
    });
    const saved = await assertGoesOn(folder);
    assert.match(saved.text, /checksum of entry 200/);
    assert.equal(saved.usage.length, total - 1);
    assert.deepEqual(saved.leftOpen, ['left open']);
    assert.deepEqual(saved.declared[0], { from: 200, to: 200 });
    // Acknowledged ones do not wait again, the others still do.
    assert.deepEqual([saved.waiting.length, saved.waiting[0]], [total - 101 + 1, 101]);
    assert.equal(setAside(folder).length, 1);
  });

  it('when a page of its tree is broken: the entries of the other pages are saved', async () => {
    using folder = new Folder();
    await fill(folder);
    change(folder, (bytes) => {
      const page = Math.floor(recordOf(bytes, 199) / pageSize) * pageSize;
      bytes[page] = 0;
    });
    const saved = await assertGoesOn(folder);
    assert.ok(saved.usage.length >= total - 20 && saved.usage.length < total, `${saved.usage.length} saved`);
    assert.deepEqual(saved.leftOpen, ['left open']);
    assert.ok(!saved.waiting.includes(200));
    assert.ok(saved.waiting.includes(total));
  });

  it('when the start of an open session is not as it was written: the others are saved', async () => {
    using folder = new Folder();
    await fill(folder);
    {
      await using store = await open(folder.path);
      await store.ledger.start(session('spoilt', { facts: { url: 'rtsp://spoilt.example/' } }));
    }
    change(folder, (bytes) => {
      bytes[bytes.indexOf('rtsp://spoilt.example/') + 8] = 0x58;
    });
    const saved = await assertGoesOn(folder);
    assert.match(saved.text, /checksum of session 1/);
    assert.deepEqual(saved.leftOpen, ['left open']);
    assert.equal(saved.usage.length, total);
  });

  it('when the deliveries cannot be read: what they told waits again, rather told twice than never', async () => {
    using folder = new Folder();
    await fill(folder);
    change(folder, (bytes) => {
      // The page that holds the destination's name, twice: the table's and the index of names.
      for (let at = bytes.indexOf(destination); at !== -1; at = bytes.indexOf(destination, at + 1)) {
        const page = Math.floor(at / pageSize) * pageSize;
        if (bytes.indexOf('record-of-', page) > page + pageSize || bytes.indexOf('record-of-', page) === -1) {
          bytes[page] = 0;
        }
      }
    });
    const saved = await assertGoesOn(folder);
    assert.equal(saved.usage.length, total);
    assert.equal(saved.waiting.length, total + 1);
  });

  for (const [name, spoil] of [
    [
      'cut to half its length',
      (path: string) => truncateSync(path, (readFileSync(path).length / 2) & ~4_095),
    ],
    ['cut in the middle of a page', (path: string) => truncateSync(path, readFileSync(path).length - 1_000)],
    ['overwritten with noise', (path: string) => writeFileSync(path, randomBytes(300_000))],
    ['empty', (path: string) => truncateSync(path, 0)],
  ] as const) {
    it(`when it is ${name}`, async () => {
      using folder = new Folder();
      await fill(folder);
      spoil(folder.file('weir.db'));
      await assertGoesOn(folder);
      assert.equal(setAside(folder).length, 1);
    });
  }

  it('and the alarm stands again at each start until the file is taken away', async () => {
    using folder = new Folder();
    await fill(folder);
    writeFileSync(folder.file('weir.db'), randomBytes(8_192));
    await assertGoesOn(folder);
    const standing = async () => {
      const alarms = newAlarms();
      await using _ = await open(folder.path, { alarms });
      return alarms.standing().map(({ name }) => name);
    };
    assert.deepEqual(await standing(), ['storage.damaged']);
    for (const name of setAside(folder)) rmSync(folder.file(name));
    assert.deepEqual(await standing(), []);
  });

  it('and again when the new one is damaged, too', async () => {
    using folder = new Folder();
    await fill(folder);
    for (let time = 1; time <= 2; time += 1) {
      writeFileSync(folder.file('weir.db'), randomBytes(8_192));
      await (await open(folder.path)).close();
      assert.equal(setAside(folder).length, time);
    }
    await using store = await open(folder.path);
    await assertProven(store);
  });

  for (const step of ['before the damaged one was moved', 'after its log was moved', 'after it was moved']) {
    it(`and the swap is finished after a power cut ${step}`, async () => {
      using folder = new Folder();
      await fill(folder);
      // The replacement is complete, and named so.
      using other = new Folder();
      await fill(other);
      renameSync(other.file('weir.db'), folder.file('weir-new-20260101T000000Z.db'));
      renameSync(other.file('device.key'), folder.file('device.key'));
      const aside = folder.file('weir-damaged-20260101T000000Z.db');
      writeFileSync(folder.file('weir.db'), 'damaged');
      writeFileSync(folder.file('weir.db-wal'), 'its log');
      if (step.startsWith('after')) renameSync(folder.file('weir.db-wal'), `${aside}-wal`);
      if (step === 'after it was moved') renameSync(folder.file('weir.db'), aside);
      await using store = await open(folder.path);
      assert.equal((await store.ledger.head())?.sequence, total);
      assert.deepEqual(
        [readFileSync(aside, 'utf8'), readFileSync(`${aside}-wal`, 'utf8')],
        ['damaged', 'its log'],
      );
    });
  }
});

describe('when more than the database is lost', () => {
  it('nothing is, when the power went while the very first database was made', async () => {
    using folder = new Folder();
    {
      await using _ = await open(folder.path);
    }
    rmSync(folder.file('weir.state'));
    writeFileSync(folder.file('weir.db'), '');
    const alarms = newAlarms();
    await using store = await open(folder.path, { alarms });
    assert.deepEqual([alarms.standing(), (await bill(store, 1))[0]?.sequence], [[], 1]);
  });

  it('nothing is, where nothing was begun: a reader says so', async () => {
    using folder = new Folder();
    await assert.rejects(openReader(folder.path), (error) => {
      assert.ok(isWeirError(error, 'STORAGE_FAILED'));
      assert.match(error.describe(), /no records in this folder .*-> name the data folder/);
      return true;
    });
    writeFileSync(folder.file('weir.db'), '');
    await assert.rejects(openReader(folder.path), /cut off before there was a record/);
  });

  it('nothing is, when the power went in the middle of the first transaction of the first database', async () => {
    using folder = new Folder();
    {
      await using _ = await open(folder.path);
    }
    for (const name of ['weir.state', 'weir.db']) rmSync(folder.file(name));
    // So large that pages are in the file before the commit, and the journal is there to undo them.
    const making = new DatabaseSync(folder.file('making.db'));
    making.exec('PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))');
    for (const suffix of ['', '-journal']) {
      copyFileSync(folder.file(`making.db${suffix}`), folder.file(`weir.db${suffix}`));
    }
    making.close();
    assert.ok(statSync(folder.file('weir.db')).size > 0);
    await assert.rejects(openReader(folder.path), (error) => {
      assert.ok(isWeirError(error, 'STORAGE_FAILED'));
      assert.match(error.describe(), /cut off before there was a record .*-> start Weir once on it/);
      return true;
    });
    const alarms = newAlarms();
    await using store = await open(folder.path, { alarms });
    assert.deepEqual([alarms.standing(), (await bill(store, 1))[0]?.sequence], [[], 1]);
  });

  it('a database that is gone altogether is declared in the new one, with all its sequences', async () => {
    using folder = new Folder();
    await fill(folder);
    rmSync(folder.file('weir.db'));
    const saved = await assertGoesOn(folder);
    assert.match(saved.text, /gone/);
    assert.deepEqual([saved.usage, saved.leftOpen], [[], []]);
  });

  for (const [what, spoil] of [
    ['gone', (path: string) => rmSync(path)],
    ['noise', (path: string) => writeFileSync(path, randomBytes(2 * pageSize))],
  ] as const) {
    it(`who keeps the chain elsewhere is to be told of the anchor when the database is ${what}`, async () => {
      using folder = new Folder();
      await fill(folder);
      spoil(folder.file('weir.db'));
      await using store = await open(folder.path, { anchorDeliveries: ['https:audit'] });
      const { entries } = await store.outbox.waiting('https:audit');
      const anchors = (await all(store.ledger)).filter(({ kind }) => kind === 'anchor');
      assert.equal(anchors.length, 1);
      assert.deepEqual(entries, anchors);
    });
  }

  it('boot epochs go on above the old one', async () => {
    using folder = new Folder();
    for (const bootId of ['a', 'b', 'c']) await (await open(folder.path, { bootId })).close();
    rmSync(folder.file('weir.db'));
    await using store = await open(folder.path, { bootId: 'd' });
    assert.equal(store.bootEpoch, 4);
  });

  for (const [name, spoil] of [
    ['is missing', (path: string) => rmSync(path)],
    ['is noise', (path: string) => writeFileSync(path, 'no JSON')],
    ['is JSON of another kind', (path: string) => writeFileSync(path, 'null')],
    ['has values that cannot be', (path: string) => writeFileSync(path, '{"bootEpoch":-1,"clean":true}')],
  ] as const) {
    it(`a state file that ${name} is made anew from the database`, async () => {
      using folder = new Folder();
      await fill(folder);
      spoil(folder.file('weir.state'));
      const alarms = newAlarms();
      await using store = await open(folder.path, { bootId: 'b', alarms });
      assert.deepEqual([store.bootEpoch, alarms.standing()], [2, []]);
      assert.equal((await store.ledger.finish(end('next'))).sequence, total + 1);
    });
  }

  it('the state file and the database both damaged: sequences still do not repeat', async () => {
    using folder = new Folder();
    await fill(folder);
    rmSync(folder.file('weir.state'));
    change(folder, (bytes) => {
      bytes[recordOf(bytes, 299) + 4] = 0x58;
    });
    await assertGoesOn(folder);
  });

  it('what a reader meets that was damaged since the start is named, not returned', async () => {
    using folder = new Folder();
    await fill(folder);
    const alarms = newAlarms();
    await using store = await open(folder.path, { alarms });
    change(folder, (bytes) => {
      bytes[recordOf(bytes, 199) + 4] = 0x58;
    });
    const page = await store.ledger.entries({ after: 198, limit: 3 });
    assert.deepEqual([page.damaged, page.entries.map(({ sequence }) => sequence)], [[200], [199, 201]]);
    assert.deepEqual(
      alarms.standing().map(({ name }) => name),
      ['storage.damaged'],
    );
  });
});
