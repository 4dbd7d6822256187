import assert from 'node:assert/strict';
import { systemClock } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import {
  clockStatus,
  interfacesStatus,
  requestSystem,
  requestUpload,
  routeStatus,
  storageStatus,
  systemStatus,
  versionStatus,
} from '../../../src/operations/index.ts';
import { RecordsFolder } from '../billing/billed-viewer.ts';
import { recordSessions } from '../billing/recorded-sessions.ts';

const nics = { wan: { device: 'wan0', addresses: [] }, access: { device: 'lan0', addresses: [] } };

describe('what the box tells of itself', () => {
  let hal: SimHal;
  beforeEach(async () => {
    hal = await openSimHal();
  });
  afterEach(() => hal.close());

  it('names version, kernel and serial number, and null where it does not know', async () => {
    hal.board.set({ facts: { manufacturer: undefined } });
    const { version, kernel, serialNumber, manufacturer } = await versionStatus(hal.board, '9.9.9');
    assert.deepEqual(
      { version, kernel, serialNumber, manufacturer },
      { version: '9.9.9', kernel: '6.12.0', serialNumber: 'SIM-0001', manufacturer: null },
    );
  });

  it('tells temperature in degrees, memory in bytes and the wear of its flash memory', async () => {
    hal.board.wear = [{ device: 'mmcblk0', name: 'A', lifeUsedPercent: 20, spareBlocks: 'normal' }];
    const status = await systemStatus({ ...hal, version: '1', name: 'box-1' });
    assert.equal(status.temperatureC, 45);
    assert.equal(status.memoryAvailableBytes, 1_073_741_824);
    assert.deepEqual(status.flash, hal.board.wear);
    assert.deepEqual([status.deviceId, status.bootEpoch], [null, null]);
    // It is what the console prints as JSON: nothing in it that JSON cannot say.
    assert.deepEqual(JSON.parse(JSON.stringify(status)), status);
  });

  it('says whether its clock is synchronised', async () => {
    hal.board.clockIsSynchronised = false;
    const { synchronised, now } = await clockStatus(hal.board, { ...systemClock, nowMs: () => 0 });
    assert.deepEqual({ synchronised, now }, { synchronised: false, now: '1970-01-01T00:00:00.000Z' });
  });

  it('lists all NICs before any has a role: MAC address, path and link tell them apart', async () => {
    const { interfaces, missing } = await interfacesStatus(hal.nics);
    assert.deepEqual(
      interfaces.map(({ device, role, mac, link, counters }) => ({ device, role, mac, link, counters })),
      [
        { device: 'lan0', role: null, mac: '02:00:00:00:00:02', link: 'off', counters: null },
        { device: 'wan0', role: null, mac: '02:00:00:00:00:01', link: 'off', counters: null },
      ],
    );
    assert.deepEqual(missing, []);
  });

  it('lists wan and access first, with counters, and names the role whose NIC was pulled out', async () => {
    await hal.nics.apply(nics);
    hal.nics.setCounters('wan0', { rxBytes: 2n ** 60n });
    hal.nics.setCarrier('lan0', false);
    hal.nics.add({ device: 'aux0', mac: '02:00:00:00:00:09' });
    const before = await interfacesStatus(hal.nics);
    assert.deepEqual(
      before.interfaces.map(({ role, device, link }) => `${role} ${device} ${link}`),
      ['wan wan0 up', 'access lan0 down', 'null aux0 off'],
    );
    assert.equal(before.interfaces[0]?.counters?.rxBytes, '1152921504606846976');
    hal.nics.remove('lan0');
    const after = await interfacesStatus(hal.nics);
    assert.deepEqual(after.missing, ['access']);
    assert.equal(after.interfaces.length, 2);
  });

  it('tells at most 1,000 routes, and how many there are beyond', async () => {
    await hal.nics.apply(nics);
    hal.nics.setAddresses(
      'lan0',
      Array.from({ length: 1500 }, (_, index) => `10.${index >> 8}.${index & 255}.1/24`),
    );
    const { routes, left } = await routeStatus(hal.nics);
    assert.equal(routes.length, 1000);
    assert.equal(left, 502);
    assert.equal(routes[0]?.destination, '203.0.113.0/24');
  });

  it('restarts itself, and has root reboot the machine where it is a gateway', async () => {
    let restarts = 0;
    const { rootVerbs } = hal;
    const restart = () => {
      restarts += 1;
    };
    await requestSystem('restart', { rootVerbs, restart });
    assert.deepEqual([restarts, rootVerbs.asked], [1, []]);
    await assert.rejects(requestSystem('reboot', { rootVerbs, restart }), { code: 'NOT_AVAILABLE' });
    rootVerbs.verbs.set('reboot', () => []).set('power-off', () => ({ reason: 'busy', text: 'not now' }));
    assert.deepEqual(await requestSystem('reboot', { rootVerbs, restart }), { request: 'reboot' });
    await assert.rejects(requestSystem('power-off', { rootVerbs, restart }), { code: 'VERB_FAILED' });
    // No other verb of root's can be reached from here.
    rootVerbs.verbs.set('factory-reset', () => []);
    const reset = requestSystem('factory-reset' as 'reboot', { rootVerbs, restart });
    await assert.rejects(reset, { code: 'USAGE' });
    assert.deepEqual([restarts, rootVerbs.asked.map(({ verb }) => verb)], [1, ['reboot', 'power-off']]);
  });
});

describe('what the box tells of its records', () => {
  it('names the disk, the head of the chain and what waits', async () => {
    await using folder = await RecordsFolder.make();
    assert.equal((await storageStatus(folder.store)).lastSequence, 0);
    await recordSessions(folder, {}, [1, 2, 3]);
    const status = await storageStatus(folder.store);
    const head = await folder.store.ledger.head();
    assert.equal(status.lastSequence, head?.sequence);
    assert.equal(status.lastHash, head?.hash);
    assert.equal(status.waitingDeliveries, 6);
    assert.equal(status.health, 'ok');
    assert.ok(status.freeBytes > 0 && status.freeBytes <= status.sizeBytes);
    assert.ok(status.files.some(({ name, bytes }) => name === 'weir.db' && bytes > 0));
    // The device's key is a file like others: its name and size, never what is in it.
    assert.deepEqual(Object.keys(status.files[0] ?? {}), ['name', 'bytes']);
  });

  it('hurries every receiver when an operator asks for an upload', () => {
    let hurried = 0;
    const told = requestUpload({
      hurry: () => {
        hurried += 1;
      },
      names: () => ['radius:isp'],
    });
    assert.deepEqual([hurried, told], [1, { destinations: ['radius:isp'] }]);
  });
});
