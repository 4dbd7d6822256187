import assert from 'node:assert/strict';
import type { RadiusLink } from '../../../src/upload/radius/radius-link.ts';
import { entry } from '../../lab/upload/records.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { radiusTo } from './radius-to.ts';

/** Answers one request after the other, each after `eachMs`. */
class SlowLink implements RadiusLink {
  readonly window = 256;
  readonly server = 'slow:1813';
  readonly #clock: HandClock;
  eachMs = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  request(): Promise<void> {
    this.#last = this.#last.then(() => (this.eachMs > 0 ? this.#clock.sleep(this.eachMs) : undefined));
    return this.#last;
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

describe('Upload: records by RADIUS to a slow server', () => {
  it('are fewer at a time until it answers them before they would be sent again, and more when it is quick', async () => {
    const clock = new HandClock();
    const link = new SlowLink(clock);
    const radius = radiusTo([link], { clock });
    const deliver = async () => {
      const entries = Array.from({ length: radius.batch }, (_, index) => entry(index + 1));
      let over = false;
      const delivered = radius.deliver(entries).finally(() => {
        over = true;
      });
      for (await settled(); !over; await settled()) if (link.eachMs > 0) await clock.pass(link.eachMs);
      assert.ok((await delivered).every(({ outcome }) => outcome === 'acknowledged'));
      return entries.length;
    };
    const windows = async (times: number) => {
      const sizes: number[] = [];
      while (sizes.length < times) sizes.push(await deliver());
      return sizes;
    };
    assert.deepEqual(await windows(2), [32, 32]);
    link.eachMs = 200;
    // Five of them take a second.
    assert.deepEqual(await windows(7), [32, 16, 8, 4, 5, 3, 4]);
    link.eachMs = 0;
    assert.deepEqual((await windows(31)).slice(-3), [32, 32, 32]);
    // One at a time is the least.
    link.eachMs = 5000;
    assert.deepEqual(await windows(7), [32, 16, 8, 4, 2, 1, 1]);
  });
});
