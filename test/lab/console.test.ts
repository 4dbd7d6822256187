import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LinuxSerialPorts } from '../../hal/linux/serial-ports.ts';
import { hashPassword } from '../../src/console/index.ts';
import type { HostProcess, World } from '../../src/demo/world/index.ts';
import { SerialCable } from '../contract/serial-cable.ts';
import { Operator } from '../operator.ts';
import { randomOf } from '../random.ts';
import { FreshBox } from './fresh-box.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
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
      /console\.port-shared[\s\S]* socat \(\d+\) has the console's port/,
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

  describe('of a Weir that is stopped', () => {
    const terminal = (): Promise<HostProcess> => {
      const command = `${process.execPath} ${main} console --data ${weir.dataDir}; echo left with $?`;
      return world.box.spawn('script', ['-qec', command, '/dev/null']);
    };

    afterEach(() => weir.program.signal('SIGCONT'));

    it('is left by ^C, which says first that nobody answers', async () => {
      await using child = await terminal();
      await child.prints(/@box7> $/);
      weir.program.signal('SIGSTOP');
      child.stdin.write('show relay\r\x03');
      await child.prints(/Weir does not answer: wait, or leave with \^C or \^D/);
      child.stdin.write('\x03');
      await child.prints(/left with 1/);
      await child.success();
    });

    it('goes on when it answers again', async () => {
      await using child = await terminal();
      await child.prints(/@box7> $/);
      weir.program.signal('SIGSTOP');
      child.stdin.write('\x03');
      await child.prints(/does not answer/);
      weir.program.signal('SIGCONT');
      await child.prints(/@box7> $/);
      child.stdin.write('\x03exit\r');
      await child.prints(/left with 0/);
    });

    it('is left by ^] at once, whether it answers or not', async () => {
      for (const signal of ['SIGCONT', 'SIGSTOP'] as const) {
        await using child = await terminal();
        await child.prints(/@box7> $/);
        weir.program.signal(signal);
        child.stdin.write('\x1d');
        await child.prints(/left with 1/);
        await child.success();
      }
    });

    it('is not waited for without an end while it is opened, and can be left meanwhile', async () => {
      weir.program.signal('SIGSTOP');
      await using impatient = await terminal();
      await using script = await world.box.spawn(process.execPath, [
        ...[main, 'console', '--data', weir.dataDir],
        ...['-c', 'show relay'],
      ]);
      await impatient.prints(/Weir does not answer yet: wait, or leave with \^C/);
      impatient.stdin.write('\x03');
      // The whole foreground is interrupted: the shell that would tell how it was left, too.
      await impatient.exited;
      assert.equal((await script.exited).code, 1);
      assert.match(script.stderr, /no answer within 10 s -> it is stopped or stuck/);
    });
  });

  /** Somebody at the far end of the cable. */
  const atTheCable = async (use: (ann: Operator) => Promise<void>) => {
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
    await use(new Operator(port.stream, 20_000));
  };

  it('takes 2,000 pasted lines over the serial port, each of them once', () =>
    atTheCable(async (ann) => {
      ann.type('\x03');
      await ann.logIn('ann', password);
      await ann.command('configure');
      const lines = Array.from(
        { length: 2000 },
        (_, at) => `set billing subscribers sub-${at} prefixes 10.18.${at >> 8}.${at & 255}/32`,
      );
      ann.type(`${lines.join('\r')}\rshow | compare | count\r`);
      await ann.sees(/\d+ lines\r\n\[edit\]\r\nann@box7# $/);
      const set = (await ann.command('show billing | display set | no-more')).split('\n');
      assert.deepEqual(
        set.filter((line) => line.includes(' sub-')),
        lines,
      );
      ann.type('quit\r');
      await ann.sees(/\[yes\/no\] $/);
      ann.type('yes\r');
      await ann.sees(/box7> $/);
      ann.type('exit\r');
      await ann.sees(/login: $/);
    }));

  it('lets nobody in with a wrong password, and with the right one after it', () =>
    atTheCable(async (ann) => {
      ann.type('\x03');
      await ann.sees(/login: $/);
      ann.type('ann\r');
      await ann.sees(/Password: $/);
      ann.type('battery horse correct\r');
      await ann.sees(/Login incorrect\r\n$/);
      await ann.logIn('ann', password);
      assert.doesNotMatch(ann.transcript, /battery/);
      ann.type('exit\r');
      await ann.sees(/login: $/);
    }));

  it('outlives 1 MB of random bytes over the serial port, and lets a user in afterwards', async () => {
    const next = randomOf(9);
    await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
    const ann = new Operator(port.stream, 60_000);
    ann.type('\x03');
    await ann.logIn('ann', password);
    for (let at = 0; at < 16; at += 1) {
      await ann.type(Uint8Array.from({ length: 65_536 }, () => Math.floor(next() * 256)));
    }
    // The noise logged out and in: for half a minute at most after a wrong password nothing that is typed counts.
    const answers = async (attempts: number): Promise<Operator> => {
      const again = new Operator(port.stream, 10_000);
      again.type('\x03\x15\rexit\r\x03');
      await again.sees(/\^C\r\n[\s\S]*login: $/).catch((error) => {
        if (attempts === 0) throw error;
      });
      again.type('ann\r');
      const asked = await again.sees(/login: ann\r\nPassword: $|\bann$/).catch(() => '');
      return asked.endsWith('Password: ') || attempts === 0 ? again : answers(attempts - 1);
    };
    const later = await answers(6);
    later.type(`${password}\r`);
    await later.sees(/@box7> $/);
    assert.match(await later.command('show relay'), /^version /);
    later.type('exit\r');
    await later.sees(/login: $/);
  }).timeout(120_000);

  it('loses what was typed, and nothing else, when the cable is pulled in the middle of a line', async () => {
    await atTheCable(async (ann) => {
      ann.type('\x03');
      await ann.logIn('ann', password);
      await ann.command('configure');
      ann.type('set system name hal');
      await ann.sees(/name hal$/);
    });
    await cable.pull();
    cable = await SerialCable.plugIn(cable.folder);
    await atTheCable(async (ann) => {
      await ann.logIn('ann', password);
      assert.match(await ann.command('show configuration system'), /^name box7;\n/);
      ann.type('exit\r');
      await ann.sees(/login: $/);
    });
  });

  it('notices a getty on its port', async () => {
    const device = cable.near.replace('/dev/', '');
    const getty = ['agetty', '--local-line', '--nohostname', '--noissue', '115200', device, 'dumb'];
    const other = await world.box.spawn('setsid', ['--wait', ...getty]);
    // Whoever commits moves the console, or looks anew at who else is there.
    await weirConsole(
      ...['-c', 'configure', '-c', 'delete console port', '-c', 'commit'],
      ...['-c', `set console port ${cable.near}`, '-c', 'commit'],
    );
    const wanted = /port-shared[\s\S]* agetty \(\d+\).*takes away what is typed/;
    let alarms = '';
    for (const until = Date.now() + 15_000; !wanted.test(alarms); ) {
      assert.ok(Date.now() < until, alarms);
      alarms = await weirConsole('-c', 'show alarms');
    }
    await other.close();
  });
});

