import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isWeirError } from '#base';
import type { Configurations } from '../../src/config/index.ts';
import { BoxFolder, named, type OpenBox, standing } from '../unit/config/box-folder.ts';
import { HandClock } from '../unit/session/scripted.ts';
import { Disk } from './storage/disk.ts';

const who = 'ann';
const notStored = (error: unknown) => isWeirError(error, 'CONFIG_NOT_STORED');

describe('configurations on a disk', () => {
  let disk: Disk;
  let folder: BoxFolder;
  let clock: HandClock;
  let box: OpenBox;

  const open = async () => {
    box = await folder.open(clock);
  };
  const commit = (name: string) => box.configurations.commit(named(box.configurations, name), { who });
  const tryOut = (name: string) =>
    box.configurations.commit(named(box.configurations, name), { who, confirmMinutes: 1 });
  /** What is held for commits as well. */
  const fillWholly = async (leaveBytes = 0) => {
    await rm(join(folder.folder, 'spare'), { force: true });
    disk.fill(leaveBytes);
  };
  const inForce = () => box.configurations.config?.system.name;
  const changed = (configurations: Configurations) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listening = configurations.changed.on(() => resolve());
    return promise.finally(() => listening[Symbol.dispose]());
  };

  beforeEach(async () => {
    disk = Disk.tmpfs(2);
    folder = await BoxFolder.make(disk.path);
    clock = new HandClock();
    await open();
    await commit('first');
  });
  afterEach(async () => {
    await box.configurations.close();
    disk[Symbol.dispose]();
  });

  it('that is full: the box can still be configured, as room is held for that', async () => {
    disk.fill();
    await commit('second');
    await open();
    assert.equal(inForce(), 'second');
    disk.empty();
    await commit('third');
    disk.fill();
    await tryOut('fourth');
    assert.equal(inForce(), 'fourth');
    await box.configurations.confirm();
    await open();
    assert.equal(inForce(), 'fourth');
  });

  it('that is full, with nothing held any more: the box is not touched, and it goes on when there is room', async () => {
    await fillWholly();
    await assert.rejects(commit('second'), notStored);
    await assert.rejects(tryOut('second'), notStored);
    assert.deepEqual(box.follower.names, ['first']);
    assert.equal(inForce(), 'first');
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(box), []);
    disk.empty();
    await commit('second');
    await open();
    assert.equal(inForce(), 'second');
  });

  it('with room for a part only: a commit is whole, or nothing of it is left', async () => {
    const outcomes = new Set<string>();
    for (let leave = 0; leave <= 10; leave++) {
      const before = inForce();
      const name = `n${leave}`;
      await fillWholly(leave * 4096);
      const outcome = await commit(name).then(
        () => 'committed',
        (error) => error.code,
      );
      outcomes.add(outcome);
      const expected = outcome === 'committed' ? name : before;
      assert.equal(inForce(), expected);
      await open();
      assert.equal(inForce(), expected);
      assert.deepEqual(standing(box), []);
      disk.empty();
    }
    assert.deepEqual([...outcomes], ['CONFIG_NOT_STORED', 'committed']);
  });

  it('that is full when a commit is to be confirmed: its window goes on, and it is taken back at its end', async () => {
    await tryOut('second');
    await fillWholly();
    await assert.rejects(box.configurations.confirm(), notStored);
    assert.equal(inForce(), 'second');
    assert.notEqual(box.configurations.unconfirmed(), undefined);
    const reverted = changed(box.configurations);
    await clock.pass(60_000, 60_000);
    await reverted;
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(box), ['config.reverted']);
    await open();
    assert.equal(inForce(), 'first');
    assert.equal(box.configurations.reverted()?.who, who);
  });

  it('that cannot be written: the box begins with what is there, and says so when it is to be changed', async () => {
    await tryOut('second');
    disk.remountReadOnly(true);
    await open();
    assert.equal(inForce(), 'first');
    assert.equal(box.configurations.reverted()?.because, 'started again before it was confirmed');
    await assert.rejects(commit('third'), notStored);
    disk.remountReadOnly(false);
    await commit('third');
    await open();
    assert.equal(inForce(), 'third');
    assert.deepEqual(standing(box), []);
  });
});
