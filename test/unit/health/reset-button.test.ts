import assert from 'node:assert/strict';
import { SimButtons } from '../../../hal/sim/buttons.ts';
import { ResetButton } from '../../../src/health/index.ts';
import { HandClock } from '../session/scripted.ts';

const key = 408;

describe('the reset button', () => {
  let clock: HandClock;
  let buttons: SimButtons;
  let told: string[];
  let reset: ResetButton;

  beforeEach(async () => {
    clock = new HandClock();
    buttons = new SimButtons();
    buttons.put('gpio-keys', key);
    told = [];
    const button = await buttons.open({ device: undefined, key });
    assert.ok(button);
    reset = new ResetButton({
      button,
      clock,
      listener: {
        pressed: () => told.push('pressed'),
        announce: (text) =>
          told.push(
            text.replace(
              /^(the box|let|the reset button) .*?(reset to|within|early|too long|is held).*$/,
              '$2',
            ),
          ),
        armed: (armed) => told.push(armed ? 'armed' : 'disarmed'),
        stuck: (stuck) => told.push(stuck ? 'stuck' : 'free'),
        reset: () => told.push('RESET'),
      },
    });
  });
  afterEach(() => reset.close());

  const hold = async (ms: number) => {
    buttons.press('gpio-keys', key);
    await clock.pass(ms);
    buttons.release('gpio-keys', key);
    await clock.pass(60_000, 1000);
  };

  it('that is pressed shortly says where the box is, and nothing else', async () => {
    await hold(250);
    await hold(2750);
    assert.deepEqual(told, ['pressed', 'pressed']);
  });

  it('that is held says what is going to happen, and nothing has when it is let go before ten seconds', async () => {
    await hold(3000);
    await hold(9750);
    assert.deepEqual(told, ['is held', 'early', 'is held', 'early']);
  });

  it('resets the box when it is let go from ten to twenty seconds after it was pressed', async () => {
    for (const ms of [10_000, 19_750]) {
      told.length = 0;
      await hold(ms);
      assert.deepEqual(told, ['is held', 'armed', 'within', 'disarmed', 'reset to', 'RESET'], `${ms}`);
    }
  });

  it('does nothing, and says so, when it is held for longer: something lies on it, or it is stuck', async () => {
    await hold(20_000);
    assert.deepEqual(told, ['is held', 'armed', 'within', 'disarmed', 'stuck', 'too long', 'free']);
  });

  it('does nothing when it was down already as the box started', async () => {
    buttons.release('gpio-keys', key);
    await clock.pass(60_000, 1000);
    assert.deepEqual(told, []);
  });

  it('does nothing when its device goes while it is held', async () => {
    buttons.press('gpio-keys', key);
    await clock.pass(12_000);
    buttons.take('gpio-keys');
    await clock.pass(60_000, 1000);
    assert.deepEqual(told, ['is held', 'armed', 'within', 'disarmed']);
  });

  it('does nothing any more once Weir ends while it is held', async () => {
    buttons.press('gpio-keys', key);
    await clock.pass(12_000);
    await reset.close();
    buttons.release('gpio-keys', key);
    await clock.pass(60_000, 1000);
    assert.ok(!told.includes('RESET'));
  });

  it('begins anew with each press: seconds do not add up', async () => {
    for (let time = 0; time < 5; time += 1) await hold(4000);
    assert.ok(!told.includes('armed'));
  });
});
