import assert from 'node:assert/strict';
import { systemClock } from '#base';

describe('the system clock', () => {
  it('tells wall time in ms and monotonic time in ns', () => {
    assert.ok(Math.abs(systemClock.nowMs() - Date.now()) < 1000);
    const before = systemClock.monoNs();
    assert.ok(systemClock.monoNs() >= before);
    assert.ok(process.hrtime.bigint() - before < 1_000_000_000n);
  });

  it('sleeps no shorter than asked for', async () => {
    const before = systemClock.monoNs();
    await systemClock.sleep(20);
    assert.ok(systemClock.monoNs() - before >= 19_000_000n);
  });

  it('wakes with the reason of the signal, before and during the sleep', async () => {
    const reason = new Error('enough');
    await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), (error) => error === reason);
    const control = new AbortController();
    const sleeping = systemClock.sleep(60_000, control.signal);
    control.abort(reason);
    await assert.rejects(sleeping, (error) => error === reason);
  });

  it('calls again and again until disposed of', async () => {
    const { promise: thrice, resolve } = Promise.withResolvers<void>();
    let calls = 0;
    const timer = systemClock.every(1, () => {
      calls += 1;
      if (calls === 3) {
        timer[Symbol.dispose]();
        resolve();
      }
    });
    // The timers of the clock do not keep the process alive; this one does.
    const alive = setInterval(() => {}, 1000);
    await thrice;
    await systemClock.sleep(10);
    clearInterval(alive);
    assert.equal(calls, 3);
  });

  it('calls once after a delay, and never when disposed of before', async () => {
    const calls: string[] = [];
    systemClock.after(5, () => calls.push('kept'));
    systemClock.after(1, () => calls.push('disposed'))[Symbol.dispose]();
    await systemClock.sleep(20);
    assert.deepEqual(calls, ['kept']);
  });
});
