import assert from 'node:assert/strict';
import { Alarms, createLog, systemClock } from '#base';

function open(keepEnded?: number) {
  const events: string[] = [];
  const time = { nowMs: 1000 };
  const log = createLog({
    write: (line) => events.push(JSON.parse(line).event),
    level: () => 'debug',
    nowMs: () => time.nowMs,
  });
  const clock = { ...systemClock, nowMs: () => time.nowMs };
  return {
    alarms: new Alarms({ clock, log, ...(keepEnded === undefined ? {} : { keepEnded }) }),
    events,
    time,
  };
}

describe('alarms', () => {
  const link = { name: 'nic.link', subject: 'wan', severity: 'critical', text: 'no link' } as const;

  it('stand from the first raise to the clear, and are kept after it', () => {
    const { alarms, time } = open();
    alarms.raise(link);
    time.nowMs = 2000;
    assert.deepEqual(alarms.standing(), [{ ...link, raisedAt: 1000, clearedAt: undefined, count: 1 }]);
    alarms.clear('nic.link', 'wan');
    assert.deepEqual(alarms.standing(), []);
    assert.deepEqual(alarms.ended(), [{ ...link, raisedAt: 1000, clearedAt: 2000, count: 1 }]);
  });

  it('raised again are counted, keep their time, tell the newest text, and are logged once', () => {
    const { alarms, events, time } = open();
    alarms.raise(link);
    time.nowMs = 2000;
    alarms.raise({ ...link, severity: 'minor', text: 'flaps' });
    assert.deepEqual(alarms.standing(), [
      { ...link, severity: 'minor', text: 'flaps', raisedAt: 1000, clearedAt: undefined, count: 2 },
    ]);
    alarms.clear('nic.link', 'wan');
    alarms.clear('nic.link', 'wan');
    assert.deepEqual(events, ['alarm raised', 'alarm cleared']);
  });

  it('begin anew after a clear', () => {
    const { alarms, time } = open();
    alarms.raise(link);
    alarms.clear('nic.link', 'wan');
    time.nowMs = 3000;
    alarms.raise(link);
    assert.deepEqual(
      alarms.standing().map(({ raisedAt, count }) => ({ raisedAt, count })),
      [{ raisedAt: 3000, count: 1 }],
    );
  });

  it('are told apart by what they concern; without a subject it is the box', () => {
    const { alarms } = open();
    alarms.raise(link);
    alarms.raise({ ...link, subject: 'access' });
    alarms.raise({ name: 'disk.full', severity: 'major', text: '81 %' });
    assert.deepEqual(
      alarms.standing().map(({ name, subject }) => [name, subject]),
      [
        ['nic.link', 'wan'],
        ['nic.link', 'access'],
        ['disk.full', ''],
      ],
    );
    alarms.clear('nic.link');
    assert.equal(alarms.standing().length, 3);
    alarms.clear('disk.full');
    alarms.clear('nic.link', 'wan');
    assert.deepEqual(
      alarms.standing().map(({ subject }) => subject),
      ['access'],
    );
  });

  it('that ended are kept newest first, as many as asked for', () => {
    const { alarms } = open(2);
    for (const subject of ['a', 'b', 'c']) {
      alarms.raise({ ...link, subject });
      alarms.clear('nic.link', subject);
    }
    assert.deepEqual(
      alarms.ended().map(({ subject }) => subject),
      ['c', 'b'],
    );
  });
});
