import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, isWeirError, silentLog, WeirError } from '#base';
import type { HalOptions } from '#hal';
import { openSimHal, type SimHal } from '../../hal/sim/sim-hal.ts';
import { Appliance } from '../../src/appliance.ts';
import { type Config, parseConfig } from '../../src/config/index.ts';
import { HandClock } from './session/scripted.ts';

const configOf = (relay: object = {}, wan: object = {}, system: object = {}): Config =>
  parseConfig({ system, interfaces: { wan: { device: 'wan0', ...wan }, access: { device: 'lan0' } }, relay });

describe('the appliance', function () {
  // Each of its starts opens a store.
  this.timeout(20_000);
  let dataDir: string;
  let appliance: Appliance | undefined;
  let clock: HandClock;
  let alarms: Alarms;
  /** Every machine it was opened on, the last one running. */
  let hals: SimHal[];
  let asked: HalOptions[];
  let openNow: number;

  const open = async (config: Config | undefined) => {
    alarms = new Alarms({ clock, log: silentLog });
    const openHal = async (options: HalOptions) => {
      asked.push(options);
      assert.equal(openNow, 0);
      const hal = await openSimHal({ clock });
      hals.push(hal);
      openNow += 1;
      const close = async () => {
        await hal.close();
        openNow -= 1;
      };
      return { ...hal, close };
    };
    appliance = await Appliance.open({ dataDir, openHal, clock, log: silentLog, alarms }, config);
    return appliance;
  };
  const ports = () => hals.at(-1)?.interception.plan?.ports;
  const standing = () => alarms.standing().map(({ name }) => name);

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'weir-appliance-'));
    clock = new HandClock();
    hals = [];
    asked = [];
    openNow = 0;
  });
  afterEach(async () => {
    await appliance?.close();
    await rm(dataDir, { recursive: true });
  });

  it('is there without a configuration, and relays nothing', async () => {
    const box = await open(undefined);
    assert.equal(box.relay, undefined);
    assert.equal(ports(), undefined);
    assert.equal(await box.hal.board.bootId(), await hals[0]?.board.bootId());
    assert.ok(box.store?.device.id);
  });

  it('begins to relay with the first configuration', async () => {
    const box = await open(undefined);
    await box.apply(configOf());
    assert.deepEqual(ports(), [554, 8554]);
    assert.ok(box.relay);
  });

  it('follows the next ones beneath its viewers, with the same relay', async () => {
    const box = await open(configOf());
    const relay = box.relay;
    await box.apply(configOf({ rtsp: { ports: [8554] } }));
    assert.deepEqual(ports(), [8554]);
    assert.equal(box.relay, relay);
  });

  it('is brought back by what applying returned', async () => {
    const box = await open(configOf());
    const undo = await box.apply(configOf({ rtsp: { ports: [8554] } }));
    await undo();
    assert.deepEqual(ports(), [554, 8554]);
    assert.deepEqual(box.config?.relay.rtsp.ports, [554, 8554]);
  });

  it('is brought back to nothing when the first configuration is taken back', async () => {
    const box = await open(undefined);
    const undo = await box.apply(configOf());
    await undo();
    assert.equal(box.relay, undefined);
    assert.equal(box.config, undefined);
  });

  it('begins with what is found late as a start does: what cannot be started is tried again', async () => {
    const box = await open(undefined);
    await box.begin(configOf({}, { device: 'eth9' }));
    assert.equal(box.relay, undefined);
    assert.deepEqual(standing(), ['relay.notStarted']);
    await box.begin(configOf({ rtsp: { ports: [8554] } }));
    assert.deepEqual(ports(), [8554]);
    assert.deepEqual(standing(), []);
    assert.equal(openNow, 1);
  });

  it('holds back what is not live, says what that is, and has it after a restart', async () => {
    const box = await open(configOf());
    const next = configOf({ engineThreads: 3, ringSeconds: 9 }, {}, { realtime: false });
    assert.deepEqual(
      box.awaitingRestart(next).map((path) => path.join(' ')),
      ['system realtime', 'relay engineThreads'],
    );
    await box.apply(next);
    const { relay, system } = box.relay?.config ?? configOf();
    assert.deepEqual([relay.ringSeconds, relay.engineThreads, system.realtime], [9, 0, true]);
    assert.equal(asked.length, 1);
    // Still waiting: another commit does not make it live either.
    await box.apply(configOf({ engineThreads: 3, ringSeconds: 10 }, {}, { realtime: false }));
    assert.equal(box.relay?.config.relay.engineThreads, 0);
    await box.restart();
    assert.equal(box.relay?.config.relay.engineThreads, 3);
    assert.deepEqual([asked.at(-1)?.engineThreads, asked.at(-1)?.realtime], [3, false]);
    assert.deepEqual(box.awaitingRestart(box.config ?? next), []);
  });

  it('refuses what waits for a restart and would not come up then: a VLAN the kernel cannot make, a NIC that is not there', async () => {
    const box = await open(configOf());
    hals[0]?.nics.refuseVlans();
    await assert.rejects(box.apply(configOf({ rtsp: { ports: [8554] } }, { vlan: 7 })), (error) =>
      isWeirError(error, 'NETLINK_FAILED'),
    );
    await assert.rejects(box.apply(configOf({}, { device: 'eth9' })), (error) =>
      isWeirError(error, 'NIC_MISSING'),
    );
    await assert.rejects(box.check(configOf({}, { device: 'eth9' })), (error) =>
      isWeirError(error, 'NIC_MISSING'),
    );
    assert.deepEqual(ports(), [554, 8554]);
    assert.equal(box.config?.interfaces.wan.vlan, undefined);
    await box.restart();
    assert.ok(box.relay);
  });

  it('takes other changes while a NIC is pulled out', async () => {
    const box = await open(configOf());
    hals[0]?.nics.remove('lan0');
    await box.apply(configOf({ rtsp: { ports: [8554] } }));
    assert.deepEqual(ports(), [8554]);
  });

  it('refuses a first configuration it cannot relay with, and can be configured again', async () => {
    const box = await open(undefined);
    await assert.rejects(box.apply(configOf({}, { device: 'eth9' })), (error) =>
      isWeirError(error, 'NIC_MISSING'),
    );
    assert.equal(box.relay, undefined);
    await box.apply(configOf());
    assert.deepEqual(ports(), [554, 8554]);
  });

  it('stays as it was when a configuration fails', async () => {
    const box = await open(configOf());
    hals[0]?.interception.failNext(new WeirError('INTERCEPTION_FAILED', 'nft is missing'));
    await assert.rejects(box.apply(configOf({ rtsp: { ports: [8554] } })), /nft is missing/);
    assert.deepEqual(ports(), [554, 8554]);
    assert.deepEqual(box.config?.relay.rtsp.ports, [554, 8554]);
  });

  it('can be configured while its relay cannot be started, and tries again until it can', async () => {
    const box = await open(configOf({}, { device: 'eth9' }));
    assert.equal(box.relay, undefined);
    assert.deepEqual(standing(), ['relay.notStarted']);
    assert.match(alarms.standing()[0]?.text ?? '', /eth9/);
    const tries = asked.length;
    await clock.pass(10_000, 10_000);
    await assert.rejects(box.apply(configOf({}, { device: 'eth8' })), (error) =>
      isWeirError(error, 'NIC_MISSING'),
    );
    assert.ok(asked.length > tries);
    await box.apply(configOf());
    assert.deepEqual(standing(), []);
    assert.deepEqual(ports(), [554, 8554]);
  });

  it('opens no hardware twice at a time', async () => {
    const box = await open(configOf());
    await Promise.all([box.restart(), box.restart(), box.apply(configOf({ ringSeconds: 9 }))]);
    assert.equal(box.relay?.config.relay.ringSeconds, 9);
    assert.deepEqual([asked.length, openNow], [3, 1]);
  });

  it('fails where the machine cannot be used at all', async () => {
    alarms = new Alarms({ clock, log: silentLog });
    const openHal = () => Promise.reject(new Error('no rights'));
    await assert.rejects(
      Appliance.open({ dataDir, openHal, clock, log: silentLog, alarms }, configOf()),
      /no rights/,
    );
  });
});
