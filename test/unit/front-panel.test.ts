import assert from 'node:assert/strict';
import { Alarms, isWeirError, silentLog } from '#base';
import { openSimHal, type SimHal } from '../../hal/sim/sim-hal.ts';
import { parseConfig } from '../../src/config/index.ts';
import { FrontPanel } from '../../src/front-panel.ts';
import { HandClock, settled } from './session/scripted.ts';

const restart = 408;

describe('the front panel', () => {
  let clock: HandClock;
  let alarms: Alarms;
  let hal: SimHal;
  let system: Record<string, unknown>;
  let updates: {
    installing: boolean;
    factoryReset: (order: { includingRecords: boolean }) => Promise<never>;
  };
  let orders: string[];
  let relaying: boolean;
  let panel: FrontPanel | undefined;

  beforeEach(async () => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    hal = await openSimHal({ clock });
    hal.rootVerbs.verbs.set('led', () => []);
    hal.rootVerbs.verbs.set('factory-reset', () => []);
    system = {};
    orders = [];
    relaying = true;
    updates = {
      installing: false,
      factoryReset: async ({ includingRecords }) => {
        orders.push(includingRecords ? 'reset including records' : 'reset');
        throw new Error('the disk is read-only');
      },
    };
  });
  afterEach(async () => {
    await panel?.close();
    await hal.close();
  });

  const open = async () => {
    panel = new FrontPanel({
      hal,
      config: () =>
        parseConfig({ interfaces: { wan: { device: 'a' }, access: { device: 'b' } }, system }).system,
      relaying: () => relaying,
      updates,
      announce: (text) => orders.push(text),
      alarms,
      clock,
      log: silentLog,
    });
    await panel.settled();
    await settled();
    return panel;
  };
  const configure = async (next: Record<string, unknown>) => {
    system = next;
    panel?.configure();
    await panel?.settled();
    await settled();
  };
  const standing = () => alarms.standing().map(({ name, subject }) => `${name} ${subject}`);

  it('of a board that has nothing is nothing, and nobody is alarmed', async () => {
    const { identify, status } = await open();
    assert.deepEqual(status.call(panel), { led: null, resetButton: null });
    assert.throws(
      () => identify.call(panel),
      (error) => isWeirError(error, 'NOT_AVAILABLE'),
    );
    assert.deepEqual(standing(), []);
  });

  it('of a machine that was not flashed is left alone', async () => {
    hal.rootVerbs.verbs.clear();
    hal.leds.put('green:status');
    hal.buttons.put('gpio-keys', restart);
    assert.deepEqual((await open()).status(), { led: null, resetButton: null });
    assert.deepEqual(hal.leds.shown, []);
  });

  it('has the green one of the LEDs that the board calls status, and no other', async () => {
    for (const name of ['amber:status', 'green:status', 'green:power', 'input3::capslock', 'mmc0::']) {
      hal.leds.put(name);
    }
    assert.deepEqual((await open()).status().led, { name: 'green:status', shows: 'on' });
    assert.deepEqual(
      (await hal.leds.list()).map((name) => hal.leds.lit(name)),
      ['off', 'off', 'on', 'off', 'off'],
    );
  });

  it('has the LED that is configured, and none where it says none; the alarm names what there is', async () => {
    hal.leds.put('green:status');
    hal.leds.put('blue:power');
    system = { led: 'blue:power' };
    await open();
    assert.equal(panel?.status().led?.name, 'blue:power');
    await configure({ led: 'blue:nonsense' });
    assert.deepEqual([panel?.status().led, standing()], [null, ['panel.missing led']]);
    assert.match(alarms.standing()[0]?.text ?? '', /there: blue:power, green:status/);
    await configure({ led: 'none' });
    assert.deepEqual([panel?.status().led, standing()], [null, []]);
  });

  it('shows what is most urgent', async () => {
    hal.leds.put('status');
    hal.buttons.put('gpio-keys', restart);
    const { identify } = await open();
    const seen = async () => {
      await clock.pass(1000);
      return hal.leds.lit('status');
    };
    relaying = false;
    assert.equal(await seen(), 'slow');
    alarms.raise({ name: 'clock.notSynchronised', severity: 'minor', text: 'nobody keeps the clock' });
    assert.equal(await seen(), 'slow');
    alarms.raise({ name: 'board.hot', severity: 'major', text: 'hot' });
    assert.equal(await seen(), 'fast');
    updates.installing = true;
    assert.equal(await seen(), 'flash');
    identify.call(panel);
    assert.equal(await seen(), 'double');
    hal.buttons.press('gpio-keys', restart);
    await clock.pass(10_000);
    assert.equal(await seen(), 'flicker');
    await clock.pass(10_000);
    assert.equal(await seen(), 'double');
    assert.deepEqual(standing().at(-1), 'panel.buttonStuck ');
    hal.buttons.release('gpio-keys', restart);
    await clock.pass(60_000, 1000);
    assert.equal(await seen(), 'flash');
    updates.installing = false;
    alarms.clear('board.hot');
    relaying = true;
    assert.equal(await seen(), 'on');
    assert.deepEqual(standing(), ['clock.notSynchronised ']);
  });

  it('resets the box, records stay, and says so when that fails', async () => {
    hal.buttons.put('gpio-keys', restart);
    await open();
    hal.buttons.press('gpio-keys', restart);
    await clock.pass(12_000);
    assert.equal(orders.filter((order) => order === 'reset').length, 0);
    hal.buttons.release('gpio-keys', restart);
    await settled();
    assert.equal(orders.filter((order) => order === 'reset').length, 1);
    assert.match(orders.at(-1) ?? '', /cannot be reset: the disk is read-only/);
    assert.ok(!orders.includes('reset including records'));
  });

  it('identifies the box when the button is pressed shortly', async () => {
    hal.leds.put('green:status');
    hal.buttons.put('gpio-keys', restart);
    await open();
    hal.buttons.press('gpio-keys', restart);
    hal.buttons.release('gpio-keys', restart);
    await settled();
    assert.equal(hal.leds.lit('green:status'), 'double');
    assert.deepEqual(orders, []);
  });

  it('has a button by name and key, or none at all, as it is configured meanwhile', async () => {
    hal.buttons.put('gpio-keys', restart);
    hal.buttons.put('Front Panel', 256, false);
    await open();
    assert.deepEqual(panel?.status().resetButton, { device: 'gpio-keys', key: restart });
    await configure({ resetButton: { device: 'Front Panel', key: 256 } });
    assert.deepEqual(panel?.status().resetButton, { device: 'Front Panel', key: 256 });
    hal.buttons.press('gpio-keys', restart);
    await clock.pass(12_000);
    hal.buttons.release('gpio-keys', restart);
    assert.deepEqual(orders, []);
    await configure({ resetButton: { device: 'Rear Panel' } });
    assert.deepEqual([panel?.status().resetButton, standing()], [null, ['panel.missing reset button']]);
    await configure({ resetButton: { enabled: false } });
    assert.deepEqual([panel?.status().resetButton, standing()], [null, []]);
  });

  it('finds what comes late, and again what was gone', async () => {
    await open();
    hal.leds.put('green:status');
    hal.buttons.put('gpio-keys', restart);
    await clock.pass(30_000, 1000);
    assert.deepEqual(panel?.status(), {
      led: { name: 'green:status', shows: 'on' },
      resetButton: { device: 'gpio-keys', key: restart },
    });
    hal.buttons.take('gpio-keys');
    await settled();
    assert.equal(panel?.status().resetButton, null);
    hal.buttons.put('gpio-keys', restart);
    await clock.pass(30_000, 1000);
    assert.equal(panel?.status().resetButton?.device, 'gpio-keys');
  });
});
