import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seal, sha256 } from '../../../src/config/kept/sealed.ts';
import { useBench, who } from './bench.ts';
import { smallest, standing } from './box-folder.ts';

describe('a configuration file', () => {
  const bench = useBench();
  const { open, commit, inForce, nameOnDisk } = bench;

  const damage: readonly [what: string, how: () => Promise<unknown>][] = [
    ['is gone', () => rm(bench.folder.file)],
    [
      'is torn',
      async () => writeFile(bench.folder.file, (await readFile(bench.folder.file)).subarray(0, 30)),
    ],
    ['is empty', () => writeFile(bench.folder.file, '')],
    ['is no JSON any more', () => writeFile(bench.folder.file, '\0'.repeat(200))],
    ['has a value out of range', () => writeFile(bench.folder.file, '{"relay":{"ringSeconds":0}}')],
    ['is a folder', () => rm(bench.folder.file).then(() => mkdir(bench.folder.file))],
  ];
  for (const [what, how] of damage) {
    it(`that ${what}: the newest commit is in force, and an alarm says so`, async () => {
      await commit('first');
      await commit('second', 'relay ringSeconds 9');
      await how();
      await open();
      assert.equal(inForce(), 'second');
      assert.equal(bench.configurations.config?.relay.ringSeconds, 9);
      assert.deepEqual(standing(bench.box), ['config.damaged']);
      assert.match(bench.box.alarms.standing()[0]?.text ?? '', /commit 2 is in force/);
    });
  }

  it('that was damaged is whole again at the next start, and a copy of it is kept', async () => {
    await commit('first');
    await writeFile(bench.folder.file, '{ torn');
    await open();
    assert.equal(await nameOnDisk(), 'first');
    assert.equal(await readFile(`${bench.folder.file}.damaged`, 'utf8'), '{ torn');
    await open();
    assert.deepEqual(standing(bench.box), []);
    assert.deepEqual(
      bench.configurations.history().map(({ who }) => who),
      ['recovery', 'ann'],
    );
  });

  describe('that this version does not take, as an update has brought it', () => {
    // What a later Weir may have committed and this one refuses, or the other way round.
    const foreign = `${JSON.stringify({ ...smallest, system: { name: 'second' }, relay: { colour: 1 } })}\n`;
    const commitFile = () => join(bench.folder.folder, 'commit-00000002.json');

    beforeEach(async () => {
      await commit('first');
      await commit('second');
      const { body } = JSON.parse(await readFile(commitFile(), 'utf8'));
      await writeFile(`${bench.folder.file}.mine`, foreign);
      await rename(`${bench.folder.file}.mine`, bench.folder.file);
      const { ino, mtimeMs } = await stat(bench.folder.file, { bigint: true });
      const stamps = {
        fileSha256: sha256(foreign),
        fileStamp: { inode: String(ino), modifiedMs: Number(mtimeMs) },
      };
      await writeFile(commitFile(), seal({ ...body, tree: JSON.parse(foreign), ...stamps }));
    });

    const assertLeft = async () => {
      for (let start = 0; start < 2; start += 1) {
        await open();
        assert.equal(inForce(), 'first');
        assert.deepEqual(standing(bench.box), ['config.damaged']);
        assert.match(
          bench.box.alarms.standing()[0]?.text ?? '',
          /commit 1 is in force and the file left as it is: /,
        );
        assert.deepEqual(
          bench.configurations.history().map(({ number }) => number),
          [1, 2],
        );
      }
    };

    it('is left to the version that does, however often this one starts; an earlier commit is in force', async () => {
      await assertLeft();
      assert.equal(await readFile(bench.folder.file, 'utf8'), foreign);
      assert.ok((await readdir(bench.folder.folder)).includes('commit-00000002.json'));
    });

    it('is replaced by the next commit, also one that changes nothing, and a copy of it stays', async () => {
      await assertLeft();
      const { kind } = await bench.configurations.commit(bench.configurations.candidate(), { who });
      assert.equal(kind, 'committed');
      assert.equal(await nameOnDisk(), 'first');
      assert.deepEqual(standing(bench.box), []);
      assert.equal(await readFile(`${bench.folder.file}.damaged`, 'utf8'), foreign);
      assert.equal(
        (await bench.configurations.commit(bench.configurations.candidate(), { who })).kind,
        'unchanged',
      );
      await open();
      assert.equal(inForce(), 'first');
      assert.deepEqual(standing(bench.box), []);
      assert.deepEqual(
        bench.configurations.history().map(({ number }) => number),
        [3, 2, 1],
      );
    });

    it('is not made of an earlier commit where it is torn: the newest one is still there', async () => {
      await writeFile(bench.folder.file, '{ torn');
      await assertLeft();
      assert.equal(await readFile(bench.folder.file, 'utf8'), '{ torn');
      assert.equal(await readFile(`${bench.folder.file}.damaged`, 'utf8'), '{ torn');
    });
  });

  it('in which a byte has turned so that it is refused is whole again at the next start', async () => {
    await commit('first', 'relay ringSeconds 9');
    const { atime, mtimeMs } = await stat(bench.folder.file);
    const text = await readFile(bench.folder.file, 'utf8');
    await writeFile(bench.folder.file, text.replace('ringSeconds', 'ringSecondz'));
    await utimes(bench.folder.file, atime, Math.floor(mtimeMs) / 1000 + 0.0005);
    await open();
    assert.equal(bench.configurations.config?.relay.ringSeconds, 9);
    assert.match(bench.box.alarms.standing()[0]?.text ?? '', /commit 1 is in force: .*decayed/);
    await open();
    assert.deepEqual(standing(bench.box), []);
  });

  it('in which a byte has turned on the medium is not believed, though it still is a configuration', async () => {
    await commit('first', 'relay ringSeconds 9');
    const { atime, mtimeMs } = await stat(bench.folder.file);
    const text = await readFile(bench.folder.file, 'utf8');
    await writeFile(bench.folder.file, text.replace('"ringSeconds": 9', '"ringSeconds": 8'));
    await utimes(bench.folder.file, atime, Math.floor(mtimeMs) / 1000 + 0.0005);
    await open();
    assert.equal(bench.configurations.config?.relay.ringSeconds, 9);
    assert.match(bench.box.alarms.standing()[0]?.text ?? '', /decayed/);
  });

  it('that somebody has written counts, and is a commit of its own', async () => {
    await commit('first');
    await writeFile(
      `${bench.folder.file}.mine`,
      JSON.stringify({ ...smallest, system: { name: 'by-hand' } }),
    );
    await rename(`${bench.folder.file}.mine`, bench.folder.file);
    await open();
    assert.equal(inForce(), 'by-hand');
    assert.deepEqual(standing(bench.box), []);
    assert.deepEqual(
      bench.configurations.history().map(({ number, who }) => [number, who]),
      [
        [2, 'file'],
        [1, 'ann'],
      ],
    );
    assert.equal((await bench.configurations.rollback(1)).tree.system !== undefined, true);
    await open();
    assert.equal(bench.configurations.history().length, 2);
  });

  it('that was never good, with nothing kept: the box is there to be configured, and an alarm says why', async () => {
    await writeFile(bench.folder.file, '{"relay":{"colour":1}}');
    await open();
    assert.equal(bench.configurations.config, undefined);
    assert.match(
      bench.box.alarms.standing()[0]?.text ?? '',
      /nothing earlier is kept: relay\.colour: is not known here/,
    );
    await commit('first');
    assert.deepEqual(standing(bench.box), []);
    assert.equal(await nameOnDisk(), 'first');
  });

  it('of before lists had keys is brought to the form of today', async () => {
    const old = { ...smallest, relay: { origins: [{ address: '192.0.2.9', port: 8554 }] } };
    await writeFile(bench.folder.file, JSON.stringify(old));
    await open();
    assert.deepEqual(bench.configurations.tree, {
      ...smallest,
      relay: { origins: [{ address: '192.0.2.9:8554' }] },
    });
  });
});
