import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import type { Candidate, CommitOptions } from '../../../src/config/index.ts';
import { HandClock } from '../session/scripted.ts';
import { nextChange, useBench, who } from './bench.ts';
import { BoxFolder, named, standing } from './box-folder.ts';

/** As the event loop's timers, which count from when their turn of it began. */
class EarlyClock extends HandClock {
  override after(delayMs: number, run: () => void): Disposable {
    return super.after(Math.max(0, delayMs - 300), run);
  }
}

describe('a commit that is to be confirmed', () => {
  const bench = useBench();
  const { open, commit, tryOut, kept, inForce, nameOnDisk } = bench;

  beforeEach(() => commit('first'));

  it('is in force at once, but the file keeps what was before', async () => {
    assert.equal((await tryOut('second')).kind, 'unconfirmed');
    assert.equal(inForce(), 'second');
    assert.equal(await nameOnDisk(), 'first');
    await bench.clock.pass(60_000, 60_000);
    assert.deepEqual(bench.configurations.unconfirmed(), {
      number: 2,
      at: bench.clock.nowMs() - 60_000,
      who,
      comment: 'careful',
      minutes: 10,
      remainingSeconds: 540,
    });
    assert.deepEqual(
      bench.configurations.history().map(({ number }) => number),
      [2, 1],
    );
  });

  it('stays when it is confirmed', async () => {
    await tryOut('second');
    assert.equal((await bench.configurations.confirm()).number, 2);
    await bench.clock.pass(3_600_000, 3_600_000);
    await open();
    assert.equal(inForce(), 'second');
    assert.deepEqual(standing(bench.box), []);
    assert.deepEqual(await kept(), ['commit-00000001.json', 'commit-00000002.json']);
  });

  it('is taken back by a timer that is early, too', async () => {
    await bench.configurations.close();
    const early = new EarlyClock();
    bench.clock = early;
    await open();
    await tryOut('tried', 1);
    await early.pass(59_500);
    assert.equal(inForce(), 'tried');
    const changed = nextChange(bench.configurations);
    await early.pass(1000);
    await changed;
    assert.equal(inForce(), 'first');
  });

  it('is confirmed by the same commit without a window', async () => {
    await tryOut('second');
    assert.equal(
      (await bench.configurations.commit(bench.configurations.candidate(), { who })).kind,
      'confirmed',
    );
    assert.equal(bench.configurations.unconfirmed(), undefined);
    assert.equal(await nameOnDisk(), 'second');
  });

  it('is taken back when its time is over, and it is said what that was', async () => {
    await tryOut('second');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(600_000, 600_000);
    await reverted;
    assert.equal(inForce(), 'first');
    assert.deepEqual(bench.box.follower.names, ['first', 'second', 'first']);
    assert.deepEqual(standing(bench.box), ['config.reverted']);
    const facts = bench.configurations.reverted();
    assert.equal(facts?.because, 'not confirmed in time');
    assert.deepEqual(facts?.changes, ['[edit system]', '-   name first;', '+   name second;']);
    await assert.rejects(bench.configurations.confirm(), (error) =>
      isWeirError(error, 'CONFIG_NOTHING_TO_CONFIRM'),
    );
  });

  it('is taken back by a start inside its window, which says what it took back', async () => {
    await tryOut('second');
    await open();
    assert.equal(inForce(), 'first');
    assert.deepEqual(standing(bench.box), ['config.reverted']);
    const facts = bench.configurations.reverted();
    assert.equal(facts?.because, 'started again before it was confirmed');
    assert.deepEqual(facts?.changes, ['[edit system]', '-   name first;', '+   name second;']);
    // Whoever logs in after a further start is told as well, until somebody commits.
    await open();
    assert.equal(bench.configurations.reverted()?.who, who);
    await commit('third');
    await open();
    assert.equal(bench.configurations.reverted(), undefined);
    assert.deepEqual(standing(bench.box), []);
  });

  it('can be followed by another one, whose window begins anew; the file still has the last confirmed one', async () => {
    await tryOut('second');
    await bench.clock.pass(300_000, 300_000);
    await tryOut('third');
    await bench.clock.pass(400_000, 400_000);
    assert.equal(inForce(), 'third');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(200_000, 200_000);
    await reverted;
    assert.equal(inForce(), 'first');
  });

  it('is replaced by a commit without a window', async () => {
    await tryOut('second');
    await commit('third');
    await bench.clock.pass(3_600_000, 3_600_000);
    await open();
    assert.equal(inForce(), 'third');
    assert.deepEqual(standing(bench.box), []);
  });

  it('leaves what was before when the box cannot follow it', async () => {
    bench.box.follower.failNext = new Error('no such NIC');
    await assert.rejects(tryOut('second'), /no such NIC/);
    assert.equal(bench.configurations.unconfirmed(), undefined);
    await open();
    assert.deepEqual(standing(bench.box), []);
  });

  it('is tried to be taken back until the box follows', async () => {
    const stale = named(bench.configurations, 'stale');
    await tryOut('second');
    bench.box.follower.failUndo = new Error('netlink is deaf');
    bench.box.follower.failNext = new Error('netlink is still deaf');
    await bench.clock.pass(600_000, 600_000);
    // It waits for its turn behind what is under way.
    await assert.rejects(bench.configurations.commit(stale, { who }), /somebody has committed/);
    assert.equal(inForce(), 'second');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(10_000, 10_000);
    await reverted;
    assert.equal(inForce(), 'first');
  });

  it('is taken back to nothing when it was the first one', async () => {
    bench.folder = await BoxFolder.make();
    await open();
    await tryOut('first');
    assert.equal(inForce(), 'first');
    const reverted = nextChange(bench.configurations);
    await bench.clock.pass(600_000, 600_000);
    await reverted;
    assert.equal(bench.configurations.config, undefined);
    assert.deepEqual(bench.box.follower.names, ['first', 'none']);
    assert.match(bench.configurations.reverted()?.changes.join() ?? '', /\+ +name first;/);
    await commit('second');
    await open();
    assert.equal(inForce(), 'second');
  });

  it('that changes nothing is none: nothing can go back', async () => {
    assert.equal((await tryOut('first')).kind, 'unchanged');
    assert.equal(bench.configurations.unconfirmed(), undefined);
    // In a window it begins anew.
    await tryOut('second', 5);
    await bench.clock.pass(240_000, 240_000);
    assert.equal((await tryOut('second', 5)).kind, 'unconfirmed');
    assert.equal(bench.configurations.unconfirmed()?.remainingSeconds, 300);
  });

  describe('while somebody else is about to commit', () => {
    const asBob = (candidate: Candidate, more: Partial<CommitOptions> = {}) =>
      bench.configurations.commit(candidate, { who: 'bob', ...more });
    const unconfirmed = (error: unknown) =>
      isWeirError(error, 'CONFIG_UNCONFIRMED') && /commit of ann at .* waits/.test(error.describe());

    beforeEach(() => tryOut('second'));

    it('is neither kept nor prolonged by what they commit, changed or not', async () => {
      await assert.rejects(asBob(named(bench.configurations, 'third')), unconfirmed);
      await assert.rejects(asBob(bench.configurations.candidate()), unconfirmed);
      await assert.rejects(asBob(named(bench.configurations, 'third'), { confirmMinutes: 9 }), unconfirmed);
      const { waiting } = bench.configurations.check(named(bench.configurations, 'third'), { who: 'bob' });
      assert.equal(waiting?.fate, 'in the way');
      assert.equal(await nameOnDisk(), 'first');
      const reverted = nextChange(bench.configurations);
      await bench.clock.pass(600_000, 600_000);
      await reverted;
      assert.equal(inForce(), 'first');
    });

    it('is confirmed by their word alone', async () => {
      await bench.configurations.confirm();
      assert.equal(await nameOnDisk(), 'second');
    });

    it('is taken back by them at once, if they load what was before', async () => {
      const candidate = bench.configurations.candidate();
      const { tree, annotations } = await bench.configurations.rollback(1);
      candidate.override(tree, annotations);
      assert.equal(bench.configurations.check(candidate, { who: 'bob' }).waiting?.fate, 'taken back');
      assert.equal((await asBob(candidate)).kind, 'committed');
      assert.equal(inForce(), 'first');
      assert.equal(bench.configurations.unconfirmed(), undefined);
    });
  });

  it('is said to be kept when a commit without a window goes beyond it', async () => {
    await tryOut('second');
    const candidate = named(bench.configurations, 'third');
    assert.equal(bench.configurations.check(candidate, { who }).waiting?.fate, 'kept as well');
    const outcome = await bench.configurations.commit(candidate, { who });
    assert.equal(outcome.keptAsWell?.comment, 'careful');
    assert.equal(await nameOnDisk(), 'third');
  });
});
