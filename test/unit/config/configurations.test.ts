import assert from 'node:assert/strict';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isWeirError } from '#base';
import { Candidate, parseConfig, renderCompare } from '../../../src/config/index.ts';
import { useBench, who } from './bench.ts';
import { named, smallest, standing } from './box-folder.ts';

describe('Configurations', function () {
  // Fifty commits on a disk that others write to as well.
  this.timeout(20_000);
  const bench = useBench();
  const { open, commit, kept, inForce, nameOnDisk } = bench;

  it('begin with nothing on a new box, and keep the first commit', async () => {
    assert.equal(inForce(), undefined);
    assert.deepEqual(bench.configurations.history(), []);
    const outcome = await commit('first');
    assert.equal(outcome.kind, 'committed');
    assert.deepEqual(await bench.folder.read(), { ...smallest, system: { name: 'first' } });
    assert.deepEqual(bench.box.follower.names, ['first']);
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(bench.box), []);
    assert.deepEqual(await kept(), ['commit-00000001.json']);
  });

  it('are readable by their owner alone, as secrets are in them', async () => {
    await commit('first');
    for (const file of [bench.folder.file, join(bench.folder.folder, 'commit-00000001.json')]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    assert.equal((await stat(bench.folder.folder)).mode & 0o777, 0o700);
  });

  it('say what a commit would do without doing it', async () => {
    await commit('first');
    const candidate = named(bench.configurations, 'second', 'relay origins 192.0.2.9 username u');
    const { faults, changes, changedMeanwhile } = bench.configurations.check(candidate, { who });
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
    const { later } = bench.configurations.check(
      named(bench.configurations, 'second', ...lines, 'relay maxFeeds 9'),
      { who },
    );
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
    assert.deepEqual(bench.box.follower.names, ['first']);
  });

  it('do nothing when nothing is different', async () => {
    await commit('first');
    assert.equal((await commit('first')).kind, 'unchanged');
    assert.deepEqual(bench.box.follower.names, ['first']);
    assert.equal(bench.configurations.history().length, 1);
  });

  it('are taken back whole when the box cannot follow', async () => {
    await commit('first');
    bench.box.follower.failNext = new Error('no such NIC');
    await assert.rejects(commit('second'), /no such NIC/);
    assert.equal(inForce(), 'first');
    assert.equal(await nameOnDisk(), 'first');
    assert.deepEqual(await kept(), ['commit-00000001.json']);
    assert.deepEqual(await readdir(bench.folder.path), ['config', 'weir.json']);
    await commit('third');
    assert.deepEqual(bench.box.follower.names, ['first', 'third']);
  });

  it('keep fifty commits with who, when and comment, and go back to any of them', async () => {
    for (let number = 1; number <= 53; number++) {
      await bench.configurations.commit(named(bench.configurations, `n${number}`), {
        who,
        comment: `change ${number}`,
      });
    }
    const history = bench.configurations.history();
    assert.equal(history.length, 50);
    assert.deepEqual(history[0], { number: 53, at: bench.clock.nowMs(), who, comment: 'change 53' });
    assert.equal((await kept()).length, 50);
    const oldest = await bench.configurations.rollback(49);
    assert.deepEqual(oldest.tree, { ...smallest, system: { name: 'n4' } });
    await assert.rejects(
      bench.configurations.rollback(50),
      (error) => isWeirError(error, 'CONFIG_NO_SUCH_COMMIT') && /choose from 0 to 49/.test(error.describe()),
    );
    await open();
    assert.deepEqual(bench.configurations.history(), history);
  });

  it('keep remarks with the commit, and a change of a remark is a commit', async () => {
    const candidate = named(bench.configurations, 'first');
    candidate.annotate(['system'], 'in the cellar');
    await bench.configurations.commit(candidate, { who });
    assert.deepEqual(await bench.folder.read(), { ...smallest, system: { name: 'first' } });
    await open();
    assert.deepEqual(bench.configurations.annotations, { system: 'in the cellar' });
    const again = bench.configurations.candidate();
    again.annotate(['system'], 'in the attic');
    assert.equal((await bench.configurations.commit(again, { who })).kind, 'committed');
  });

  it('do not let a commit undo what somebody else has committed meanwhile', async () => {
    await commit('first');
    const mine = named(bench.configurations, 'mine');
    await commit('theirs');
    assert.equal(bench.configurations.check(mine, { who }).changedMeanwhile, true);
    await assert.rejects(bench.configurations.commit(mine, { who }), (error) =>
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
    const mine = bench.configurations.candidate();
    mine.set([], ['relay', 'ringSeconds', '9']);
    mine.set([], ['relay', 'rtsp', 'ports', '556']);
    mine.set([], ['relay', 'origins', '192.0.2.9', 'username', 'u', 'password', 'p']);
    mine.delete(['relay', 'rtsp', 'ports', '554']);
    mine.insert(['billing', 'tariffs', 'b'], 'before', 'a');
    mine.annotate(['relay'], 'mine');
    const theirs = bench.configurations.candidate();
    theirs.set([], ['relay', 'ringSeconds', '10']);
    theirs.set([], ['relay', 'maxFeeds', '9']);
    theirs.set([], ['relay', 'rtsp', 'ports', '557']);
    theirs.set([], ['relay', 'origins', '192.0.2.10']);
    theirs.annotate(['system'], 'theirs');
    await bench.configurations.commit(theirs, { who: 'bob' });

    const { candidate, conflicts } = bench.configurations.update(mine);
    assert.deepEqual(conflicts, [['relay', 'ringSeconds']]);
    assert.equal((await bench.configurations.commit(candidate, { who })).kind, 'committed');
    const { relay, billing } = bench.configurations.config ?? parseConfig(smallest);
    assert.deepEqual([relay.ringSeconds, relay.maxFeeds, relay.rtsp.ports], [9, 9, [555, 557, 556]]);
    assert.deepEqual(
      [relay.origins.map(({ address }) => address), billing.tariffs.map(({ name }) => name)],
      [
        ['192.0.2.10', '192.0.2.9'],
        ['b', 'a'],
      ],
    );
    assert.deepEqual(bench.configurations.annotations, { system: 'theirs', relay: 'mine' });
  });

  it('take one commit after the other, as they were when they were asked for', async () => {
    await commit('first');
    const one = named(bench.configurations, 'one');
    const two = named(bench.configurations, 'two');
    const both = [bench.configurations.commit(one, { who }), bench.configurations.commit(two, { who })];
    one.set([], ['system', 'name', 'later']);
    const [first, second] = await Promise.allSettled(both);
    assert.equal(first?.status, 'fulfilled');
    assert.ok(second?.status === 'rejected' && isWeirError(second.reason, 'CONFIG_CHANGED_MEANWHILE'));
    assert.equal(inForce(), 'one');
  });

  it('tell who listens what is in force', async () => {
    const told: string[] = [];
    using _listening = bench.configurations.changed.on(({ config }) => told.push(config.system.name));
    await commit('first');
    await commit('second');
    assert.deepEqual(told, ['first', 'second']);
  });

  it('say when the box cannot be brought back after a commit that could not be stored, and try it again', async () => {
    await commit('a');
    bench.box.follower.failUndo = new Error('the NIC is gone');
    const stored = named(bench.configurations, 'b');
    // The file cannot be replaced by a file any more once the box follows.
    const follow = bench.box.follower.apply.bind(bench.box.follower);
    bench.box.follower.apply = async (next) => {
      const undo = await follow(next);
      await rm(bench.folder.file);
      await mkdir(bench.folder.file);
      return undo;
    };
    await assert.rejects(
      bench.configurations.commit(stored, { who }),
      (error) =>
        isWeirError(error, 'CONFIG_HALF_APPLIED') &&
        /cannot be stored.*the NIC is gone/.test(error.describe()),
    );
    assert.deepEqual(standing(bench.box), ['config.halfApplied']);
    // It is tried again until the box is what is in force.
    bench.box.follower.apply = follow;
    await bench.clock.pass(10_000, 10_000);
    await bench.configurations.commit(bench.configurations.candidate(), { who });
    assert.deepEqual(standing(bench.box), []);
    assert.equal(bench.box.follower.names.at(-1), 'a');
  });

  it('say what is different in a candidate', async () => {
    await commit('a');
    const candidate = new Candidate({ tree: bench.configurations.tree });
    candidate.set([], ['system', 'name', 'b']);
    assert.deepEqual(renderCompare(bench.configurations.tree, candidate.tree()), [
      '[edit system]',
      '-   name a;',
      '+   name b;',
    ]);
  });
});