describe('lab: a box that has nothing but a console', function () {
  this.timeout(60_000);
  const lines = [
    'configure',
    'set system name first',
    'set interfaces wan device wan0',
    'set interfaces access device lan0',
    'set relay rtsp ports 554',
    'commit',
  ];
  let world: World;
  let cable: SerialCable;
  let dataDir: string;
  let box: FreshBox | undefined;

  before(async () => {
    world = await createLabWorld();
    cable = await SerialCable.plugIn();
  });
  after(async () => {
    await cable?.[Symbol.asyncDispose]();
    await world?.close();
  });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'weir-fresh-'));
  });
  afterEach(async () => {
    await box?.close();
    await rm(dataDir, { recursive: true });
  });

  const start = () => FreshBox.start(world, { file: join(dataDir, 'weir.json'), dataDir, port: cable.near });

  it(`relays after ${lines.length} lines typed at its serial port`, async () => {
    await using origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    box = await start();
    {
      await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
      const anybody = new Operator(port.stream, 20_000);
      anybody.type('\r');
      await anybody.sees(/This box has no configuration[\s\S]*\? \[1\] $/);
      anybody.type('\x03');
      await anybody.sees(/@weir> $/);
      for (const line of lines) assert.doesNotMatch(await anybody.command(line), /error|unknown/);
    }
    await box.logs(/"event":"ready"/);
    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      url: `rtsp://${world.origin.address4}/live`,
      sources: [world.viewer.address4],
    });
    assert.deepEqual(await viewers.settled(5_000), [200]);
    assert.match(await box.script(['show relay | match viewers']), /^viewers +1$/m);
    assert.ok(origin);
  });

  it('is itself again a minute after a commit that nobody could confirm, for the cable was pulled', async () => {
    box = await start();
    await box.script(lines);
    const own = await SerialCable.plugIn();
    try {
      // The console moves to another port, where nobody is: the way to the box is lost.
      const moved = ['configure', `set console port ${own.near}`, 'commit confirmed 1'];
      assert.match(await box.script(moved), /in force for 1 minute:/);
      await cable.pull();
      await box.logs(/"alarm":"config.reverted"/, 75_000);
      cable = await SerialCable.plugIn(cable.folder);
      await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
      const anybody = new Operator(port.stream, 20_000);
      await anybody.sees(/press Enter to begin\r\n$/);
      anybody.type('\r');
      assert.match(
        await anybody.sees(/console@first> $/),
        /was taken back: not confirmed in time\r\n\[edit\]\r\n[\s\S]*port/,
      );
    } finally {
      await own[Symbol.asyncDispose]();
    }
  }).timeout(120_000);

  it('takes a commit back that was not confirmed when the power went, says so, and keeps one that was', async () => {
    const commit = (...more: string[]) =>
      (box as FreshBox).script(['configure', ...more, 'show system name']);
    box = await start();
    await commit(...lines.slice(1));
    assert.match(
      await commit('set system name second', 'commit confirmed 5'),
      /in force for 5 minutes[\s\S]*name second;/,
    );
    await box.kill();
    box = await start();
    assert.match(await box.script(['show configuration system']), /name first;/);
    {
      await using port = await new LinuxSerialPorts().open({ path: cable.far, baud });
      const anybody = new Operator(port.stream, 20_000);
      anybody.type('\r');
      const seen = await anybody.sees(/console@first> $/);
      assert.match(seen, /was taken back: started again before it was confirmed[\s\S]*\+ +name second;/);
    }
    await commit('set system name third', 'commit confirmed 5', 'confirm');
    await box.kill();
    box = await start();
    assert.match(await box.script(['show configuration system']), /name third;/);
  });
});
