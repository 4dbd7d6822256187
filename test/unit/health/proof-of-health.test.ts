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
  let proof: ProofOfHealth | undefined;

  beforeEach(() => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    events = [];
    test = async () => {};
    proven = async () => {};
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
