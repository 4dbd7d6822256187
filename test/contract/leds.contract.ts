import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { type LedPattern, type Leds, ledPatterns } from '#hal';

export interface LedsWorld extends AsyncDisposable {
  /** Of a board with the LEDs `green:status` and `red:alarm`. */
  readonly leds: Leds;
  /** As somebody sees it who looks at the case. */
  seen(name: string): LedPattern;
}

/** What every implementation of `Leds` keeps. */
export function ledsContract(makeWorld: () => Promise<LedsWorld>): void {
  it('names the LEDs of the board, in order', async () => {
    await using world = await makeWorld();
    assert.deepEqual(await world.leds.list(), ['green:status', 'red:alarm']);
  });

  it('lights one in every way there is, and the other one not at all', async () => {
    await using world = await makeWorld();
    for (const pattern of [...ledPatterns, ...ledPatterns.toReversed()]) {
      await world.leds.show('green:status', pattern);
      assert.deepEqual([world.seen('green:status'), world.seen('red:alarm')], [pattern, 'off']);
    }
  });

  it('refuses a name that the board does not have', async () => {
    await using world = await makeWorld();
    await assert.rejects(world.leds.show('blue:status', 'on'), (error) => {
      assert.ok(isWeirError(error, 'VERB_FAILED'));
      assert.equal(error.fields.reason, 'missing');
      return true;
    });
    assert.equal(world.seen('green:status'), 'off');
  });
}
