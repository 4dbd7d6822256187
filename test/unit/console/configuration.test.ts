import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, silentLog, WeirError } from '#base';
import { Configurations } from '../../../src/config/index.ts';
import { CommandTree } from '../../../src/console/command-tree.ts';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import { configurationTree } from '../../../src/console/configuration/index.ts';
import { maxLine } from '../../../src/console/terminal/index.ts';
import { SavedConfigurations } from '../../../src/operations/index.ts';
import { passwordHash } from '../config/leaves.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { ScriptedConsole } from './scripted-console.ts';

const operational = new CommandTree(operationalCommands, commandGroups);
const trees = { operational, configuration: configurationTree(operational) };
const begun = {
  system: { name: 'box', users: [{ name: 'ann', class: 'administrator', passwordHash }] },
  interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } },
  relay: { rtsp: { ports: [554] } },
};

describe('the configuration mode of the console', () => {
  let folder: string;
  let file: string;
  let clock: HandClock;
  let configurations: Configurations;
  let console: ScriptedConsole;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-console-'));
    file = join(folder, 'weir.json');
    await writeFile(file, JSON.stringify(begun));
    clock = new HandClock();
    const alarms = new Alarms({ clock, log: silentLog });
    const kept = join(folder, 'config');
    configurations = await Configurations.open({ file, folder: kept, clock, log: silentLog, alarms });
    const saved = new SavedConfigurations(join(folder, 'saved'));
    const operations = {
      alarms: async () => ({ standing: [], ended: [] }),
      savedConfigurations: () => saved.names(),
      savedConfiguration: (name: string) => saved.read(name),
      saveConfiguration: (name: string, text: string) => saved.save(name, text),
    };
    console = new ScriptedConsole({ trees, configurations, operations, patienceMs: 15_000 });
    await console.sees(/ann@box> $/);
    await console.command('configure');
  });
  afterEach(async () => {
    await console[Symbol.asyncDispose]();
    await configurations.close();
    await rm(folder, { recursive: true });
  });

  /** Taking a commit back writes files, which takes as long as it takes. */
  const logLevelIs = async (wanted: string) => {
    const level = () => configurations.config?.system.logLevel;
    for (let rounds = 0; rounds < 100 && level() !== wanted; rounds += 1) await settled();
    return level();
  };
  const stored = async () => JSON.parse(await readFile(file, 'utf8'));

  it('says of a command of the other mode where it belongs, remembers and completes nothing of it', async () => {
    assert.match(
      await console.command('ping 192.0.2.1'),
      /^"ping" is a command of the operational mode -> type `run ping …`\n$/,
    );
    assert.match(await console.command('configure'), /this is the configuration mode -> `exit` leaves it/);
    await console.command('quit');
    // Short for `setup`, if one wants to read it so.
    const line = 'set upload radius isp servers 192.0.2.9 secret hunter2';
    assert.match(
      await console.command(line),
      /^"set" is a command of the configuration mode -> type `configure` first\n$/,
    );
    assert.ok(!console.history.lines().some((one) => one.includes('hunter2')));
    console.type('set ?');
    await console.sees(/"set" is a command of the configuration mode.*\r\n.*set $/);
    console.type('\x15set\t');
    await console.sees(/setup $/);
    console.type('\x15');
    assert.match(await console.command('help'), /\? +lists what may stand here/);
  });

  it('takes names whatever the case of their letters, and what is somebody’s own as it is typed', async () => {
    assert.equal(await console.command('set system loglevel debug'), '');
    assert.equal(await console.command('set SYSTEM NAMESERVERS 192.0.2.53'), '');
    console.type('set system names\t');
    await console.sees(/set system nameservers $/);
    console.type('\x15');
    assert.equal(await console.command('set billing subscribers Ann prefixes 192.0.2.1/32'), '');
    assert.equal(await console.command('set billing subscribers ann prefixes 192.0.2.2/32'), '');
    const set = await console.command('show | compare | match "level|name|ann {"');
    assert.match(set, /logLevel debug/);
    assert.match(set, /nameServers 192\.0\.2\.53/);
    assert.match(set, /Ann \{[\s\S]*ann \{/);
  });

  it('takes a list of a thousand long prefixes in one line', async () => {
    const prefixes = Array.from(
      { length: 1000 },
      (_, at) => `2001:db8:1234:5678:9abc:def0:0:${at + 1000}/128`,
    );
    assert.equal(await console.command(`set billing subscribers all prefixes [ ${prefixes.join(' ')} ]`), '');
    const shown = await console.command('show billing | display set | count');
    assert.equal(shown, '1000 lines\n');
  });

  it('takes nothing of a text in which a line is too long, and no line behind that for a command', async () => {
    console.type('load merge terminal\r');
    await console.sees(/\^D on a line of its own:/);
    console.type(
      `set system logLevel debug\rset system name ${'x'.repeat(maxLine)}\rset system name other\r\x04`,
    );
    const seen = await console.sees(/error: [\s\S]*# $/);
    assert.match(seen, /error: line 2 has more than 65536 characters -> nothing of it was taken/);
    assert.equal(await console.command('show | compare'), '');
  });

  it('sets, shows, compares and commits', async () => {
    assert.equal(await console.command('set relay rtsp ports 8554'), '');
    assert.equal(await console.command('set sys log debug'), '');
    assert.match(await console.command('show relay'), /rtsp \{\n\s+ports \[ 554 8554 \];/);
    assert.match(
      await console.command('show relay | display set'),
      /^set relay rtsp ports 554\nset relay rtsp ports 8554\n$/,
    );
    assert.match(
      await console.command('show | compare'),
      /^\[edit relay rtsp\]\n\+ +ports 8554;\n$|\[edit system\]\n\+ +logLevel debug;\n/,
    );
    assert.match(await console.command('commit comment "a second port"'), /^commit complete\n/);
    assert.deepEqual((await stored()).relay.rtsp.ports, [554, 8554]);
    assert.equal(configurations.config?.system.logLevel, 'debug');
    assert.match(await console.command('run show commits'), / 0 +.* ann +a second port\n/);
    assert.match(
      await console.command('run show commits 0'),
      /^\[edit [\s\S]*\+ +logLevel debug;\n|\+ +ports 8554;\n/,
    );
  });

  it('says what is wrong with a value where it stands, and what may stand there', async () => {
    assert.match(
      await console.command('set interfaces wan mtu 100'),
      /^ {32}\^\n100 must be a whole number from 1280 to 9216/,
    );
    assert.match(await console.command('set system logLevel loud'), /"loud" is unknown here\n +debug/);
    assert.match(await console.command('delete relay origins'), /"origins" is unknown here/);
    assert.match(await console.command('commit chekc'), /unknown here/);
  });

  it('goes to a place and back', async () => {
    await console.command('edit relay rtsp');
    assert.match(console.transcript, /\[edit relay rtsp\]\r\nann@box# $/);
    await console.command('set ports 10554');
    assert.match(await console.command('show'), /^ports \[ 554 10554 \];\n$/);
    await console.command('up');
    assert.match(console.transcript, /\[edit relay\]\r\nann@box# $/);
    await console.command('top');
    await console.command('delete relay rtsp ports 554');
    assert.match(await console.command('show relay rtsp'), /^ports \[ 10554 \];\n$/);
    await console.command('exit');
    assert.match(console.transcript, /\[edit\]\r\nann@box# $/);
  });

  it('asks for a secret that is not typed with the line, and forgets a line that has one', async () => {
    console.type('set relay origins 192.0.2.9 username u password\r');
    await console.sees(/password: $/);
    assert.equal(await console.command('hunter2'), '');
    assert.equal(await console.command('set relay origins 192.0.2.10 username u password hunter3'), '');
    const lines = console.history.lines();
    assert.ok(lines.includes('set relay origins 192.0.2.9 username u password'));
    assert.ok(!lines.some((line) => line.includes('hunter')));
    const shown = [
      await console.command('show relay'),
      await console.command('show relay | display set'),
      await console.command('show relay | json | no-more'),
      await console.command('show | compare'),
    ].join('');
    assert.match(shown, /\*{8}/);
    assert.doesNotMatch(shown, /hunter/);
  });

  it('forgets a line that has a secret and is not understood, and keeps one that has none', async () => {
    for (const line of [
      'set relay origins 192.0.2.10 password hunter3 typo x',
      'set relay origins 192.0.2.10 password "********"',
      'set relay origins 192.0.2.10 password "hunter4',
    ]) {
      assert.match(await console.command(line), /\^\n/);
    }
    assert.match(
      await console.command('set relay origins 192.0.2.10 pasword'),
      /unknown here|must be|not known/,
    );
    assert.deepEqual(console.history.lines().slice(1), ['set relay origins 192.0.2.10 pasword']);
  });

  it('compares with what was in force some commits before', async () => {
    for (const level of ['debug', 'warn']) {
      await console.command(`set system logLevel ${level}`);
      await console.command('commit');
    }
    await console.command('set system logLevel error');
    const compared = (from: string) => `[edit system]\n-   logLevel ${from};\n+   logLevel error;\n`;
    assert.equal(await console.command('show | compare'), compared('warn'));
    assert.equal(await console.command('show | compare rollback 0'), compared('warn'));
    assert.equal(await console.command('show | comp rollb 1'), compared('debug'));
    assert.equal(await console.command('show | compare rollback 2 | match level | count'), '1 lines\n');
    assert.match(await console.command('show | compare rollback 3'), /"3" is unknown here/);
    assert.match(await console.command('show | compare | match x rollback 1'), /nothing more|unknown here/);
    console.type('show | compare rollback ?');
    await console.sees(/ 0 .* by ann\r\n +1 .* by ann\r\n +2 .* by file[\s\S]*rollback $/);
    console.type('\x15');
  });

  it('sets a password that is asked for twice and never shown', async () => {
    console.type('password ann\r');
    await console.sees(/New password of ann: $/);
    console.type('correct horse\r');
    await console.sees(/The same again: $/);
    assert.match(await console.command('correct house'), /two passwords/);
    console.type('password ann\r');
    await console.sees(/New password of ann: $/);
    console.type('correct horse\r');
    await console.sees(/The same again: $/);
    assert.equal(await console.command('correct horse'), '');
    assert.match(await console.command('commit'), /commit complete/);
    const { passwordHash: changed } = (await stored()).system.users[0];
    assert.match(changed, /^\$scrypt\$/);
    assert.notEqual(changed, passwordHash);
    assert.doesNotMatch(console.transcript, /horse/);
  });

  it('puts a commit back that is not confirmed, and keeps one that is', async () => {
    await console.command('set system logLevel debug');
    assert.match(await console.command('commit confirmed 5'), /in force for 5 minutes/);
    assert.equal(configurations.config?.system.logLevel, 'debug');
    await clock.pass(5 * 60_000, 60_000);
    assert.equal(await logLevelIs('info'), 'info');
    await console.command('rollback 0');
    await console.command('set system logLevel warn');
    await console.command('commit confirmed 5');
    assert.match(await console.command('confirm'), /^confirmed\n/);
    await clock.pass(10 * 60_000, 60_000);
    assert.equal(configurations.config?.system.logLevel, 'warn');
  });

  it('says before the box is started again that a commit which waits goes back then', async () => {
    await console.command('set system logLevel debug');
    await console.command('commit confirmed 5');
    console.type('run request system reboot\r');
    await console.sees(/The commit of ann that waits to be confirmed goes back\. Go on\? \[yes\/no\] $/);
    console.type('no\r');
    await console.sees(/# $/);
    await console.command('confirm');
    console.type('run request system reboot\r');
    await console.sees(/all viewers end\. Go on\? \[yes\/no\] $/);
  });

  it('checks on the box as well: what this machine cannot do is said before it is committed', async () => {
    configurations.follow({
      check: async ({ interfaces: { wan } }) => {
        if (wan.vlan !== undefined) throw new WeirError('NETLINK_FAILED', 'this kernel makes no VLANs');
      },
      apply: async () => assert.fail('nothing is committed'),
      begin: async () => {},
      awaitingRestart: () => [],
    });
    await console.command('set interfaces wan vlan 7');
    assert.match(await console.command('commit check'), /error: this kernel makes no VLANs/);
    await console.command('delete interfaces wan vlan');
    assert.match(await console.command('commit check'), /nothing is changed/);
  });

  it('checks without changing anything, and says why a commit would be refused', async () => {
    assert.match(await console.command('commit check'), /nothing is changed/);
    await console.command('set system logLevel debug');
    assert.match(await console.command('commit check'), /can be committed/);
    await console.command('delete interfaces wan');
    assert.match(await console.command('commit check'), /error: .*interfaces/);
    assert.match(await console.command('commit'), /error: .*interfaces/);
    assert.equal(configurations.config?.system.logLevel, 'info');
  });

  it('goes back to an earlier commit', async () => {
    for (const level of ['debug', 'warn', 'error']) {
      await console.command(`set system logLevel ${level}`);
      await console.command('commit');
    }
    console.type('rollback ?');
    assert.match(await console.sees(/rollback $/), / 2 +\d{4}-.* by ann/);
    await console.command('2');
    await console.command('commit');
    assert.equal(configurations.config?.system.logLevel, 'debug');
  });

  it('loads what is pasted, all or nothing, as set lines or as JSON', async () => {
    const paste = async (mode: string, text: string) => {
      console.type(`load ${mode} terminal\r`);
      await console.sees(/\^D on a line of its own:\r\n/);
      console.type(`${text}\r\x04`);
      return (await console.sees(/(load complete|error: [\s\S]*?)\r\n\[edit\]\r\nann@box# $/)).replaceAll(
        '\r',
        '',
      );
    };
    assert.match(
      await paste('merge', '# mine\rset relay rtsp ports 8554\rset system name other'),
      /load complete/,
    );
    assert.match(await console.command('show system | display set'), /set system name other\n/);
    assert.match(
      await paste('merge', 'set system name third\rset system nme x'),
      /error: line 2: .*"nme" is not known.*nothing was loaded/,
    );
    assert.match(await console.command('show system | display set'), /set system name other\n/);
    assert.match(await paste('override', JSON.stringify(begun)), /load complete/);
    assert.equal(await console.command('show | compare'), '');
    assert.match(await paste('merge', '{ "system": { "name": '), /error: line 1/);
  });

  it('keeps a candidate in a file that only the box reads, with its secrets, and takes it from there', async () => {
    await console.command('set relay origins 192.0.2.9 username u password hunter2');
    await console.command('annotate relay "as of old"');
    assert.match(await console.command('save site-a'), /^saved in .*site-a\n$/);
    assert.equal((await stat(join(folder, 'saved', 'site-a'))).mode & 0o777, 0o600);
    await console.command('rollback 0');
    await console.command('set system name other');
    assert.match(
      await console.command('load override file site-b'),
      /error: nothing was saved as site-b .*there are site-a/,
    );
    assert.match(await console.command('load override file site-a'), /load complete/);
    assert.match(
      await console.command('show | display set'),
      /set system name box\n[\s\S]*annotate relay "as of old"/,
    );
    assert.match(await console.command('commit'), /commit complete/);
    assert.equal((await stored()).relay.origins[0].password, 'hunter2');
    for (const name of ['../site-a', '.hidden', 'a/b', 'x.new']) {
      assert.match(await console.command(`save "${name}"`), /error: .* is no name of a file/, name);
    }
  });

  it('keeps remarks', async () => {
    await console.command('annotate relay rtsp "two ports, as of old"');
    assert.match(await console.command('show relay'), /\/\* two ports, as of old \*\/\n\s*rtsp/);
    assert.match(await console.command('annotate relay nothing "x"'), /unknown here|nothing more|not set/);
    assert.match(
      await console.command('show relay | display set'),
      /annotate relay rtsp "two ports, as of old"/,
    );
  });

  it('says that somebody else has committed meanwhile, instead of undoing it', async () => {
    await console.command('set system logLevel debug');
    const other = configurations.candidate();
    other.set([], ['system', 'name', 'other']);
    await configurations.commit(other, { who: 'bob' });
    assert.match(await console.command('commit'), /error: somebody has committed since you began/);
    assert.match(await console.command('commit check'), /`update` takes that over/);
    assert.match(await console.command('update'), /your changes are on top/);
    assert.match(await console.command('commit'), /commit complete/);
    assert.equal(configurations.config?.system.name, 'other');
    assert.equal(configurations.config?.system.logLevel, 'debug');
  });

  it('says whose change counts where two have changed the same, and which changes are for new feeds only', async () => {
    await console.command('set relay ringSeconds 9');
    const other = configurations.candidate();
    other.set([], ['relay', 'ringSeconds', '10']);
    await configurations.commit(other, { who: 'bob' });
    assert.match(await console.command('update'), /yours counts:\s+relay ringSeconds/);
    assert.match(await console.command('commit check'), /for new feeds only: relay ringSeconds/);
    await console.command('commit');
    assert.equal(configurations.config?.relay.ringSeconds, 9);
  });

  it('asks before work is lost', async () => {
    await console.command('set system logLevel debug');
    console.type('exit\r');
    await console.sees(/\[yes\/no\] $/);
    assert.match(await console.command('no'), /still in the configuration mode/);
    console.type('quit\r');
    await console.sees(/\[yes\/no\] $/);
    console.type('yes\r');
    await console.sees(/ann@box> $/);
    assert.equal(configurations.config?.system.logLevel, 'info');
  });

  it('takes 2,000 lines that are pasted at once, each of them once', async () => {
    const ports = Array.from({ length: 30 }, (_, index) => 10_000 + index);
    const lines = Array.from({ length: 2000 }, (_, index) =>
      index < ports.length
        ? `set relay rtsp ports ${ports[index]}`
        : `set billing subscribers sub-${index} prefixes 10.18.${index >> 8}.${index & 255}/32`,
    );
    console.type(`${lines.join('\r')}\rshow | compare | count\r`);
    await console.sees(/\d+ lines\r\n\[edit\]\r\nann@box# $/);
    const typed = (await console.command('show | display set | no-more')).split('\n');
    for (const line of lines) assert.ok(typed.includes(line), line);
  }).timeout(20_000);
});
