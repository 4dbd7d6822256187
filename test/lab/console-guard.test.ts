import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { hashPassword } from '../../src/console/index.ts';
import type { World } from '../../src/demo/world/index.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { FreshBox } from './fresh-box.ts';
import { createLabWorld } from './lab-world.ts';

const baud = 115_200;
const password = 'correct horse battery';

describe('lab: a plain commit that would lose the serial line', function () {
  this.timeout(120_000);
  let world: World;
  let cable: SerialCable;
  let other: SerialCable;
  let dataDir: string;
  let box: FreshBox | undefined;

  before(async () => {
    world = await createLabWorld();
  });
  after(() => world?.close());
  beforeEach(async () => {
    cable = await SerialCable.plugIn();
    other = await SerialCable.plugIn();
    dataDir = await mkdtemp(join(tmpdir(), 'weir-guard-'));
    box = await start();
    const passwordHash = await hashPassword(password);
    await box.script([
      'configure',
      'set interfaces wan device wan0',
      'set interfaces access device lan0',
      'set system name box7',
      `set system users ann class administrator passwordHash ${passwordHash}`,
      'set console guardMinutes 1',
      'commit',
    ]);
  });
  afterEach(async () => {
    await box?.close();
    await cable[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  });

  const start = () => FreshBox.start(world, { file: join(dataDir, 'weir.json'), dataDir, port: cable.near });
  const at = async (far: string, use: (ann: Operator) => Promise<void>) => {
    await using port = await new LinuxSerialPorts().open({ path: far, baud });
    await use(new Operator(port.stream, 90_000));
  };
  const logIn = async (ann: Operator) => {
    ann.type('\x03\r');
    await ann.logIn('ann', password);
  };
  const commitsAwayFrom = async (ann: Operator, line: string) => {
    await logIn(ann);
    await ann.command('configure');
    await ann.command(line);
    ann.type('commit\r');
    await ann.sees(/so this is in force for 1 minute: [\s\S]*from now on\r\n/);
  };

  it('to a port where nobody is goes back within a minute, and says so where they are', () =>
    at(cable.far, async (ann) => {
      await commitsAwayFrom(ann, `set console port ${other.near}`);
      await box?.logs(new RegExp(`"event":"console port open","path":"${other.near}"`));
      await box?.logs(/"alarm":"config.reverted"/, 75_000);
      await logIn(ann);
      assert.match(ann.transcript, /was taken back: not confirmed in time\r\n[\s\S]*\+ +port /);
      assert.doesNotMatch(await ann.command('show configuration console'), /port/);
    }));

  it('goes back at once when the power goes before it is confirmed', () =>
    at(cable.far, async (ann) => {
      await commitsAwayFrom(ann, `set console port ${other.near}`);
      await box?.kill();
      box = await start();
      await logIn(ann);
      assert.match(ann.transcript, /was taken back: started again before it was confirmed/);
    }));

  it('stays when it is confirmed over the new line, also when the power goes then', async () => {
    await at(cable.far, (ann) => commitsAwayFrom(ann, `set console port ${other.near}`));
    await at(other.far, async (ann) => {
      await logIn(ann);
      assert.match(ann.transcript, /a commit of ann goes back in \d+ s unless it is confirmed/);
      await ann.command('configure');
      assert.equal(await ann.command('confirm'), 'confirmed\n');
    });
    await box?.kill();
    box = await start();
    await at(other.far, logIn);
  });

  it('to another speed is told at the old one before it counts', () =>
    at(cable.far, async (ann) => {
      // Both ends of this cable have any speed: what is shown is that nothing is cut off.
      await commitsAwayFrom(ann, 'set console baud 9600');
      assert.match(ann.transcript, /the console is at 9600 bit\/s from now on\r\n/);
      await logIn(ann);
      await ann.command('configure');
      assert.equal(await ann.command('confirm'), 'confirmed\n');
    }));
});
