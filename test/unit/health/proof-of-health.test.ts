import assert from 'node:assert/strict';
import { Alarms, silentLog } from '#base';
import { ProofOfHealth } from '../../../src/health/index.ts';
import { HandClock, settled } from '../session/scripted.ts';

describe('the proof of health', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let events: string[];
  let test: () => Promise<void>;
  let proven: () => Promise<void>;
  let testAlone: () => Promise<void>;
  let working: () => Promise<void>;
  let proof: ProofOfHealth | undefined;

  beforeEach(() => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    events = [];
    test = async () => {};
    proven = async () => {};
    testAlone = async () => {
      throw new Error('not alone either');
    };
    working = async () => {};
  });

  afterEach(() => proof?.close());

  const start = async () => {
    proof = new ProofOfHealth({
      alarms,
      clock,
      log: silentLog,
      test: () => {
        events.push('test');
        return test();
      },
      proven: () => {
        events.push('proven');
        return proven();
      },
      testAlone: () => testAlone(),
      working: () => {
        events.push('working');
        return working();
      },
    });
    await settled();
  };
  const standing = () => alarms.standing().map(({ name, count }) => `${name} ${count}`);

  it('is told once, when the box has done its work', async () => {
    await start();
    await clock.pass(60_000);
    assert.deepEqual(events, ['test', 'proven']);
    assert.deepEqual(standing(), []);
  });

  it('is not told as long as the box fails: it is tried again, under an alarm that says why', async () => {
    test = async () => {
      throw new Error('the stream is not relayed');
    };
    await start();
    await clock.pass(30_000, 1000);
    assert.deepEqual(events, ['test', 'test', 'test', 'test']);
    assert.deepEqual(standing(), ['health.unproven 4']);
    assert.match(alarms.standing()[0]?.text ?? '', /the stream is not relayed/);
    test = async () => {};
    await clock.pass(10_000, 1000);
    assert.equal(events.at(-1), 'proven');
    assert.deepEqual(standing(), []);
  });

  it('is proven anew when it could not be told', async () => {
    proven = async () => {
      throw new Error('the slot state cannot be written');
    };
    await start();
    proven = async () => {};
    await clock.pass(10_000, 1000);
    assert.deepEqual(events, ['test', 'proven', 'test', 'proven']);
  });

  it('says once that the version works where only what the box keeps is in its way, and goes on trying', async () => {
    test = async () => {
      throw new Error('the records cannot be opened');
    };
    let alone = 0;
    testAlone = async () => {
      alone += 1;
    };
    await start();
    await clock.pass(20_000, 1000);
    assert.deepEqual(events, ['test', 'working', 'test', 'test']);
    assert.equal(alone, 1);
    assert.match(
      alarms.standing()[0]?.text ?? '',
      /does its work, but not with what this box keeps: the records cannot be opened/,
    );
    test = async () => {};
    await clock.pass(10_000, 1000);
    assert.deepEqual([events.at(-1), standing()], ['proven', []]);
  });

  it('tells of a version that works, too, when the slot does not take it for healthy', async () => {
    proven = async () => {
      throw new Error('the data partition is not mounted');
    };
    testAlone = async () => {};
    await start();
    assert.deepEqual(events, ['test', 'proven', 'working']);
  });

  it('tries again to say that the version works when that could not be told', async () => {
    test = async () => {
      throw new Error('the records cannot be opened');
    };
    testAlone = async () => {};
    working = async () => {
      throw new Error('the slot state cannot be written');
    };
    await start();
    working = async () => {};
    await clock.pass(20_000, 1000);
    assert.deepEqual(events, ['test', 'working', 'test', 'working', 'test']);
  });

  it('is not told when Weir ends during the test, and the end waits for the test', async () => {
    const testing = Promise.withResolvers<void>();
    test = () => testing.promise;
    await start();
    let closed = false;
    const closing = proof?.close().then(() => {
      closed = true;
    });
    await settled();
    assert.equal(closed, false);
    testing.reject(new Error('the engine is closed'));
    await closing;
    assert.deepEqual(events, ['test']);
  });
});
