import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { Alarms, silentLog } from '#base';
import { openSimHal, type SimHal } from '../../hal/sim/sim-hal.ts';
import { Appliance } from '../../src/appliance.ts';
import { HealthKeeping } from '../../src/health-keeping.ts';
import { Updates } from '../../src/operations/index.ts';
import { HandClock } from './session/scripted.ts';
import { Folder, until } from './storage/box.ts';

describe('the health of the appliance', function () {
  // It opens a store.
  this.timeout(20_000);
  let clock: HandClock;
  let alarms: Alarms;
  let folder: Folder;
  let hal: SimHal;
  let appliance: Appliance;

  beforeEach(async () => {
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    folder = new Folder();
    hal = await openSimHal({ clock });
    hal.rootVerbs.verbs.set('update', () => []);
  });
  afterEach(async () => {
    await appliance.close();
    folder[Symbol.dispose]();
  });

  const keep = async () => {
    const dataDir = folder.path;
    const box = { dataDir, clock, log: silentLog, alarms };
    appliance = await Appliance.open({ ...box, openHal: async () => hal }, undefined);
    const updates = new Updates({ rootVerbs: hal.rootVerbs, folder: dataDir, version: '1.0.0' });
    const health = new HealthKeeping(appliance, { ...box, updates });
    await until('the test has failed', () => unproven() !== '');
    return health;
  };
  const unproven = () => alarms.standing().find(({ name }) => name === 'health.unproven')?.text ?? '';

  it('is not proven to the slot while the records of the box cannot be opened', async () => {
    mkdirSync(folder.file('weir.lock'));
    await using _ = await keep();
    assert.equal(appliance.store, undefined);
    assert.match(unproven(), /the records of this box cannot be opened/);
    // With the books open, the next test fails at what this machine cannot do: relay.
    rmdirSync(folder.file('weir.lock'));
    while (/cannot be opened/.test(unproven())) await clock.pass(1000);
    assert.ok(appliance.store);
    assert.deepEqual(hal.rootVerbs.asked, []);
  });

  for (const name of ['config.damaged', 'config.unread']) {
    it(`is not proven to the slot by a version that cannot use the configuration it found: ${name}`, async () => {
      alarms.raise({ name, severity: 'critical', text: 'nothing earlier is kept' });
      await using _ = await keep();
      assert.match(unproven(), /the configuration of this box cannot be used/);
      assert.deepEqual(hal.rootVerbs.asked, []);
    });
  }
});
