import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base';
import { partitionOffset, partitions } from '../../image/disk/layout.ts';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from '../lab/lab-world.ts';
import { ScriptedOrigin } from '../lab/origin-scripted.ts';
import { Freeradius } from '../lab/upload/freeradius.ts';
import { ScriptedViewers } from '../lab/viewers-scripted.ts';
import { Operator } from '../operator.ts';
import { FlashedDisk, Gateway, makeRoomForGateway } from './gateway.ts';
import { answersWithinMs, consoleOffered, setUp, startsWithinMs, typed } from './technician.ts';

describe('image: a gateway that was just flashed', function () {
  this.timeout(startsWithinMs + 600_000);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;
  let technician: Operator;
  let folder: string;
  let flashed: readonly string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-image-test-'));
    disk = await FlashedDisk.flash();
    flashed = await identifiersOn(disk);
    world = await createLabWorld({ viewers: 2 });
    await makeRoomForGateway(world);
    gateway = await Gateway.start(world.box, disk, { inside: true });
  });
  after(async () => {
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  it('starts by UEFI and offers its console on the serial port', async () => {
    const startedAt = Date.now();
    await consoleOffered(gateway);
    console.log(`      from power to the console: ${Math.round((Date.now() - startedAt) / 1000)} s`);
  });

  it('has identifiers of its own, and not those of the image', async () => {
    const own = await identifiersOn(disk);
    assert.equal(new Set([...own, ...flashed]).size, own.length + flashed.length);
  });

  it('is set up by a technician, who finds the NICs by what stands on the case', async () => {
    technician = await setUp(gateway, world);
  });

  it('relays a stream to two viewers by one session with the origin, and shows them', async () => {
    await using origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    await using radius = await Freeradius.start({
      folder,
      host: world.origin.host,
      port: 1813,
      secret: typed.secret,
      address: world.origin.address4,
      client: world.wan.address4,
    });
    const url = `rtsp://${world.origin.address4}/live`;
    const watch = ({ host, address4 }: World['viewer']) =>
      ScriptedViewers.start(host, { url, sources: [address4] });
    const [one, two] = await Promise.all(world.viewers.map(watch));
    assert.ok(one && two);
    for (const viewer of [one, two]) {
      assert.deepEqual(await viewer.settled(answersWithinMs), [200]);
      await viewer.watching(answersWithinMs);
    }
    const plays = origin.events.filter((told) => told.event === 'request' && told.method === 'PLAY');
    assert.equal(plays.length, 1, 'the origin was asked more than once');
    const shown = await technician.command('show viewers | no-more');
    for (const { address4 } of world.viewers) assert.ok(shown.includes(address4), shown);
    const fanOut = async () => {
      const shown = JSON.parse(await technician.command('show relay | json | no-more'));
      return shown.fanOut as { by: string; why?: string; clonedPackets: string };
    };
    const { by, why } = await fanOut();
    assert.deepEqual([by, why], ['clones', undefined]);
    // Not before both have caught up.
    for (const until = Date.now() + answersWithinMs; Number((await fanOut()).clonedPackets) === 0; ) {
      assert.ok(Date.now() < until, 'nothing was cloned');
    }

    for (const viewer of [one, two]) {
      viewer.command({ command: 'teardown' });
      const ended = () => viewer.told('ended').length === 1;
      await viewer.program.until(ended, answersWithinMs, 'the answer to TEARDOWN');
      await viewer.close();
    }
    const stops = () => radius.rows().filter(({ acctstoptime }) => acctstoptime !== null);
    const told = async () => {
      // FreeRADIUS writes its table; nobody tells of that.
      await systemClock.sleep(200);
      return stops().length === 2;
    };
    for (const until = Date.now() + answersWithinMs; !(await told()); ) {
      assert.ok(Date.now() < until, `RADIUS got ${JSON.stringify(radius.rows())}`);
    }
    for (const { acctoutputoctets } of stops()) assert.ok((acctoutputoctets ?? 0) > 0);
  });

  it('has queues that tell a sender when they are full', async () => {
    const queues = await gateway.inside.run('/usr/sbin/tc qdisc show', answersWithinMs);
    assert.match(queues, /^qdisc pfifo_fast /m);
    assert.doesNotMatch(queues, /codel/);
  });

  it('has given its data the whole disk, and needs less than 224 MiB of memory', async () => {
    const storage = await technician.command('show storage | no-more');
    const system = JSON.parse(await technician.command('show system | json | no-more')) as {
      memoryBytes: number;
      memoryAvailableBytes: number;
      uptimeSeconds: number;
      weirUptimeSeconds: number;
    };
    const usedMiB = (system.memoryBytes - system.memoryAvailableBytes) / 2 ** 20;
    console.log(
      `      memory in use ${Math.round(usedMiB)} MiB; Weir began ${system.uptimeSeconds - system.weirUptimeSeconds} s after the kernel`,
    );
    assert.ok(usedMiB <= 224, `${usedMiB} MiB`);
    const [, dataMiB = '0'] = /of (\d+) MiB free/.exec(storage) ?? [];
    assert.ok(Number(dataMiB) > 3000, storage);
  });
});

/** Of the disk and its partitions (UEFI 2.10 s.5.3.2, 5.3.3), and of the file system of data. */
async function identifiersOn(disk: FlashedDisk): Promise<readonly string[]> {
  const [header, entries] = [512, 1024];
  const places = [
    header + 56,
    ...partitions.map((_, index) => entries + 128 * index + 16),
    partitionOffset('data') + 1024 + 104,
  ];
  return await Promise.all(places.map(async (at) => (await disk.read(at, 16)).toString('hex')));
}

describe('image: flash that has gone bad', function () {
  this.timeout(2 * startsWithinMs);

  it('is noticed, and the machine starts again instead of running what nobody built', async () => {
    using disk = await FlashedDisk.flash();
    await using world = await createLabWorld();
    await makeRoomForGateway(world);
    disk.damageSlot();
    await using gateway = await Gateway.start(world.box, disk);
    const seen = new Operator(gateway.serial.stream, startsWithinMs);
    await seen.sees(/device-mapper: verity: [^\n]* is corrupted/);
    await seen.sees(/UEFI firmware/);
  });
});
