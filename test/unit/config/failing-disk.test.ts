import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { isWeirError } from '#base';
import { syncFolder } from '../../../src/config/kept/durable-file.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { nextChange, useBench, who } from './bench.ts';
import { BoxFolder, named, standing } from './box-folder.ts';

const notStored = (error: unknown) =>
  isWeirError(error, 'CONFIG_NOT_STORED') && /nothing was changed/.test(error.describe());
const uncertain = (error: unknown) =>
  isWeirError(error, 'CONFIG_FILE_UNCERTAIN') && /a start may begin with either/.test(error.describe());

describe('a disk on which the configuration file cannot be made durable', () => {
  const bench = useBench();
  const { open, commit, tryOut, inForce, nameOnDisk } = bench;
  /** What becomes of the next times that its folder is made durable, one after the other; then all go well. */
  let outcomes: ((folder: string) => Promise<void>)[];
  const fails = async () => {
    throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  };

  beforeEach(async () => {
    outcomes = [];
    bench.syncFolder = (folder) =>
      ((folder === bench.folder.path ? outcomes.shift() : undefined) ?? syncFolder)(folder);
    await open();
    await commit('first');
  });

  const leftOvers = async () =>
    (await readdir(bench.folder.path)).filter((name) => /\.(new|before)$/.test(name));

  it('has the old one again, the very same, when a commit fails at that, and nothing is left of the new one', async () => {
    const { ino } = await stat(bench.folder.file);
    outcomes = [fails];
    await assert.rejects(commit('second'), notStored);
    assert.equal(await nameOnDisk(), 'first');
    assert.equal((await stat(bench.folder.file)).ino, ino);
    assert.deepEqual(bench.box.follower.names, ['first', 'second', 'first']);
    assert.deepEqual([await leftOvers(), await bench.kept()], [[], ['commit-00000001.json']]);
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(bench.box), []);
  });

  it('has none again when the first commit fails at that', async () => {
    bench.folder = await BoxFolder.make();
    await open();
    outcomes = [fails];
    await assert.rejects(commit('first'), notStored);
    await open();
    assert.equal(bench.configurations.config, undefined);
    assert.deepEqual(standing(bench.box), []);
  });

  it('is said to hold either, with an alarm, when the old one is not sure either; the next commit makes it sure', async () => {
    outcomes = [fails, fails];
    await assert.rejects(commit('second'), uncertain);
    assert.equal(inForce(), 'first');
    assert.deepEqual(bench.box.follower.names, ['first', 'second', 'first']);
    assert.deepEqual(standing(bench.box), ['config.fileUncertain']);
    // Also one that changes nothing.
    const same = await bench.configurations.commit(bench.configurations.candidate(), { who });
    assert.equal(same.kind, 'committed');
    assert.deepEqual(standing(bench.box), []);
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual([await leftOvers(), standing(bench.box)], [[], []]);
  });

  it('that kept the new one after all begins with it, as the commit that it was', async () => {
    const lost = async () => {
      await rm(`${bench.folder.file}.before`);
      await fails();
    };
    outcomes = [lost];
    await assert.rejects(commit('second'), uncertain);
    assert.equal(inForce(), 'first');
    await open();
    assert.equal(inForce(), 'second');
    assert.deepEqual(
      bench.configurations.history().map((commit) => [commit.number, commit.who]),
      [
        [2, who],
        [1, who],
      ],
    );
    assert.deepEqual(standing(bench.box), []);
  });

  it('confirms nothing: the window goes on, and is taken back at its end', async () => {
    await tryOut('second');
    outcomes = [fails];
    await assert.rejects(bench.configurations.confirm(), notStored);
    assert.equal(await nameOnDisk(), 'first');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(600_000, 600_000);
    await reverted;
    assert.equal(inForce(), 'first');
  });

  describe('as it does not answer', () => {
    let answer: () => void;
    let asked: Promise<void>;

    beforeEach(() => {
      const { promise: hindrance, resolve } = Promise.withResolvers<void>();
      const { promise, resolve: ask } = Promise.withResolvers<void>();
      answer = resolve;
      asked = promise;
      outcomes = [
        (folder) => {
          ask();
          return hindrance.then(() => syncFolder(folder));
        },
      ];
    });
    const answers = async () => {
      const cleared = new Promise<void>((resolve) => {
        // The file is what it was when the alarm has gone.
        const look = () => (standing(bench.box).length === 0 ? resolve() : void setImmediate(look));
        look();
      });
      answer();
      await cleared;
    };

    it('is given up, the box brought back, and the old one put back when it answers', async () => {
      const given = assert.rejects(commit('second'), uncertain);
      await asked;
      await bench.clock.pass(30_000, 30_000);
      await given;
      assert.deepEqual(bench.box.follower.names, ['first', 'second', 'first']);
      assert.deepEqual(standing(bench.box), ['config.diskStuck', 'config.fileUncertain']);
      await assert.rejects(commit('third'), /busy still/);
      await answers();
      assert.equal(await nameOnDisk(), 'first');
      await commit('third');
      await open();
      assert.equal(inForce(), 'third');
      assert.deepEqual(standing(bench.box), []);
    });

    it('does not hold up the end of a confirm window', async () => {
      await tryOut('second');
      const given = assert.rejects(bench.configurations.confirm(), uncertain);
      await asked;
      await bench.clock.pass(30_000, 30_000);
      await given;
      const reverted = nextChange(bench.configurations);
      await bench.clock.pass(570_000, 570_000);
      await reverted;
      assert.equal(inForce(), 'first');
      assert.deepEqual(bench.box.follower.names, ['first', 'second', 'first']);
      answer();
    });
  });
});

