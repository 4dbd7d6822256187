import assert from 'node:assert/strict';
import { Alarms, createLog } from '#base';
import { SimSerialPorts } from '../../../hal/sim/serial-ports.ts';
import type { Account } from '../../../src/console/accounts.ts';
import { CommandTree } from '../../../src/console/command-tree.ts';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import { Console } from '../../../src/console/console.ts';
import type { Operations } from '../../../src/console/operations.ts';
import { checkPassword, hashPassword } from '../../../src/console/password.ts';
import { SerialConsole } from '../../../src/console/serial-console.ts';
import { Operator } from '../../operator.ts';
import { randomOf } from '../../random.ts';
import { HandClock, settled } from '../session/scripted.ts';

const path = '/dev/ttySim0';
const password = 'correct horse';
const megabyte = 1_048_576;
const noiseOf = (seed: number): Uint8Array => {
  const next = randomOf(seed);
  return Uint8Array.from({ length: megabyte }, () => 256 * next());
};
const operations = { alarms: async () => ({ standing: [], ended: [] }) } as unknown as Operations;
const cable = {
  userClass: 'administrator',
  why: 'no users are configured: whoever has this cable may do everything',
} as const;
const tree = new CommandTree(operationalCommands, commandGroups);

describe('the console on a serial port', () => {
  let passwordHash: string;
  let clock: HandClock;
  let alarms: Alarms;
  let ports: SimSerialPorts;
  let serial: SerialConsole;
  let accounts: readonly Account[];
  let operator: Operator;
  let logged: string;
  let idleMinutes: number;

  before(async () => {
    passwordHash = await hashPassword(password);
  });
  beforeEach(() => {
    clock = new HandClock();
    logged = '';
    idleMinutes = 15;
    accounts = [
      { name: 'ann', class: 'administrator', passwordHash },
      { name: 'nopass', class: 'viewer' },
    ];
    const write = (line: string) => {
      logged += line;
    };
    const log = createLog({ write, level: () => 'debug', nowMs: clock.nowMs });
    alarms = new Alarms({ clock, log });
    ports = new SimSerialPorts();
    operator = new Operator(ports.plugIn(path), 1500);
    const facts = {
      name: () => 'box',
      accounts: () => accounts,
      idleMinutes: () => idleMinutes,
      historyLines: () => 100,
      notices: async () => ['hello'],
      reverted: () => undefined,
      cable: () => cable,
      firstCommand: () => undefined,
    };
    const configurations = () => {
      throw new TypeError('nobody asks');
    };
    const trees = { operational: tree, configuration: tree };
    const console = new Console({ operations, configurations, trees, facts, clock, log });
    serial = new SerialConsole({ console, ports, alarms, clock, log });
    serial.configure({ port: path, baud: 115_200 });
  });
  afterEach(() => serial.close());

  const alarmNames = () => alarms.standing().map(({ name }) => name);
  const tries = async (name: string, word: string) => {
    await operator.sees(/login: $/);
    operator.type(`${name}\r`);
    await operator.sees(/Password: $/);
    operator.type(`${word}\r`);
  };

  it('lets in who has a name and its password, and shows neither password nor hash anywhere', async () => {
    await operator.logIn('ann', password);
    assert.match(operator.transcript, /hello\r\n/);
    assert.equal(await operator.command('show alarms'), 'no alarms stand\n');
    operator.type('exit\r');
    await operator.sees(/box login: $/);
    for (const place of [operator.transcript, logged]) {
      assert.doesNotMatch(place, /horse|scrypt/);
    }
  });

  it('is deaf for a while after a wrong password, twice as long each time, and no shorter for a name that is none', async () => {
    for (const [name, silentMs] of [
      ['ann', 1000],
      ['nobody', 2000],
      ['nopass', 4000],
      ['ann', 8000],
    ] as const) {
      await tries(name, 'wrong');
      await operator.sees(/Login incorrect\r\n$/);
      // What is typed into the silence is not heard.
      operator.type('ann\r');
      const before = operator.transcript;
      await clock.pass(silentMs - 250);
      assert.equal(operator.transcript, before);
      await clock.pass(250);
    }
    await operator.logIn('ann', password);
    assert.equal(logged.match(/"event":"login refused"/g)?.length, 4);
    // A password that was typed too early is not in the log.
    assert.doesNotMatch(logged, /nobody/);
  });

  it('is deaf for half a minute at most, and also to who hangs up in between', async () => {
    for (let failures = 0; failures < 8; failures += 1) {
      await tries('ann', 'wrong');
      await operator.sees(/Login incorrect/);
      await clock.pass(30_000, 5000);
    }
    ports.unplug(path);
    operator = new Operator(ports.plugIn(path), 1500);
    await clock.pass(1000);
    await tries('ann', 'wrong');
    await operator.sees(/Login incorrect/);
    await clock.pass(29_000, 1000);
    assert.doesNotMatch(operator.transcript, /incorrect[\s\S]*login: $/);
    await clock.pass(1000);
    await operator.logIn('ann', password);
  }).timeout(20_000);

  it('tells whoever looks on what there is to tell, although nobody types', async () => {
    await operator.sees(/login: $/);
    serial.announce('the button is held');
    await operator.sees(/\r\n\*\*\* the button is held\r\n/);
    await operator.sees(/box login: $/);
    operator.type('\r');
    await operator.logIn('ann', password);
    operator.type('show al');
    await operator.sees(/show al$/);
    serial.announce('the box starts again');
    // What was typed so far stands below it.
    await operator.sees(/\r\n\*\*\* the box starts again\r\n\S+> show al$/);
  });

  it('asks nobody where no users are configured, and says so', async () => {
    await operator.sees(/login: $/);
    accounts = [];
    // As after a commit that moved the console away and back.
    serial.configure({ port: undefined, baud: 9600 });
    serial.configure({ port: path, baud: 9600 });
    await operator.sees(/box: press Enter to begin\r\n/);
    operator.type('show alarms\r');
    await operator.sees(
      /no users are configured: whoever has this cable may do everything\r\n[\s\S]*console@box> $/,
    );
  });

  it('asks who is there when users were configured while it waited for somebody', async () => {
    const users = accounts;
    accounts = [];
    serial.configure({ port: path, baud: 9600 });
    await operator.sees(/press Enter to begin\r\n$/);
    accounts = users;
    operator.type('\r');
    await operator.logIn('ann', password);
    assert.doesNotMatch(operator.transcript, /may do everything/);
  });

  it('asks nobody any longer when the users were taken back while it waited for a name', async () => {
    await operator.sees(/login: $/);
    accounts = [];
    operator.type('ann\r');
    await operator.sees(/Password: $/);
    operator.type(`${password}\r`);
    await operator.sees(/Login incorrect\r\n$/);
    await clock.pass(1000);
    await operator.sees(/press Enter to begin\r\n$/);
    operator.type('\r');
    await operator.sees(/may do everything\r\n[\s\S]*console@box> $/);
  });

  it('lets nobody in who was deleted while their password was looked at', async () => {
    await operator.sees(/login: $/);
    operator.type(`ann\r${password}\r`);
    // It is looked at in another thread.
    await operator.sees(/Password: \r\n/);
    accounts = accounts.filter(({ name }) => name !== 'ann');
    await operator.sees(/ann is no user of this box any more: logged out\r\n[\s\S]*login: $/);
    assert.doesNotMatch(operator.transcript, /ann@box>/);
  });

  it('logs out who types nothing for as long as the configuration says', async () => {
    idleMinutes = 2;
    await operator.logIn('ann', password);
    await clock.pass(110_000, 5000);
    operator.type('sh');
    await operator.sees(/sh$/);
    await clock.pass(110_000, 5000);
    operator.type('\x15');
    await operator.sees(/> $/);
    await clock.pass(125_000, 5000);
    await operator.sees(/nothing was typed for 2 minutes: logged out\r\n[\s\S]*box login: $/);
  });

  it('outlives 1 MB of random bytes: a wrong speed, noise, breaks', async () => {
    const noise = noiseOf(7);
    for (let at = 0; at < noise.length; at += 65_536) {
      await operator.type(noise.subarray(at, at + 65_536));
      await settled();
      await clock.pass(30_000, 10_000);
    }
    // Half a minute after its last wrong password it asks again.
    const logsIn = async (): Promise<boolean> => {
      await operator.type('\x03');
      return await operator.logIn('ann', password).then(
        () => true,
        () => false,
      );
    };
    for (let rounds = 0; !(await logsIn()); rounds += 1) {
      assert.ok(rounds < 5, operator.transcript.slice(-500));
      await clock.pass(30_000, 10_000);
    }
    assert.equal(await operator.command('show alarms'), 'no alarms stand\n');
  }).timeout(20_000);

  it('outlives 1 MB of random bytes in a session', async () => {
    await operator.logIn('ann', password);
    const noise = noiseOf(8);
    for (let at = 0; at < noise.length; at += 65_536) {
      await operator.type(noise.subarray(at, at + 65_536));
      await settled();
    }
    // ^C ends whatever it had begun.
    operator.type('\x03\x15\r');
    await operator.sees(/(box> |login: )$/);
  }).timeout(20_000);

  it('takes no harm from NULs within a line, which is how a break is received', async () => {
    await operator.logIn('ann', password);
    assert.equal(await operator.command('sh\0ow al\0\0arms'), 'no alarms stand\n');
  });

  it('begins anew when the device was gone in the middle of a line', async () => {
    await operator.logIn('ann', password);
    operator.type('show ala');
    await operator.sees(/show ala$/);
    ports.unplug(path);
    await settled();
    await clock.pass(2000);
    assert.deepEqual(alarmNames(), ['console.port-missing']);
    operator = new Operator(ports.plugIn(path), 1500);
    await clock.pass(20_000);
    await operator.sees(/box login: $/);
    assert.deepEqual(alarmNames(), []);
  });

  it('raises an alarm for a getty on the same port, until it is gone', async () => {
    await operator.sees(/login: $/);
    ports.openElsewhere(path, { pid: 612, program: 'agetty' });
    await clock.pass(30_000, 5000);
    assert.deepEqual(alarmNames(), ['console.port-shared']);
    assert.match(alarms.standing()[0]?.text ?? '', /agetty \(612\) .*mask/);
    ports.closeElsewhere(path, 612);
    await clock.pass(30_000, 5000);
    assert.deepEqual(alarmNames(), []);
  });

  it('is where it was without a configuration as long as the port of the configuration cannot be opened', async () => {
    const wanted = '/dev/ttySim1';
    await operator.sees(/login: $/);
    serial.configure({ port: wanted, baud: 9600, otherwise: path });
    await operator.logIn('ann', password);
    assert.match(
      alarms.standing()[0]?.text ?? '',
      /ttySim1: ENOENT.*; the console is at \/dev\/ttySim0 until then/,
    );
    const other = new Operator(ports.plugIn(wanted), 1500);
    await clock.pass(12_000);
    await other.logIn('ann', password);
    assert.deepEqual(alarmNames(), []);
    // The other one is free again.
    await ports.open({ path, baud: 9600 });
  });

  it('waits for its port where the other one cannot be opened either', async () => {
    await operator.sees(/login: $/);
    ports.unplug(path);
    serial.configure({ port: '/dev/ttySim1', baud: 9600, otherwise: path });
    await clock.pass(2000);
    assert.match(alarms.standing()[0]?.text ?? '', /ttySim1: ENOENT/);
    const other = new Operator(ports.plugIn('/dev/ttySim1'), 1500);
    await clock.pass(12_000);
    await other.logIn('ann', password);
    assert.deepEqual(alarmNames(), []);
  });

  it('moves to another port', async () => {
    await operator.sees(/login: $/);
    const other = new Operator(ports.plugIn('/dev/ttySim1'), 1500);
    serial.configure({ port: '/dev/ttySim1', baud: 9600 });
    await settled();
    await other.logIn('ann', password);
    serial.configure({ port: undefined, baud: 9600 });
    await settled();
    await ports.open({ path: '/dev/ttySim1', baud: 9600 });
  });
});

describe('a password hash', () => {
  it('is of its password only, and another one each time', async () => {
    const hash = await hashPassword('  ünï code  ');
    assert.match(hash, /^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    assert.equal(await checkPassword('  ünï code  '.normalize('NFD'), hash), true);
    assert.equal(await checkPassword('ünï code', hash), false);
    assert.notEqual(await hashPassword('  ünï code  '), hash);
  });

  it('is not made of a short password', async () => {
    await assert.rejects(hashPassword('1234567'), { code: 'CONFIG_BAD_VALUE' });
  });

  it('that is none, or absent, fits nothing', async () => {
    for (const hash of [undefined, '', 'x', '$scrypt$ln=15,r=8,p=1$$']) {
      assert.equal(await checkPassword('', hash), false);
    }
  });
});
