import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isWeirError } from '#base';
import { useBench } from './bench.ts';
import { standing } from './box-folder.ts';

describe('past commits', () => {
  const bench = useBench();
  const { open, commit, inForce } = bench;

  it('of which one is damaged are kept but for that one', async () => {
    for (const name of ['a', 'b', 'c']) await commit(name);
    const file = join(bench.folder.folder, 'commit-00000002.json');
    const bytes = await readFile(file);
    bytes[bytes.indexOf('"b"') + 1] = 'x'.charCodeAt(0);
    await writeFile(file, bytes);
    await open();
    assert.deepEqual(
      bench.configurations.history().map(({ number }) => number),
      [3, 1],
    );
    assert.equal((await bench.configurations.rollback(1)).tree.system !== undefined, true);
    assert.deepEqual(standing(bench.box), []);
  });

  it('that are damaged like the file: the newest good one is in force', async () => {
    for (const name of ['a', 'b']) await commit(name);
    await writeFile(bench.folder.file, 'torn');
    await writeFile(join(bench.folder.folder, 'commit-00000002.json'), 'torn as well');
    await open();
    assert.equal(inForce(), 'a');
    assert.deepEqual(standing(bench.box), ['config.damaged']);
  });

  it('that are gone with their folder while the box runs do not keep it from being configured', async () => {
    await commit('a');
    await rm(bench.folder.folder, { recursive: true });
    await commit('b');
    await open();
    assert.equal(inForce(), 'b');
    await assert.rejects(bench.configurations.rollback(1), (error) =>
      isWeirError(error, 'CONFIG_NO_SUCH_COMMIT'),
    );
  });

  it('that cannot be kept leave everything as it was', async () => {
    await commit('a');
    await rm(bench.folder.folder, { recursive: true });
    await writeFile(bench.folder.folder, 'no folder');
    await assert.rejects(commit('b'), (error) => isWeirError(error, 'CONFIG_NOT_STORED'));
    assert.equal(inForce(), 'a');
    assert.deepEqual(bench.box.follower.names, ['a']);
    assert.deepEqual((await readdir(bench.folder.path)).toSorted(), ['config', 'weir.json']);
  });

  it('of which the newest is damaged do not make what was confirmed look as if it had been taken back', async () => {
    await commit('a');
    await bench.tryOut('b');
    const unconfirmed = join(bench.folder.folder, 'unconfirmed.json');
    const kept = await readFile(unconfirmed);
    await bench.configurations.confirm();
    // As after a power cut right behind the moment from which it counts.
    await writeFile(unconfirmed, kept);
    await writeFile(join(bench.folder.folder, 'commit-00000002.json'), 'torn');
    await open();
    assert.equal(inForce(), 'b');
    assert.equal(bench.configurations.reverted(), undefined);
    assert.deepEqual(standing(bench.box), []);
  });
});
