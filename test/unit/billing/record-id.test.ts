import assert from 'node:assert/strict';
import { RecordIds } from '../../../src/billing/index.ts';

describe('record ids', () => {
  it('are UUIDs of version 7 with the time in front (RFC 9562 s.5.7)', () => {
    const id = new RecordIds(() => 0x0123_4567_89ab).next();
    assert.match(id, /^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sort in the order they were made, within a millisecond and when the clock is set back', () => {
    let now = 1_000_000;
    const ids = new RecordIds(() => now);
    const made: string[] = [];
    for (let round = 0; round < 20_000; round++) {
      if (round === 1000) now -= 5000;
      if (round === 19_000) now += 60_000;
      made.push(ids.next());
    }
    const outOfOrder = made.findIndex((id, index) => index > 0 && id <= (made[index - 1] ?? ''));
    assert.equal(outOfOrder, -1);
  });

  it('of two boxes with one clock differ', () => {
    const [one, other] = [new RecordIds(() => 5), new RecordIds(() => 5)];
    assert.notEqual(one.next(), other.next());
  });
});
