import { strict as assert } from 'node:assert';
import { partitionOffset } from '../../../image/disk/layout.ts';
import type { World } from '../../../src/demo/world/index.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { Operator } from '../../operator.ts';
import { FlashedDisk, Gateway, makeRoomForGateway } from '../gateway.ts';
import { consoleOffered, setUp, startsWithinMs, typed } from '../technician.ts';
import { watchedFrom } from '../watching.ts';
import { WeirInside } from './weir-inside.ts';

/** ext4: the superblock is 1,024 bytes at 1024, two sectors; its checksum is the end of the second one. */
const superblockChecksum = 1024 + 1020;

describe('image: a power cut that left half of the superblock of data written', function () {
  this.timeout(3 * startsWithinMs);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;

  before(async () => {
    disk = await FlashedDisk.flash();
    world = await createLabWorld();
    await makeRoomForGateway(world);
  });
  after(async () => {
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
  });

  it('costs neither the configuration, nor the key, nor a record', async () => {
    const origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    const start = async () => {
      gateway = await Gateway.start(world.box, disk, { inside: true });
      return new WeirInside(gateway.inside);
    };
    const kept = async (weir: WeirInside) => ({
      records: await weir.records(),
      key: await gateway.inside.run('weir records key --data /data/weir', startsWithinMs),
    });
    const before = await start();
    await consoleOffered(gateway);
    await setUp(gateway, world);
    assert.deepEqual(await watchedFrom(world, origin), [world.wan.address4]);
    const had = await kept(before);
    assert.ok(had.records.length > 0);
    await gateway.cutPower();

    const at = partitionOffset('data') + superblockChecksum;
    const checksum = await disk.read(at, 4);
    await disk.write(at, Buffer.from(checksum.map((byte) => ~byte)));

    const after = await start();
    const seat = new Operator(gateway.serial.stream, startsWithinMs);
    await seat.logIn('admin', typed.password);
    assert.deepEqual((await kept(after)).records.slice(0, had.records.length), had.records);
    assert.equal((await kept(after)).key, had.key);
    assert.deepEqual(await watchedFrom(world, origin), [world.wan.address4]);
  });
});
