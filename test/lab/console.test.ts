import { strict as assert } from 'node:assert';
import { fileURLToPath } from 'node:url';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { hashPassword } from '../../src/console/index.ts';
import type { World } from '../../src/demo/world/index.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { createLabWorld } from './lab-world.ts';
import { Weir } from './weir.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const baud = 115_200;
const password = 'correct horse battery';

describe('lab: the console', function () {
  this.timeout(60_000);
  let world: World;
  let cable: SerialCable;
  let weir: Weir;
  let system: Record<string, unknown>;

  before(async () => {
    world = await createLabWorld();
    cable = await SerialCable.plugIn();
    const passwordHash = await hashPassword(password);
    system = { name: 'box7', users: [{ name: 'ann', class: 'administrator', passwordHash }] };
    weir = await Weir.start(world, { system, console: { port: cable.near } });
  });
  after(async () => {
    await weir?.close();
    await cable?.[Symbol.asyncDispose]();
    await world?.close();
  });

  const weirConsole = (...args: string[]) =>
    world.box.run(process.execPath, [main, 'console', '--data', weir.dataDir, ...args]);

  it('lets a user in over the serial port, who looks and leaves', async () => {
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
    const ann = new Operator(port.stream);
    ann.type('\r');
    await ann.logIn('ann', password);
    // The cable itself is a program that has the port open.
    assert.match(
      await ann.command('show alarms'),
      /console\.port-shared .* socat \(\d+\) has the console's port/,
    );
    assert.match(await ann.command('show relay'), /^version .*\n[\s\S]*wan +wan0 +up/);
    ann.type('exit\r');
    await ann.sees(/box7 login: $/);
    assert.doesNotMatch(ann.transcript, new RegExp(password));
  });

  it('carries out commands of `weir console -c`, and of its standard input', async () => {
    const relay = JSON.parse(await weirConsole('-c', 'show relay | json'));
    assert.deepEqual(relay.viewers, []);
    assert.equal(
      await weirConsole('-c', 'show relay | match version | count', '-c', 'show outbox | count'),
      '1 lines\n1 lines\n',
    );
    const piped = await world.box.run(process.execPath, [main, 'console', '--data', weir.dataDir], {
      input: 'show relay | match version\n',
    });
    assert.match(piped, /^version/);
    const refused = await world.box.spawn(process.execPath, [
      ...[main, 'console', '--data', weir.dataDir],
      ...['-c', 'show nothing', '-c', 'show relay'],
    ]);
    assert.deepEqual(await refused.exited, { code: 1, signal: null });
    assert.match(refused.stderr, /^show nothing\n {5}\^\n"nothing" is unknown here\n/);
    assert.equal(refused.stdout, '');
    await refused.close();
  });

  it('gives a terminal the same session, as large as it is', async () => {
    // script(1) of util-linux gives the command a terminal of its own.
    const command = `stty rows 8 columns 100; ${process.execPath} ${main} console --data ${weir.dataDir}`;
    const child = await world.box.spawn('script', ['-qec', command, '/dev/null']);
    await child.prints(/@box7> $/);
    child.stdin.write('show relay\r');
    await child.prints(/---\(more\)---/);
    child.stdin.write('qexit\r');
    await child.success();
    await child.close();
  });

  it('is back when the device was gone', async () => {
    await cable.pull();
    cable = await SerialCable.plugIn(cable.folder);
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
    const ann = new Operator(port.stream, 15_000);
    await ann.logIn('ann', password);
  });
});
