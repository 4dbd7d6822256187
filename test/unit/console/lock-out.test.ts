import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { Alarms, silentLog } from '#base';
import { SimSerialPorts } from '../../../hal/sim/serial-ports.ts';
import { type Configurations, unconfigured } from '../../../src/config/index.ts';
import type { Operations } from '../../../src/console/index.ts';
import { hashPassword } from '../../../src/console/password.ts';
import { OperatorConsole } from '../../../src/operator-console.ts';
import { Operator } from '../../operator.ts';
import { nextChange } from '../config/bench.ts';
import { BoxFolder, consolePort, named } from '../config/box-folder.ts';
import { HandClock, settled } from '../session/scripted.ts';

const otherPort = '/dev/ttyS1';
const [password, otherPassword] = ['correct horse', 'battery staple'];

describe('the serial console of a box that is configured', function () {
  this.timeout(20_000);
  let hash: string;
  let otherHash: string;
  let folder: BoxFolder;
  let clock: HandClock;
  let ports: SimSerialPorts;
  let configurations: Configurations;
  let console: OperatorConsole;
  let ann: Operator;
  let there: Operator;

  /** The console of the box as it is now. */
  const makeConsole = (): OperatorConsole => {
    const parts = {
      config: () => configurations.config ?? unconfigured,
      configurations: () => configurations,
      relay: () => undefined,
      store: () => undefined,
      updates: () => undefined,
      alarms: new Alarms({ clock, log: silentLog }),
    };
    const operations = {
      async *monitorViewers(signal: AbortSignal) {
        yield { viewers: [] };
        await clock.sleep(3_600_000, signal).catch(() => {});
      },
      alarms: async () => ({ standing: [], ended: [] }),
    } as unknown as Operations;
    const made = new OperatorConsole({ box: parts, operations, clock, log: silentLog });
    configurations.changed.on(() => made.reconfigure());
    return made;
  };

  before(async () => {
    [hash, otherHash] = await Promise.all([hashPassword(password), hashPassword(otherPassword)]);
  });
  beforeEach(async () => {
    folder = await BoxFolder.make();
    clock = new HandClock();
    const box = await folder.open(clock);
    configurations = box.configurations;
    ports = new SimSerialPorts();
    ann = new Operator(ports.plugIn(consolePort), 10_000);
    there = new Operator(ports.plugIn(otherPort), 10_000);
    console = makeConsole();
  });
  afterEach(async () => {
    await console.close();
    await configurations.close();
    await folder[Symbol.asyncDispose]();
  });

  const begin = async (...lines: string[]) => {
    await configurations.commit(named(configurations, 'box', ...lines), { who: 'root' });
    console.openSerial(ports, consolePort);
  };
  const withAnn = () =>
    begin(
      `system users ann class administrator passwordHash ${hash}`,
      `system users bob class administrator passwordHash ${otherHash}`,
    );
  /** As root does, on the box. */
  const asRoot = async (...lines: string[]) => {
    const candidate = configurations.candidate();
    for (const line of lines) {
      if (line.startsWith('delete')) candidate.delete(line.split(' ').slice(1));
      else candidate.set([], line.split(' '));
    }
    await configurations.commit(candidate, { who: 'root' });
  };
  const confirmed = async (operator: Operator) => {
    assert.match(await operator.command('configure'), /waits for `confirm`/);
    assert.equal(await operator.command('confirm'), 'confirmed\n');
    await clock.pass(180_000, 10_000);
    await settled();
    assert.equal(configurations.unconfirmed(), undefined);
    assert.equal(configurations.reverted(), undefined);
  };
  const notConfirmed = async () => {
    const changed = nextChange(configurations);
    await clock.pass(180_000, 10_000);
    await changed;
    assert.equal(configurations.reverted()?.who, 'ann');
  };

  it('tells who moves it what becomes of that before it moves, and stays where it was confirmed', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await ann.command('configure');
    await ann.command(`set console port ${otherPort}`);
    assert.match(
      await ann.command('commit check'),
      /^the configuration can be committed\nthe console moves from \/dev\/ttyS0 to \/dev\/ttyS1, at 115200 bit\/s,\nso it goes back by itself unless it is confirmed within 3 minutes\n$/,
    );
    ann.type('commit\r');
    const told = await ann.sees(/the console moves to [^\n]*\r\n$/);
    assert.match(
      told,
      /so this is in force for 3 minutes: type `configure`, `confirm`[\s\S]*the console moves to \/dev\/ttyS1, at 115200 bit\/s from now on/,
    );
    await there.logIn('ann', password);
    assert.match(there.transcript, /a commit of ann goes back in 180 s unless it is confirmed/);
    await confirmed(there);
  });

  it('is back where it was when nobody confirms, and says there what was taken back', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await ann.command('configure');
    await ann.command(`set console port ${otherPort} baud 9600`);
    ann.type('commit\r');
    await there.sees(/login: $/);
    await notConfirmed();
    assert.match(await there.sees(/from now on\r\n/), /the console moves to \/dev\/ttyS0, at 115200 bit\/s/);
    await ann.logIn('ann', password);
    assert.match(ann.transcript, /was taken back: not confirmed in time\r\n[\s\S]*port \/dev\/ttyS1/);
  });

  it('tells who is at it, and idle, that it moves', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await asRoot(`console port ${otherPort}`);
    await ann.sees(/the console moves to \/dev\/ttyS1, at 115200 bit\/s from now on\r\n/);
    await there.sees(/login: $/);
  });

  const ends: readonly [what: string, lines: (other: string) => readonly string[], why: RegExp][] = [
    [
      'a user that is deleted',
      () => ['delete system users ann'],
      /ann is no user of this box any more: logged out/,
    ],
    [
      'a user that may do less',
      () => ['system users ann class viewer'],
      /ann is viewer from now on: log in again/,
    ],
    [
      'a user who has another password',
      (other) => [`system users ann passwordHash ${other}`],
      /ann has another password from now on: log in again/,
    ],
  ];
  for (const [what, lines, why] of ends) {
    it(`ends the session of ${what} at once, in the middle of whatever it does`, async () => {
      await withAnn();
      await ann.logIn('ann', password);
      ann.type('monitor viewers\r');
      await ann.sees(/VIEWER|no /i);
      await asRoot(...lines(otherHash));
      assert.match(await ann.sees(/login: $/), why);
    });
  }

  it('leaves the session alone of who is still what they were', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await asRoot('delete system users bob', 'system logLevel debug');
    assert.equal(await ann.command('show alarms'), 'no alarms stand\n');
  });

  it('tells who makes less of themselves what became of it first, and takes it back when nobody confirms', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await ann.command('configure');
    await ann.command('set system users ann class operator');
    ann.type('commit\r');
    assert.match(
      await ann.sees(/login: $/),
      /ann is no administrator any more,\r\nso this is in force for 3 minutes[\s\S]*ann is operator from now on: log in again/,
    );
    await notConfirmed();
    ann.type('ann\r');
    await ann.sees(/Password: $/);
    ann.type(`${password}\r`);
    await ann.sees(/ann@box> $/);
    await ann.command('configure');
  });

  it('has a new password typed before it is kept', async () => {
    await withAnn();
    await ann.logIn('ann', password);
    await ann.command('configure');
    await ann.command(`set system users ann passwordHash ${otherHash}`);
    ann.type('commit\r');
    assert.match(await ann.sees(/log in again\r\n/), /ann has another password,\r\nso this is in force/);
    await ann.logIn('ann', otherPassword);
    await confirmed(ann);
  });

  it('asks who had the cable alone to log in as soon as there are users', async () => {
    await begin();
    ann.type('\r');
    await ann.sees(/console@box> $/);
    await ann.command('configure');
    await ann.command(`set system users ann class administrator passwordHash ${hash}`);
    ann.type('commit\r');
    assert.match(
      await ann.sees(/log in as one of them\r\n/),
      /asks for a user and a password from now on,\r\nso this is in force for 3 minutes/,
    );
    await ann.logIn('ann', password);
    await confirmed(ann);
  });

  it('says that a commit goes on when ^C does not wait for it', async () => {
    await withAnn();
    const { promise: hindrance, resolve: goOn } = Promise.withResolvers<void>();
    configurations.follow({
      apply: async () => {
        await hindrance;
        return async () => {};
      },
      begin: async () => {},
      check: async () => {},
      awaitingRestart: () => [],
    });
    await ann.logIn('ann', password);
    await ann.command('configure');
    await ann.command('set system logLevel debug');
    ann.type('commit\r');
    await ann.sees(/commit\r\n$/);
    await settled();
    ann.type('\x03');
    await ann.sees(/the commit goes on: `show commits` tells what becomes of it\r\n[\s\S]*# $/);
    const changed = nextChange(configurations);
    goOn();
    await changed;
    assert.equal(configurations.config?.system.logLevel, 'debug');
  });

  it('lets who has the cable only look while the configuration cannot be read, and asks who they are when it was', async () => {
    await withAnn();
    await console.close();
    await configurations.close();
    // Who reads a pipe waits until somebody writes.
    const text = await readFile(folder.file);
    await rm(folder.file);
    execFileSync('mkfifo', ['-m', '600', folder.file]);
    const opening = folder.open(clock);
    await settled();
    await clock.pass(10_000, 10_000);
    configurations = (await opening).configurations;
    console = makeConsole();
    console.openSerial(ports, consolePort);
    ann.type('\r');
    await ann.sees(/could not be read, and its users with it[\s\S]*console@weir> $/);
    assert.doesNotMatch(ann.transcript, /This box has no configuration/);
    assert.match(await ann.command('configure'), /"configure" is unknown here/);
    assert.match(await ann.command('show configuration'), /error: the configuration could not be read yet/);
    await writeFile(folder.file, text);
    await ann.sees(/there are users from now on: log in as one of them\r\n/);
    await ann.logIn('ann', password);
    assert.equal(await ann.command('configure'), '');
  });
});