describe('a box that never follows', () => {
  const bench = useBench();
  const { commit, tryOut, inForce, nameOnDisk } = bench;

  it('is given up, and brought back when it has followed after all', async () => {
    await commit('first');
    const { promise: hindrance, resolve: goOn } = Promise.withResolvers<void>();
    const { follower } = bench.box;
    const follow = follower.apply.bind(follower);
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    follower.apply = async (next) => {
      ask();
      await hindrance;
      return await follow(next);
    };
    const given = assert.rejects(commit('second'), /the box: not over after 180 s, given up/);
    await asked;
    await bench.clock.pass(180_000, 180_000);
    await given;
    assert.deepEqual(standing(bench.box), ['config.stuck']);
    assert.deepEqual([inForce(), await nameOnDisk()], ['first', 'first']);
    await assert.rejects(tryOut('third'), /busy still/);
    goOn();
    await settled();
    assert.deepEqual(follower.names, ['first', 'second', 'first']);
    assert.deepEqual(standing(bench.box), []);
    follower.apply = follow;
    await commit('third');
    assert.equal(await nameOnDisk(), 'third');
  });
});

describe('a disk that does not answer at the start', () => {
  it('holds it up for ten seconds: nothing is in force, nothing can be committed, and it goes on when it is read', async () => {
    await using folder = await BoxFolder.make();
    const first = await folder.open(new HandClock());
    await first.configurations.commit(named(first.configurations, 'first'), { who });
    await first.configurations.close();
    // Who reads a pipe waits until somebody writes.
    const text = await readFile(folder.file);
    await rm(folder.file);
    execFileSync('mkfifo', ['-m', '600', folder.file]);
    const clock = new HandClock();
    const opening = folder.open(clock);
    await settled();
    await clock.pass(10_000, 10_000);
    const box = await opening;
    const { configurations } = box;
    assert.deepEqual([configurations.unread, configurations.config], [true, undefined]);
    assert.deepEqual(standing(box), ['config.unread']);
    await assert.rejects(configurations.commit(named(configurations, 'second'), { who }), (error) =>
      isWeirError(error, 'NOT_READY'),
    );
    const read = nextChange(configurations);
    await writeFile(folder.file, text);
    await read;
    assert.equal(configurations.config?.system.name, 'first');
    assert.deepEqual([box.follower.names, standing(box)], [['first'], []]);
    await configurations.commit(named(configurations, 'second'), { who });
    assert.equal(box.follower.names.at(-1), 'second');
    await configurations.close();
  });

  it('begins with what it reads where only what is written hangs', async () => {
    await using folder = await BoxFolder.make();
    const first = await folder.open(new HandClock());
    await first.configurations.commit(named(first.configurations, 'first'), { who });
    await first.configurations.commit(named(first.configurations, 'second'), { who, confirmMinutes: 5 });
    await first.configurations.close();
    const clock = new HandClock();
    const { promise: hindrance, resolve: answer } = Promise.withResolvers<void>();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const opening = folder.open(clock, {
      syncFolder: async (path) => {
        ask();
        await hindrance;
        await syncFolder(path);
      },
    });
    await asked;
    await clock.pass(10_000, 10_000);
    const box = await opening;
    const { configurations } = box;
    assert.equal(configurations.unread, true);
    const read = nextChange(configurations);
    await clock.pass(20_000, 20_000);
    await read;
    assert.equal(configurations.config?.system.name, 'first');
    assert.equal(configurations.reverted()?.because, 'started again before it was confirmed');
    assert.deepEqual(standing(box).toSorted(), ['config.diskStuck', 'config.reverted']);
    answer();
    await settled();
    await configurations.close();
  });
});
