import assert from 'node:assert/strict';
import { engineThreadCount } from '../../src/engine-thread-count.ts';

describe('the number of engine threads', () => {
  it('is what the configuration says, whatever the machine has', () => {
    assert.deepEqual([engineThreadCount(3, 1), engineThreadCount(1, 64)], [3, 1]);
  });

  it('leaves one core to the rest when it is not configured, is at least one, and at most four', () => {
    const chosen = [1, 2, 3, 4, 5, 6, 64].map((cores) => engineThreadCount(0, cores));
    assert.deepEqual(chosen, [1, 1, 2, 3, 4, 4, 4]);
  });
});
