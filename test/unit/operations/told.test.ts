import assert from 'node:assert/strict';
import { told } from '../../../src/operations/index.ts';

const collect = async (items: AsyncIterable<unknown>): Promise<unknown[]> => {
  const all: unknown[] = [];
  try {
    for await (const item of items) all.push(item);
  } catch (error) {
    all.push(String(error));
  }
  return all;
};

describe('what is told as it goes on', () => {
  it('comes in order, also when it is told faster than it is heard', async () => {
    const items = told<number>(async (tell) => {
      for (let n = 0; n < 5; n += 1) tell(n);
      await new Promise((resolve) => setImmediate(resolve));
      tell(5);
    });
    assert.deepEqual(await collect(items), [0, 1, 2, 3, 4, 5]);
  });

  it('ends with the failure, after all that was told before it', async () => {
    const items = told<number>(async (tell) => {
      tell(1);
      throw new Error('no');
    });
    assert.deepEqual(await collect(items), [1, 'Error: no']);
  });

  it('harms nobody when who listened has left', async () => {
    const later = Promise.withResolvers<void>();
    const items = told<number>(async (tell) => {
      tell(1);
      await later.promise;
      tell(2);
      throw new Error('nobody hears this');
    });
    for await (const item of items) if (item === 1) break;
    later.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  });
});
