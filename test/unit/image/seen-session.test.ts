import assert from 'node:assert/strict';
import { accountOf, type Bill, seenBy, unbilled } from '../../image/power/seen-session.ts';
import type { StormSession } from '../../storm/viewers-options.ts';

const gapMs = 2000;

/** 1,000 bytes each second, from second 1 to second 9; the viewer leaves at second 10. */
const session: StormSession = {
  viewer: '198.19.0.1 20000',
  transport: 'udp',
  end: 'teardown',
  firstMediaAt: 1000,
  lastMediaAt: 9000,
  endedAt: 10_000,
  packets: 9,
  bytes: 9000,
  lately: Array.from({ length: 9 }, (_, index) => [1000 * (index + 1), 1000 * (index + 1)] as const),
};

const billFor = (bytes: number, changes: Partial<Bill> = {}): Bill => ({
  ...{ viewer: session.viewer, bytes, terminateCause: 'user-request', recovered: false },
  ...changes,
});
const recovered = (bytes: number) => billFor(bytes, { recovered: true, terminateCause: 'nas-reboot' });
const account = (at: number, bill: Bill) => accountOf(seenBy(session, at), [bill], { gapMs });

describe('a viewer whose gateway lost its power', () => {
  it('was not there when its first media came later', () => {
    assert.deepEqual(seenBy(session, 999), []);
  });

  it('has until then what had come until then, and in all what came', () => {
    const [seen] = seenBy(session, 5500);
    assert.ok(seen);
    assert.deepEqual([seen.bytes, seen.lastMediaAt, seen.over], [5000, 5000, false]);
    assert.equal(seen.whole.bytes, 9000);
  });

  it('has all of it when it had left before', () => {
    const [seen] = seenBy(session, 10_000);
    assert.ok(seen);
    assert.deepEqual([seen.bytes, seen.over], [9000, true]);
  });

  it('may lack a period of its last media in a recovered record, and not more', () => {
    assert.deepEqual(account(5500, recovered(3000)), { wrong: [], worstGapMs: 1000 });
    const { wrong, worstGapMs } = account(5500, recovered(1000));
    assert.equal(worstGapMs, 3000);
    assert.match(wrong.join(), /cut off, nas-reboot: billed 1000 bytes, got 5000 of 9000: 3000 ms/);
  });

  it('may be billed for what came after the moment that is known, and for nothing that never came', () => {
    assert.deepEqual(account(5500, recovered(6000)), { wrong: [], worstGapMs: 0 });
    assert.match(account(5500, recovered(9001)).wrong.join(), /too much/);
  });

  it('is billed to the byte when its end is on record', () => {
    assert.deepEqual(account(10_000, billFor(9000)).wrong, []);
    assert.match(account(10_000, billFor(8999)).wrong.join(), /too little/);
    assert.match(account(10_000, billFor(9001)).wrong.join(), /too much/);
  });

  it('has a recovered record with the cause of one, though it left in order before the power went', () => {
    assert.deepEqual(account(10_000, recovered(8000)).wrong, []);
    const other = billFor(8000, { recovered: true });
    assert.match(account(10_000, other).wrong.join(), /recovered, with that cause/);
  });

  it('is billed, if it has got media at all', () => {
    assert.deepEqual(unbilled(seenBy(session, 5500), [billFor(1)]), []);
    assert.deepEqual(unbilled(seenBy(session, 999), []), []);
    assert.match(unbilled(seenBy(session, 5500), []).join(), /got 5000 bytes, was cut off and has no record/);
  });
});
