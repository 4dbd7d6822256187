import assert from 'node:assert/strict';
import { Alarms, isWeirError, silentLog, Turn } from '#base';
import { HandClock, settled } from '../session/scripted.ts';

describe('a turn', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let turn: Turn;
  let done: string[];

  beforeEach(() => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    turn = new Turn({ name: 'nics', limitMs: 30_000, alarm: 'config.stuck', clock, alarms });
    done = [];
  });

  /** Work that is over when it is told so. */
  const work = (name: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const run = () => {
      done.push(`${name} begins`);
      return promise;
    };
    return { run, ends: () => resolve(name), fails: () => reject(new Error(name)) };
  };
  const timedOut = (error: unknown) =>
    isWeirError(error, 'TIMED_OUT') && /^nics: not over after 30 s, given up/.test(error.describe());
  const busy = (error: unknown) =>
    isWeirError(error, 'NOT_READY') && /nics: busy still/.test(error.describe());
  const alarmTexts = () => alarms.standing().map(({ name, text }) => `${name} ${text}`);

  it('is of one piece of work at a time, in the order they were asked for, whether they go well or not', async () => {
    const [one, two, three] = [work('one'), work('two'), work('three')];
    const results = Promise.allSettled([one, two, three].map(({ run }) => turn.run(run)));
    await settled();
    assert.deepEqual(done, ['one begins']);
    one.ends();
    await settled();
    assert.deepEqual(done, ['one begins', 'two begins']);
    two.fails();
    three.ends();
    assert.deepEqual(
      (await results).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(alarmTexts(), []);
  });

  it('that is not over in time is given up; nothing else begins before it is over, and what it did is taken back', async () => {
    const stuck = work('stuck');
    const given = assert.rejects(
      turn.run(stuck.run, async (result) => void done.push(`${result} taken back`)),
      timedOut,
    );
    // Whoever waits already is told at once as well.
    const behind = assert.rejects(turn.run(work('behind').run), busy);
    await settled();
    await clock.pass(30_000, 10_000);
    await Promise.all([given, behind]);
    assert.match(alarmTexts().join(), /^config\.stuck nics: not over after 30 s/);
    await assert.rejects(turn.run(work('next').run), busy);
    stuck.ends();
    await settled();
    assert.deepEqual(done, ['stuck begins', 'stuck taken back']);
    assert.deepEqual(alarmTexts(), []);
    assert.equal(await turn.run(async () => 'goes on'), 'goes on');
  });

  it('that fails late has undone itself, and the next one begins', async () => {
    const stuck = work('stuck');
    const given = assert.rejects(turn.run(stuck.run, () => Promise.reject(new Error('never asked'))));
    await settled();
    await clock.pass(30_000, 10_000);
    await given;
    stuck.fails();
    await settled();
    assert.deepEqual(alarmTexts(), []);
    assert.equal(await turn.run(async () => 'goes on'), 'goes on');
  });

  it('keeps its alarm when late work cannot be taken back, until work goes well', async () => {
    const stuck = work('stuck');
    const given = assert.rejects(turn.run(stuck.run, () => Promise.reject(new Error('netlink is deaf'))));
    await settled();
    await clock.pass(30_000, 10_000);
    await given;
    stuck.ends();
    await settled();
    assert.match(alarmTexts().join(), /is over, but not taken back: netlink is deaf/);
    await turn.run(async () => {});
    assert.deepEqual(alarmTexts(), []);
  });
});
