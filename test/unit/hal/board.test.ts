import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isWeirError } from '#base';
import { LinuxBoard } from '../../../hal/linux/board.ts';

const discovered = {
  manufacturer: 'Maker',
  model: 'DMI model',
  serialNumber: 'DMI-1',
  cpu: 'A53',
  os: 'Debian 13',
};

describe('the board', () => {
  let root: string;
  let asked: number;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'weir-test-'));
    asked = 0;
    await put('proc/meminfo', 'MemTotal:        2048000 kB\nMemFree:  1 kB\nMemAvailable:    1024 kB\n');
    await put('proc/uptime', '3600.25 7000.00\n');
    await put('proc/loadavg', '0.42 0.30 0.20 1/100 1234\n');
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  const put = async (name: string, text: string) => {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  };
  const board = () =>
    new LinuxBoard({
      proc: join(root, 'proc'),
      sys: join(root, 'sys'),
      discover: async () => {
        asked += 1;
        return discovered;
      },
    });

  it('has its serial number and model from the device tree where there is one', async () => {
    await put('proc/device-tree/serial-number', '10000000abcd\0');
    await put('proc/device-tree/model', 'Vendor Gateway 2\0');
    const facts = await board().facts();
    assert.equal(facts.serialNumber, '10000000abcd');
    assert.equal(facts.model, 'Vendor Gateway 2');
    assert.equal(facts.memoryBytes, 2_097_152_000n);
  });

  it('has them from DMI where there is no device tree, or nothing in it', async () => {
    await put('proc/device-tree/serial-number', '0000000000000000\0');
    const facts = await board().facts();
    assert.equal(facts.serialNumber, 'DMI-1');
    assert.equal(facts.model, 'DMI model');
  });

  it('asks for its facts once, however often it is read', async () => {
    const one = board();
    await one.facts();
    await one.facts();
    await one.load();
    assert.equal(asked, 1);
  });

  it('tells the temperature of the hottest zone that answers', async () => {
    await put('sys/class/thermal/thermal_zone0/temp', '41000\n');
    await put('sys/class/thermal/thermal_zone1/temp', '52500\n');
    await mkdir(join(root, 'sys/class/thermal/thermal_zone2'));
    await put('sys/class/thermal/cooling_device0/temp', '99000\n');
    assert.deepEqual(await board().load(), {
      uptimeSeconds: 3600.25,
      load1: 0.42,
      memoryAvailableBytes: 1_048_576n,
      temperatureMilliC: 52_500,
    });
  });

  it('tells no temperature where there is no sensor', async () => {
    assert.equal((await board().load()).temperatureMilliC, undefined);
  });

  it('says so when /proc is not mounted', async () => {
    await rm(join(root, 'proc'), { recursive: true });
    await assert.rejects(board().load(), (error) => isWeirError(error, 'MISSING_RIGHTS'));
  });

  it('tells how worn an eMMC is, by the worse kind of its cells (JESD84-B51 s.7.4)', async () => {
    await put('sys/class/block/mmcblk0/device/life_time', '0x02 0x03\n');
    await put('sys/class/block/mmcblk0/device/pre_eol_info', '0x02\n');
    await put('sys/class/block/mmcblk0/device/name', 'DG4008\n');
    await put('sys/class/block/mmcblk1/device/life_time', '0x0b 0x01\n');
    // A partition, a card that does not tell, and one that tells nonsense.
    await put('sys/class/block/mmcblk0p1/device/life_time', '0x01 0x01\n');
    await put('sys/class/block/mmcblk2/device/name', 'SC16G\n');
    await put('sys/class/block/mmcblk3/device/life_time', '0xff what\n');
    assert.deepEqual(await board().flashWear(), [
      { device: 'mmcblk0', name: 'DG4008', lifeUsedPercent: 30, spareBlocks: 'warning' },
      { device: 'mmcblk1', name: undefined, lifeUsedPercent: 110, spareBlocks: undefined },
    ]);
  });

  it('has no flash memory to tell of where there is none', async () => {
    assert.deepEqual(await board().flashWear(), []);
  });
});
