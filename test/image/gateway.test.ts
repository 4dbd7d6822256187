import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from '../lab/lab-world.ts';
import { ScriptedOrigin } from '../lab/origin-scripted.ts';
import { Freeradius } from '../lab/upload/freeradius.ts';
import { ScriptedViewers } from '../lab/viewers-scripted.ts';
import { Operator } from '../operator.ts';
import { FlashedDisk, Gateway, gatewayNics, makeRoomForGateway } from './gateway.ts';

/** Without acceleration, on a machine that has other things to do. */
const startsWithinMs = 420_000;
const answersWithinMs = 60_000;
const secret = 's3cret';

describe('image: a gateway that was just flashed', function () {
  this.timeout(startsWithinMs + 300_000);
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

  it('is configured by a technician', async () => {
    technician = new Operator(gateway.serial.stream, answersWithinMs);
    void technician.type('\r');
    await technician.sees(/> $/);
    void technician.type('configure\r');
    await technician.sees(/# $/);
    for (const line of [
      `set interfaces wan mac ${gatewayNics.wan.mac} addresses ${world.wan.address4}/24`,
      `set interfaces access mac ${gatewayNics.access.mac} addresses ${world.access.address4}/16`,
      `set upload radius isp servers ${world.origin.address4} secret ${secret}`,
    ]) {
      assert.equal(await technician.command(line), '', line);
    }
    assert.match(await technician.command('commit'), /commit/);
    await technician.command('exit');
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
    const shown = await technician.command('show relay');
    for (const { address4 } of world.viewers) assert.ok(shown.includes(address4), shown);

    for (const viewer of [one, two]) {
      await viewer.teardown();
      await viewer.close();
    }
    for (const until = Date.now() + answersWithinMs; ; ) {
      const stopped = radius.rows().filter(({ acctstoptime }) => acctstoptime !== null);
      if (stopped.length === 2) {
        assert.ok(
          stopped.every(({ acctoutputoctets }) => (acctoutputoctets ?? 0) > 0),
          JSON.stringify(stopped),
        );
        break;
      }
      if (Date.now() > until) assert.fail(`RADIUS got ${JSON.stringify(radius.rows())}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  });
});
