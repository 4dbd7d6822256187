import { strict as assert } from 'node:assert';
import { systemClock } from '#base';
import type { World } from '../../../src/demo/world/index.ts';
import type { SystemStatus } from '../../../src/operations/index.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { Operator } from '../../operator.ts';
import { FlashedDisk, Gateway, gatewayNics, makeRoomForGateway } from '../gateway.ts';
import { DeviceTreeBoard, ledLines, serialNumber } from './device-tree-board.ts';
import type { Hands } from './hands.ts';

/** Without acceleration, on a machine that has other things to do. */
const startsWithinMs = 1_800_000;
const answersWithinMs = 300_000;
/** In which any of the ways an LED blinks is to be seen. */
const blinksWithinMs = 6000;

describe('image: a board with U-Boot, a device tree, LEDs and a reset button', function () {
  this.timeout(startsWithinMs + answersWithinMs);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;
  let hands: Hands;
  let technician: Operator;
  let known: SystemStatus;

  before(async () => {
    disk = await FlashedDisk.flash();
    world = await createLabWorld();
    await makeRoomForGateway(world);
    const board = await DeviceTreeBoard.make(disk.folder);
    gateway = await Gateway.start(world.box, disk, { board });
    hands = await board.hands();
    technician = new Operator(gateway.serial.stream, answersWithinMs);
  });
  after(async () => {
    await hands?.[Symbol.asyncDispose]();
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
  });

  const started = () =>
    new Operator(gateway.serial.stream, startsWithinMs).sees(/weir: press Enter to begin/);
  const system = async () =>
    JSON.parse(await technician.command('show system | json | no-more')) as SystemStatus;
  /** Weir looks once a second how the box is. */
  const shows = async (pattern: string) => {
    for (const until = Date.now() + answersWithinMs; ; ) {
      const { statusLed } = await system();
      if (statusLed?.shows === pattern) return;
      assert.ok(Date.now() < until, `the LED shows ${statusLed?.shows}, not ${pattern}`);
      await systemClock.sleep(1000);
    }
  };
  const blinks = async (name: keyof typeof ledLines) => {
    const spans = await hands.watch(ledLines[name], blinksWithinMs);
    return spans.length > 0;
  };

  it('starts by the boot loader of most such boards, and offers its console', async () => {
    const startedAt = Date.now();
    const seen = await started();
    assert.match(seen, /U-Boot/);
    console.log(`      from power to the console: ${Math.round((Date.now() - startedAt) / 1000)} s`);
  });

  it('blinks as long as it relays nothing, with the LED that the board calls status', async () => {
    for (const until = Date.now() + answersWithinMs; !(await blinks('green:status')); ) {
      assert.ok(Date.now() < until, 'the LED does not blink');
    }
    assert.equal(await hands.isLit(ledLines['red:alarm']), false);
  });

  it('shows its serial number, its LEDs and its button', async () => {
    void technician.type('\r');
    await technician.sees(/\(wan\)\? \[1\] $/);
    void technician.type('\x03');
    await technician.sees(/@weir> $/);
    known = await system();
    assert.deepEqual(
      [known.serialNumber, known.model, known.leds, known.statusLed?.name, known.resetButton],
      [
        serialNumber,
        'Emulated gateway',
        ['green:status', 'red:alarm'],
        'green:status',
        { device: 'gpio-keys', key: 408 },
      ],
    );
  });

  it('lights the LED for good once it relays', async () => {
    await technician.command('configure');
    for (const [role, { mac }] of Object.entries(gatewayNics)) {
      await technician.command(`set interfaces ${role} mac ${mac}`);
    }
    await technician.command('set system name shelf-4');
    await technician.command('commit');
    await technician.command('exit');
    await shows('on');
    assert.equal(await blinks('green:status'), false);
    assert.equal(await hands.isLit(ledLines['green:status']), true);
  });

  it('shows which box it is when it is told to, and when its button is pressed shortly', async () => {
    await technician.command('request system identify');
    await shows('double');
    assert.ok(await blinks('green:status'));
    await shows('on');
    await hands.hold(300);
    await shows('double');
  });

  it('does nothing when the button is held for too long', async () => {
    const announced = technician.sees(
      /let the reset button go within[\s\S]*held for too long: nothing happens/,
    );
    await hands.hold(20_000, announced);
    // What was announced stands where the prompt was.
    void technician.type('\r');
    await technician.sees(/@shelf-4> $/);
    assert.equal((await system()).name, 'shelf-4');
  });

  it('forgets its configuration, and nothing else, when the button is let go in time', async () => {
    await hands.hold(10_000, technician.sees(/let the reset button go within/));
    await technician.sees(/is reset to factory settings and starts again/);
    await started();
    technician = new Operator(gateway.serial.stream, answersWithinMs);
    void technician.type('\r');
    await technician.sees(/\(wan\)\? \[1\] $/);
    void technician.type('\x03');
    await technician.sees(/@weir> $/);
    const now = await system();
    assert.deepEqual([now.name, now.deviceId], ['weir', known.deviceId]);
    assert.ok(now.bootEpoch !== null && known.bootEpoch !== null && now.bootEpoch > known.bootEpoch);
  });
});
