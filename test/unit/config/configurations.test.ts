import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isWeirError } from '#base';
import { Candidate, type Configurations, parseConfig, renderCompare } from '../../../src/config/index.ts';
import { seal, sha256 } from '../../../src/config/kept/sealed.ts';
import { HandClock } from '../session/scripted.ts';
import { BoxFolder, named, type OpenBox, smallest, standing } from './box-folder.ts';

const who = 'ann';

/** Resolves when something else is in force. */
function nextChange(configurations: Configurations): Promise<void> {
  return new Promise((resolve) => {
    const listening = configurations.changed.on(() => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
}

/** As the event loop's timers, which count from when their turn of it began. */
class EarlyClock extends HandClock {
  override after(delayMs: number, run: () => void): Disposable {
    return super.after(Math.max(0, delayMs - 300), run);
  }
}

describe('Configurations', function () {
  // Fifty commits on a disk that others write to as well.
  this.timeout(20_000);
  let folder: BoxFolder;
  let clock: HandClock;
  let box: OpenBox;
  let configurations: Configurations;

  const open = async () => {
    box = await folder.open(clock);
    configurations = box.configurations;
  };
  const kept = async () => (await readdir(folder.folder)).filter((name) => name !== 'spare').toSorted();
  const commit = (name: string, ...lines: string[]) =>
    configurations.commit(named(configurations, name, ...lines), { who });
  const inForce = () => configurations.config?.system.name;
  const nameOnDisk = async () => ((await folder.read()) as { system: { name: string } }).system.name;

  beforeEach(async () => {
    folder = await BoxFolder.make();
    clock = new HandClock();
    await open();
  });
  afterEach(async () => {
    await configurations.close();
    await folder[Symbol.asyncDispose]();
  });

  it('begin with nothing on a new box, and keep the first commit', async () => {
    assert.equal(inForce(), undefined);
    assert.deepEqual(configurations.history(), []);
    const outcome = await commit('first');
    assert.equal(outcome.kind, 'committed');
    assert.deepEqual(await folder.read(), { ...smallest, system: { name: 'first' } });
    assert.deepEqual(box.follower.names, ['first']);
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(box), []);
    assert.deepEqual(await kept(), ['commit-00000001.json']);
  });

  it('are readable by their owner alone, as secrets are in them', async () => {
    await commit('first');
    for (const file of [folder.file, join(folder.folder, 'commit-00000001.json')]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    assert.equal((await stat(folder.folder)).mode & 0o777, 0o700);
  });

  it('say what a commit would do without doing it', async () => {
    await commit('first');
    const candidate = named(configurations, 'second', 'relay origins 192.0.2.9 username u');
    const { faults, changes, changedMeanwhile } = configurations.check(candidate);
    assert.deepEqual(faults, [
      { path: ['relay', 'origins', '192.0.2.9'], text: 'username and password go together' },
    ]);
    assert.deepEqual(
      changes.map(({ kind, path }) => [kind, path.join(' ')]),
      [
        ['changed', 'system name'],
        ['added', 'relay'],
      ],
    );
    assert.equal(changedMeanwhile, false);
    assert.equal(inForce(), 'first');
  });

  it('say which changes are not for what is open already', async () => {
    await commit('first');
    const lines = [
      'relay ringSeconds 9',
      'relay catchUp enabled false',
      'billing tariffs basic pricePerMinute 0',
    ];
    const { later } = configurations.check(named(configurations, 'second', ...lines, 'relay maxFeeds 9'));
    assert.deepEqual(
      later.map(({ path, appliesTo }) => [path.join(' '), appliesTo]),
      [
        ['relay ringSeconds', 'new feeds'],
        ['relay catchUp enabled', 'new feeds'],
        ['billing tariffs', 'new sessions'],
      ],
    );
  });

  it('refuse what does not fit together, by the path as it is typed, and stay as they are', async () => {
    await commit('first');
    await assert.rejects(
      commit('second', 'relay origins 192.0.2.9 username u'),
      (error) =>
        isWeirError(error, 'CONFIG_BAD_VALUE') &&
        /^relay origins 192\.0\.2\.9: username and password go together/.test(error.describe()),
    );
    assert.equal(await nameOnDisk(), 'first');
    assert.deepEqual(box.follower.names, ['first']);
  });

  it('do nothing when nothing is different', async () => {
    await commit('first');
    assert.equal((await commit('first')).kind, 'unchanged');
    assert.deepEqual(box.follower.names, ['first']);
    assert.equal(configurations.history().length, 1);
  });

  it('are taken back whole when the box cannot follow', async () => {
    await commit('first');
    box.follower.failNext = new Error('no such NIC');
    await assert.rejects(commit('second'), /no such NIC/);
    assert.equal(inForce(), 'first');
    assert.equal(await nameOnDisk(), 'first');
    assert.deepEqual(await kept(), ['commit-00000001.json']);
    assert.deepEqual(await readdir(folder.path), ['config', 'weir.json']);
    await commit('third');
    assert.deepEqual(box.follower.names, ['first', 'third']);
  });

  it('keep fifty commits with who, when and comment, and go back to any of them', async () => {
    for (let number = 1; number <= 53; number++) {
      await configurations.commit(named(configurations, `n${number}`), { who, comment: `change ${number}` });
    }
    const history = configurations.history();
    assert.equal(history.length, 50);
    assert.deepEqual(history[0], { number: 53, at: clock.nowMs(), who, comment: 'change 53' });
    assert.equal((await kept()).length, 50);
    const oldest = await configurations.rollback(49);
    assert.deepEqual(oldest.tree, { ...smallest, system: { name: 'n4' } });
    await assert.rejects(
      configurations.rollback(50),
      (error) => isWeirError(error, 'CONFIG_NO_SUCH_COMMIT') && /choose from 0 to 49/.test(error.describe()),
    );
    await open();
    assert.deepEqual(configurations.history(), history);
  });

  it('keep remarks with the commit, and a change of a remark is a commit', async () => {
    const candidate = named(configurations, 'first');
    candidate.annotate(['system'], 'in the cellar');
    await configurations.commit(candidate, { who });
    assert.deepEqual(await folder.read(), { ...smallest, system: { name: 'first' } });
    await open();
    assert.deepEqual(configurations.annotations, { system: 'in the cellar' });
    const again = configurations.candidate();
    again.annotate(['system'], 'in the attic');
    assert.equal((await configurations.commit(again, { who })).kind, 'committed');
  });

  it('do not let a commit undo what somebody else has committed meanwhile', async () => {
    await commit('first');
    const mine = named(configurations, 'mine');
    await commit('theirs');
    assert.equal(configurations.check(mine).changedMeanwhile, true);
    await assert.rejects(configurations.commit(mine, { who }), (error) =>
      isWeirError(error, 'CONFIG_CHANGED_MEANWHILE'),
    );
    assert.equal(inForce(), 'theirs');
  });

  it('put the changes of one who began earlier on top of what others have committed since', async () => {
    await commit(
      'first',
      'relay ringSeconds 8',
      'relay rtsp ports [ 554 555 ]',
      'billing tariffs a',
      'billing tariffs b',
    );
    const mine = configurations.candidate();
    mine.set([], ['relay', 'ringSeconds', '9']);
    mine.set([], ['relay', 'rtsp', 'ports', '556']);
    mine.set([], ['relay', 'origins', '192.0.2.9', 'username', 'u', 'password', 'p']);
    mine.delete(['relay', 'rtsp', 'ports', '554']);
    mine.insert(['billing', 'tariffs', 'b'], 'before', 'a');
    mine.annotate(['relay'], 'mine');
    const theirs = configurations.candidate();
    theirs.set([], ['relay', 'ringSeconds', '10']);
    theirs.set([], ['relay', 'maxFeeds', '9']);
    theirs.set([], ['relay', 'rtsp', 'ports', '557']);
    theirs.set([], ['relay', 'origins', '192.0.2.10']);
    theirs.annotate(['system'], 'theirs');
    await configurations.commit(theirs, { who: 'bob' });

    const { candidate, conflicts } = configurations.update(mine);
    assert.deepEqual(conflicts, [['relay', 'ringSeconds']]);
    assert.equal((await configurations.commit(candidate, { who })).kind, 'committed');
    const { relay, billing } = configurations.config ?? parseConfig(smallest);
    assert.deepEqual([relay.ringSeconds, relay.maxFeeds, relay.rtsp.ports], [9, 9, [555, 557, 556]]);
    assert.deepEqual(
      [relay.origins.map(({ address }) => address), billing.tariffs.map(({ name }) => name)],
      [
        ['192.0.2.10', '192.0.2.9'],
        ['b', 'a'],
      ],
    );
    assert.deepEqual(configurations.annotations, { system: 'theirs', relay: 'mine' });
  });

  it('take one commit after the other, as they were when they were asked for', async () => {
    await commit('first');
    const one = named(configurations, 'one');
    const two = named(configurations, 'two');
    const both = [configurations.commit(one, { who }), configurations.commit(two, { who })];
    one.set([], ['system', 'name', 'later']);
    const [first, second] = await Promise.allSettled(both);
    assert.equal(first?.status, 'fulfilled');
    assert.ok(second?.status === 'rejected' && isWeirError(second.reason, 'CONFIG_CHANGED_MEANWHILE'));
    assert.equal(inForce(), 'one');
  });

  it('tell who listens what is in force', async () => {
    const told: string[] = [];
    using _listening = configurations.changed.on(({ config }) => told.push(config.system.name));
    await commit('first');
    await commit('second');
    assert.deepEqual(told, ['first', 'second']);
  });

  describe('a commit that is to be confirmed', () => {
    const tryOut = (name: string, minutes = 10) =>
      configurations.commit(named(configurations, name), {
        who,
        comment: 'careful',
        confirmMinutes: minutes,
      });

    beforeEach(() => commit('first'));

    it('is in force at once, but the file keeps what was before', async () => {
      assert.equal((await tryOut('second')).kind, 'unconfirmed');
      assert.equal(inForce(), 'second');
      assert.equal(await nameOnDisk(), 'first');
      await clock.pass(60_000, 60_000);
      assert.deepEqual(configurations.unconfirmed(), {
        number: 2,
        at: clock.nowMs() - 60_000,
        who,
        comment: 'careful',
        minutes: 10,
        remainingSeconds: 540,
      });
      assert.deepEqual(
        configurations.history().map(({ number }) => number),
        [2, 1],
      );
    });

    it('stays when it is confirmed', async () => {
      await tryOut('second');
      assert.equal((await configurations.confirm()).number, 2);
      await clock.pass(3_600_000, 3_600_000);
      await open();
      assert.equal(inForce(), 'second');
      assert.deepEqual(standing(box), []);
      assert.deepEqual(await kept(), ['commit-00000001.json', 'commit-00000002.json']);
    });

    it('is taken back by a timer that is early, too', async () => {
      await configurations.close();
      const early = new EarlyClock();
      ({ configurations } = await folder.open(early));
      await configurations.commit(named(configurations, 'tried'), { who, confirmMinutes: 1 });
      await early.pass(59_500);
      assert.equal(inForce(), 'tried');
      const changed = nextChange(configurations);
      await early.pass(1000);
      await changed;
      assert.equal(inForce(), 'first');
    });

    it('is confirmed by the same commit without a window', async () => {
      await tryOut('second');
      assert.equal((await configurations.commit(configurations.candidate(), { who })).kind, 'confirmed');
      assert.equal(configurations.unconfirmed(), undefined);
      assert.equal(await nameOnDisk(), 'second');
    });

    it('is taken back when its time is over, and it is said what that was', async () => {
      await tryOut('second');
      const reverted = nextChange(configurations);
      await clock.pass(600_000, 600_000);
      await reverted;
      assert.equal(inForce(), 'first');
      assert.deepEqual(box.follower.names, ['first', 'second', 'first']);
      assert.deepEqual(standing(box), ['config.reverted']);
      const facts = configurations.reverted();
      assert.equal(facts?.because, 'not confirmed in time');
      assert.deepEqual(facts?.changes, ['[edit system]', '-   name first;', '+   name second;']);
      await assert.rejects(configurations.confirm(), (error) =>
        isWeirError(error, 'CONFIG_NOTHING_TO_CONFIRM'),
      );
    });

    it('is taken back by a start inside its window, which says what it took back', async () => {
      await tryOut('second');
      await open();
      assert.equal(inForce(), 'first');
      assert.deepEqual(standing(box), ['config.reverted']);
      const facts = configurations.reverted();
      assert.equal(facts?.because, 'started again before it was confirmed');
      assert.deepEqual(facts?.changes, ['[edit system]', '-   name first;', '+   name second;']);
      // Whoever logs in after a further start is told as well, until somebody commits.
      await open();
      assert.equal(configurations.reverted()?.who, who);
      await commit('third');
      await open();
      assert.equal(configurations.reverted(), undefined);
      assert.deepEqual(standing(box), []);
    });

    it('can be followed by another one, whose window begins anew; the file still has the last confirmed one', async () => {
      await tryOut('second');
      await clock.pass(300_000, 300_000);
      await tryOut('third');
      await clock.pass(400_000, 400_000);
      assert.equal(inForce(), 'third');
      const reverted = nextChange(configurations);
      await clock.pass(200_000, 200_000);
      await reverted;
      assert.equal(inForce(), 'first');
    });

    it('is replaced by a commit without a window', async () => {
      await tryOut('second');
      await commit('third');
      await clock.pass(3_600_000, 3_600_000);
      await open();
      assert.equal(inForce(), 'third');
      assert.deepEqual(standing(box), []);
    });

    it('leaves what was before when the box cannot follow it', async () => {
      box.follower.failNext = new Error('no such NIC');
      await assert.rejects(tryOut('second'), /no such NIC/);
      assert.equal(configurations.unconfirmed(), undefined);
      await open();
      assert.deepEqual(standing(box), []);
    });

    it('is tried to be taken back until the box follows', async () => {
      const stale = named(configurations, 'stale');
      await tryOut('second');
      box.follower.failUndo = new Error('netlink is deaf');
      box.follower.failNext = new Error('netlink is still deaf');
      await clock.pass(600_000, 600_000);
      // It waits for its turn behind what is under way.
      await assert.rejects(configurations.commit(stale, { who }), /somebody has committed/);
      assert.equal(inForce(), 'second');
      const reverted = nextChange(configurations);
      await clock.pass(10_000, 10_000);
      await reverted;
      assert.equal(inForce(), 'first');
    });

    it('makes no sense for the first one, as there is nothing to go back to', async () => {
      await using empty = await BoxFolder.make();
      const other = (await empty.open(clock)).configurations;
      await assert.rejects(other.commit(named(other, 'first'), { who, confirmMinutes: 1 }), (error) =>
        isWeirError(error, 'CONFIG_NO_SUCH_COMMIT'),
      );
    });
  });

  describe('a file', () => {
    const damage: readonly [what: string, how: () => Promise<unknown>][] = [
      ['is gone', () => rm(folder.file)],
      ['is torn', async () => writeFile(folder.file, (await readFile(folder.file)).subarray(0, 30))],
      ['is empty', () => writeFile(folder.file, '')],
      ['is no JSON any more', () => writeFile(folder.file, '\0'.repeat(200))],
      ['has a value out of range', () => writeFile(folder.file, '{"relay":{"ringSeconds":0}}')],
      ['is a folder', () => rm(folder.file).then(() => mkdir(folder.file))],
    ];
    for (const [what, how] of damage) {
      it(`that ${what}: the newest commit is in force, and an alarm says so`, async () => {
        await commit('first');
        await commit('second', 'relay ringSeconds 9');
        await how();
        await open();
        assert.equal(inForce(), 'second');
        assert.equal(configurations.config?.relay.ringSeconds, 9);
        assert.deepEqual(standing(box), ['config.damaged']);
        assert.match(box.alarms.standing()[0]?.text ?? '', /commit 2 is in force/);
      });
    }

    it('that was damaged is whole again at the next start, and a copy of it is kept', async () => {
      await commit('first');
      await writeFile(folder.file, '{ torn');
      await open();
      assert.equal(await nameOnDisk(), 'first');
      assert.equal(await readFile(`${folder.file}.damaged`, 'utf8'), '{ torn');
      await open();
      assert.deepEqual(standing(box), []);
      assert.deepEqual(
        configurations.history().map(({ who }) => who),
        ['recovery', 'ann'],
      );
    });

    describe('that this version does not take, as an update has brought it', () => {
      // What a later Weir may have committed and this one refuses, or the other way round.
      const foreign = `${JSON.stringify({ ...smallest, system: { name: 'second' }, relay: { colour: 1 } })}\n`;
      const commitFile = () => join(folder.folder, 'commit-00000002.json');

      beforeEach(async () => {
        await commit('first');
        await commit('second');
        const { body } = JSON.parse(await readFile(commitFile(), 'utf8'));
        await writeFile(`${folder.file}.mine`, foreign);
        await rename(`${folder.file}.mine`, folder.file);
        const { ino, mtimeMs } = await stat(folder.file, { bigint: true });
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
          assert.deepEqual(standing(box), ['config.damaged']);
          assert.match(
            box.alarms.standing()[0]?.text ?? '',
            /commit 1 is in force and the file left as it is: /,
          );
          assert.deepEqual(
            configurations.history().map(({ number }) => number),
            [1, 2],
          );
        }
      };

      it('is left to the version that does, however often this one starts; an earlier commit is in force', async () => {
        await assertLeft();
        assert.equal(await readFile(folder.file, 'utf8'), foreign);
        assert.ok((await readdir(folder.folder)).includes('commit-00000002.json'));
      });

      it('is replaced by the next commit, also one that changes nothing, and a copy of it stays', async () => {
        await assertLeft();
        const { kind } = await configurations.commit(configurations.candidate(), { who });
        assert.equal(kind, 'committed');
        assert.equal(await nameOnDisk(), 'first');
        assert.deepEqual(standing(box), []);
        assert.equal(await readFile(`${folder.file}.damaged`, 'utf8'), foreign);
        assert.equal((await configurations.commit(configurations.candidate(), { who })).kind, 'unchanged');
        await open();
        assert.equal(inForce(), 'first');
        assert.deepEqual(standing(box), []);
        assert.deepEqual(
          configurations.history().map(({ number }) => number),
          [3, 2, 1],
        );
      });

      it('is not made of an earlier commit where it is torn: the newest one is still there', async () => {
        await writeFile(folder.file, '{ torn');
        await assertLeft();
        assert.equal(await readFile(folder.file, 'utf8'), '{ torn');
        assert.equal(await readFile(`${folder.file}.damaged`, 'utf8'), '{ torn');
      });
    });

    it('in which a byte has turned so that it is refused is whole again at the next start', async () => {
      await commit('first', 'relay ringSeconds 9');
      const { atime, mtimeMs } = await stat(folder.file);
      const text = await readFile(folder.file, 'utf8');
      await writeFile(folder.file, text.replace('ringSeconds', 'ringSecondz'));
      await utimes(folder.file, atime, Math.floor(mtimeMs) / 1000 + 0.0005);
      await open();
      assert.equal(configurations.config?.relay.ringSeconds, 9);
      assert.match(box.alarms.standing()[0]?.text ?? '', /commit 1 is in force: .*decayed/);
      await open();
      assert.deepEqual(standing(box), []);
    });

    it('in which a byte has turned on the medium is not believed, though it still is a configuration', async () => {
      await commit('first', 'relay ringSeconds 9');
      const { atime, mtimeMs } = await stat(folder.file);
      const text = await readFile(folder.file, 'utf8');
      await writeFile(folder.file, text.replace('"ringSeconds": 9', '"ringSeconds": 8'));
      await utimes(folder.file, atime, Math.floor(mtimeMs) / 1000 + 0.0005);
      await open();
      assert.equal(configurations.config?.relay.ringSeconds, 9);
      assert.match(box.alarms.standing()[0]?.text ?? '', /decayed/);
    });

    it('that somebody has written counts, and is a commit of its own', async () => {
      await commit('first');
      await writeFile(`${folder.file}.mine`, JSON.stringify({ ...smallest, system: { name: 'by-hand' } }));
      await rename(`${folder.file}.mine`, folder.file);
      await open();
      assert.equal(inForce(), 'by-hand');
      assert.deepEqual(standing(box), []);
      assert.deepEqual(
        configurations.history().map(({ number, who }) => [number, who]),
        [
          [2, 'file'],
          [1, 'ann'],
        ],
      );
      assert.equal((await configurations.rollback(1)).tree.system !== undefined, true);
      await open();
      assert.equal(configurations.history().length, 2);
    });

    it('that was never good, with nothing kept: the box is there to be configured, and an alarm says why', async () => {
      await writeFile(folder.file, '{"relay":{"colour":1}}');
      await open();
      assert.equal(configurations.config, undefined);
      assert.match(
        box.alarms.standing()[0]?.text ?? '',
        /nothing earlier is kept: relay\.colour: is not known here/,
      );
      await commit('first');
      assert.deepEqual(standing(box), []);
      assert.equal(await nameOnDisk(), 'first');
    });

    it('of before lists had keys is brought to the form of today', async () => {
      const old = { ...smallest, relay: { origins: [{ address: '192.0.2.9', port: 8554 }] } };
      await writeFile(folder.file, JSON.stringify(old));
      await open();
      assert.deepEqual(configurations.tree, {
        ...smallest,
        relay: { origins: [{ address: '192.0.2.9:8554' }] },
      });
    });
  });

  describe('past commits', () => {
    it('of which one is damaged are kept but for that one', async () => {
      for (const name of ['a', 'b', 'c']) await commit(name);
      const file = join(folder.folder, 'commit-00000002.json');
      const bytes = await readFile(file);
      bytes[bytes.indexOf('"b"') + 1] = 'x'.charCodeAt(0);
      await writeFile(file, bytes);
      await open();
      assert.deepEqual(
        configurations.history().map(({ number }) => number),
        [3, 1],
      );
      assert.equal((await configurations.rollback(1)).tree.system !== undefined, true);
      assert.deepEqual(standing(box), []);
    });

    it('that are damaged like the file: the newest good one is in force', async () => {
      for (const name of ['a', 'b']) await commit(name);
      await writeFile(folder.file, 'torn');
      await writeFile(join(folder.folder, 'commit-00000002.json'), 'torn as well');
      await open();
      assert.equal(inForce(), 'a');
      assert.deepEqual(standing(box), ['config.damaged']);
    });

    it('that are gone with their folder while the box runs do not keep it from being configured', async () => {
      await commit('a');
      await rm(folder.folder, { recursive: true });
      await commit('b');
      await open();
      assert.equal(inForce(), 'b');
      await assert.rejects(configurations.rollback(1), (error) =>
        isWeirError(error, 'CONFIG_NO_SUCH_COMMIT'),
      );
    });

    it('that cannot be kept leave everything as it was', async () => {
      await commit('a');
      await rm(folder.folder, { recursive: true });
      await writeFile(folder.folder, 'no folder');
      await assert.rejects(commit('b'), (error) => isWeirError(error, 'CONFIG_NOT_STORED'));
      assert.equal(inForce(), 'a');
      assert.deepEqual(box.follower.names, ['a']);
      assert.deepEqual((await readdir(folder.path)).toSorted(), ['config', 'weir.json']);
    });
  });

  it('say when the box cannot be brought back after a commit that could not be stored', async () => {
    await commit('a');
    box.follower.failUndo = new Error('the NIC is gone');
    const stored = named(configurations, 'b');
    // The file cannot be replaced by a file any more once the box follows.
    const follow = box.follower.apply.bind(box.follower);
    box.follower.apply = async (next) => {
      const undo = await follow(next);
      await rm(folder.file);
      await mkdir(folder.file);
      return undo;
    };
    await assert.rejects(configurations.commit(stored, { who }), (error) =>
      isWeirError(error, 'CONFIG_NOT_STORED'),
    );
    assert.deepEqual(standing(box), ['config.halfApplied']);
  });

  it('say what is different in a candidate', async () => {
    await commit('a');
    const candidate = new Candidate({ tree: configurations.tree });
    candidate.set([], ['system', 'name', 'b']);
    assert.deepEqual(renderCompare(configurations.tree, candidate.tree()), [
      '[edit system]',
      '-   name a;',
      '+   name b;',
    ]);
  });
});
