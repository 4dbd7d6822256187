import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#base';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from '../lab/lab-world.ts';
import { ScriptedOrigin } from '../lab/origin-scripted.ts';
import { Freeradius } from '../lab/upload/freeradius.ts';
import { ScriptedViewers } from '../lab/viewers-scripted.ts';
import { Operator } from '../operator.ts';
import { FlashedDisk, Gateway, gatewayNics, makeRoomForGateway } from './gateway.ts';

/** Without acceleration, on a machine that has other things to do. */
const startsWithinMs = 900_000;
const answersWithinMs = 180_000;
const secret = 's3cret';
const password = 'correct horse battery';

describe('image: a gateway that was just flashed', function () {
  this.timeout(startsWithinMs + 600_000);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;
  let technician: Operator;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-image-test-'));
    disk = await FlashedDisk.flash();
    world = await createLabWorld({ viewers: 2 });
    await makeRoomForGateway(world);
    gateway = await Gateway.start(world.box, disk);
  });
  after(async () => {
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  it('starts by UEFI and offers its console on the serial port', async () => {
    const startedAt = Date.now();
    await new Operator(gateway.serial.stream, startsWithinMs).sees(/press Enter to begin/);
    console.log(`      from power to the console: ${Math.round((Date.now() - startedAt) / 1000)} s`);
  });

  it('is set up by a technician, who finds the NICs by what stands on the case', async () => {
    technician = new Operator(gateway.serial.stream, answersWithinMs);
    const answer = async (question: RegExp, line: string) => {
      const seen = await technician.sees(question);
      void technician.type(`${line}\r`);
      return seen;
    };
    void technician.type('\r');
    const table = await technician.sees(/toward the IP network.*\(wan\)\? \[1\] $/);
    const named = (mac: string) => new RegExp(`(\\S+) +up .*${mac}`).exec(table)?.[1] ?? assert.fail(table);
    const [wan, access] = [named(gatewayNics.wan.mac), named(gatewayNics.access.mac)];
    void technician.type(`${wan}\r`);
    await answer(/toward the viewers.*\(access\)\? /, access);
    await answer(new RegExp(`Address of ${wan}`), `${world.wan.address4}/24`);
    await answer(/Default gateway/, '');
    await answer(/Name servers/, '');
    await answer(new RegExp(`Address of ${access}`), `${world.access.address4}/16`);
    await answer(/TCP ports of the origins/, '554');
    await answer(/Who gets the records/, world.origin.address4);
    await answer(/Secret shared/, secret);
    await answer(/Name of this box/, 'gateway');
    await answer(/Name of the administrator/, '');
    await answer(/Password of admin/, password);
    await answer(/again: $/, password);
    await answer(/Commit this\? \[yes\] $/, '');
    await technician.sees(/The box relays[\s\S]*@gateway> $/);
  });

  it('relays a stream to two viewers by one session with the origin, and shows them', async () => {
    await using origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    await using radius = await Freeradius.start({
      folder,
      host: world.origin.host,
      port: 1813,
      secret,
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
