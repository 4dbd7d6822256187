import assert from 'node:assert/strict';
import type { Button, Buttons } from '#hal';

export const keyRestart = 408;
export const keyPower = 116;

export interface ButtonsWorld extends AsyncDisposable {
  /** Of a board with `gpio-keys`, which has KEY_POWER and KEY_RESTART, and a keyboard with all keys, `USB Keyboard`, on a cable. */
  readonly buttons: Buttons;
  press(device: string, key: number): void;
  release(device: string, key: number): void;
  /** The device goes. */
  take(device: string): void;
}

/** What every implementation of `Buttons` keeps. */
export function buttonsContract(makeWorld: () => Promise<ButtonsWorld>): void {
  const reset = { device: undefined, key: keyRestart };

  /** The movements of a button, as they come. */
  function movements(button: Button): { next(): Promise<boolean> } {
    const told: boolean[] = [];
    let wake = () => {};
    button.moved.on(({ down }) => {
      told.push(down);
      wake();
    });
    return {
      async next() {
        while (told.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return told.shift() as boolean;
      },
    };
  }

  it('finds the button of the board by its key, not that of a keyboard on a cable', async () => {
    await using world = await makeWorld();
    await using button = await world.buttons.open(reset);
    assert.deepEqual([button?.device, button?.key], ['gpio-keys', keyRestart]);
    assert.equal(await world.buttons.open({ device: undefined, key: 300 }), undefined);
  });

  it('finds one by the name of its device, whatever that is', async () => {
    await using world = await makeWorld();
    await using button = await world.buttons.open({ device: 'USB Keyboard', key: 300 });
    assert.equal(button?.device, 'USB Keyboard');
    assert.equal(await world.buttons.open({ device: 'gpio-keys', key: 300 }), undefined);
    assert.equal(await world.buttons.open({ device: 'gpio', key: keyRestart }), undefined);
  });

  it('tells when it goes down and up, and nothing of other keys and devices', async () => {
    await using world = await makeWorld();
    await using button = await world.buttons.open(reset);
    assert.ok(button);
    const moved = movements(button);
    for (const [device, key] of [
      ['gpio-keys', keyPower],
      ['USB Keyboard', keyRestart],
      ['gpio-keys', keyRestart],
    ] as const) {
      world.press(device, key);
      world.release(device, key);
    }
    assert.deepEqual([await moved.next(), await moved.next()], [true, false]);
    world.press('gpio-keys', keyRestart);
    assert.equal(await moved.next(), true);
  });

  it('says so when the device is gone', async () => {
    await using world = await makeWorld();
    const button = await world.buttons.open(reset);
    assert.ok(button);
    const gone = new Promise<string>((resolve) => button.gone.on(({ why }) => resolve(why)));
    world.take('gpio-keys');
    assert.match(await gone, /\S/);
    await button.close();
    assert.equal(await world.buttons.open(reset), undefined);
  });

  it('tells nothing more once it is closed, which can be done twice', async () => {
    await using world = await makeWorld();
    const button = await world.buttons.open(reset);
    assert.ok(button);
    button.moved.on(() => assert.fail('moved'));
    button.gone.on(() => assert.fail('gone'));
    await button.close();
    await button.close();
    world.press('gpio-keys', keyRestart);
    await using other = await world.buttons.open(reset);
    assert.ok(other);
    const moved = movements(other);
    world.release('gpio-keys', keyRestart);
    world.press('gpio-keys', keyRestart);
    while (!(await moved.next()));
  });
}
