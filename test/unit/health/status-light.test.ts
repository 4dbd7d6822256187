import assert from 'node:assert/strict';
import { silentLog } from '#base';
import { SimLeds } from '../../../hal/sim/leds.ts';
import { type BoxCondition, patternOf, StatusLight } from '../../../src/health/index.ts';
import { HandClock, settled } from '../session/scripted.ts';

describe('the status light', () => {
  let clock: HandClock;
  let leds: SimLeds;
  let condition: BoxCondition;
  let light: StatusLight;

  beforeEach(async () => {
    clock = new HandClock();
    leds = new SimLeds();
    leds.put('green:status');
    condition = 'well';
    light = new StatusLight({
      leds,
      led: 'green:status',
      condition: () => condition,
      clock,
      log: silentLog,
    });
    await settled();
  });
  afterEach(() => light.close());

  it('shows each condition in a way of its own', () => {
    const patterns = Object.values(patternOf);
    assert.equal(new Set(patterns).size, patterns.length);
    assert.ok(!patterns.includes('off'), 'a box without power looks like that');
  });

  it('shows at once how the box is, and within a second what has changed, each once', async () => {
    assert.deepEqual(leds.shown, ['on']);
    condition = 'alarm';
    await clock.pass(1000);
    await clock.pass(60_000);
    assert.deepEqual(leds.shown, ['on', 'fast']);
    condition = 'identifying';
    light.look();
    await settled();
    assert.deepEqual(leds.shown, ['on', 'fast', 'double']);
    assert.equal(light.shown, 'double');
  });

  it('shows what came while it was being lit, and nothing of what was between', async () => {
    const lit = Promise.withResolvers<void>();
    const show = leds.show.bind(leds);
    leds.show = async (name, pattern) => {
      await lit.promise;
      await show(name, pattern);
    };
    for (const next of ['alarm', 'updating', 'resetting'] as const) {
      condition = next;
      light.look();
      await settled();
    }
    lit.resolve();
    await settled();
    assert.deepEqual(leds.shown, ['on', 'fast', 'flicker']);
  });

  it('is lit again when it could not be', async () => {
    const show = leds.show.bind(leds);
    leds.show = async () => {
      throw new Error('the driver is gone');
    };
    condition = 'alarm';
    await clock.pass(3000);
    assert.equal(light.shown, undefined);
    leds.show = show;
    await clock.pass(1000);
    assert.deepEqual([light.shown, leds.lit('green:status')], ['fast', 'fast']);
  });
});
