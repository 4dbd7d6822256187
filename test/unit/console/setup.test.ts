import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Alarms, silentLog, systemClock, WeirError } from '#base';
import { openSimHal, type SimHal } from '../../../hal/sim/sim-hal.ts';
import { type Config, Configurations } from '../../../src/config/index.ts';
import { commandGroups, operationalCommands } from '../../../src/console/commands/index.ts';
import { linkedInterfaces } from '../../../src/operations/index.ts';
import { ScriptedConsole } from './scripted-console.ts';

const password = 'correct horse';

describe('console: the first set-up', () => {
  let folder: string;
  let file: string;
  let hal: SimHal;
  let configurations: Configurations;
  let console: ScriptedConsole;
  /** Of the box that follows the configuration; undefined: all goes well. */
  let refusal: WeirError | undefined;
  let followed: Config[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-setup-'));
    file = join(folder, 'weir.json');
    refusal = undefined;
    followed = [];
    const clock = systemClock;
    hal = await openSimHal();
    const alarms = new Alarms({ clock, log: silentLog });
    const kept = join(folder, 'config');
    configurations = await Configurations.open({ file, folder: kept, clock, log: silentLog, alarms });
    configurations.follow({
      apply: async (next) => {
        if (refusal) throw refusal;
        followed.push(next);
        return async () => {};
      },
      check: async () => {},
      awaitingRestart: () => [],
      begin: async () => {},
    });
    console = new ScriptedConsole({
      commands: operationalCommands,
      groups: commandGroups,
      configurations,
      operations: { linkedInterfaces: () => linkedInterfaces(hal.nics, clock) },
      size: { columns: 150, rows: 100 },
      patienceMs: 15_000,
    });
    await console.sees(/ann@box> $/);
    console.type('setup\r');
  });
  afterEach(async () => {
    await console[Symbol.asyncDispose]();
    await configurations.close();
    await hal.close();
    await rm(folder, { recursive: true });
  });

  /** Waits for the question and answers it. */
  const answer = async (question: RegExp, text: string) => {
    await console.sees(question);
    console.type(`${text}\r`);
  };
  /** From the name of the box to its last question, all with Enter, but for the password. */
  const finish = async () => {
    await answer(/Name of this box \[.*\] $/, '');
    await answer(/Name of the administrator \[.*\] $/, '');
    await answer(/Password of .*: $/, password);
    await answer(/again: $/, password);
    await answer(/Commit this\? \[yes\] $/, '');
  };

  it('shows both NICs with link and MAC address, and takes Enter for what is likely', async () => {
    const table = await console.sees(/\(wan\)\? \[1\] $/);
    assert.match(table, /1 +lan0 +up +1000 Mbit\/s +02:00:00:00:00:02/);
    assert.match(table, /2 +wan0 +up +1000 Mbit\/s +02:00:00:00:00:01/);
    console.type('2\r');
    await answer(/\(access\)\? \[1\] $/, '');
    await answer(/Address of wan0.*keep \(203\.0\.113\.1\/24 .*\) \[keep\] $/, '');
    await answer(/Address of lan0.*\[keep\] $/, '');
    await answer(/TCP ports of the origins \[554 8554\] $/, '');
    await answer(/Who gets the records.*\[none\] $/, '');
    await finish();
    await console.sees(/The box relays[\s\S]*ann@box> $/);
    const tree = JSON.parse(await readFile(file, 'utf8'));
    // Hardware is bound by its place in the board.
    assert.deepEqual(tree.interfaces, {
      wan: { path: '/devices/pci0000:00/0000:00:02.0'.replace('2', '1') },
      access: { path: '/devices/pci0000:00/0000:00:02.0' },
    });
    assert.equal(followed.length, 1);
    assert.equal(configurations.history()[0]?.comment, 'first set-up');
    assert.ok(!console.transcript.includes(password));
    assert.doesNotMatch(console.transcript, /\$scrypt/);
  });

  it('takes addresses, a gateway, ports, a RADIUS server and its secret', async () => {
    await answer(/\(wan\)\? \[1\] $/, 'wan0');
    await answer(/\(access\)\? \[1\] $/, '02:00:00:00:00:02');
    await answer(/Address of wan0/, '192.0.2.2/24');
    await answer(/gateway, or none \[none\] $/, '192.0.2.1');
    await answer(/Name servers, or none \[none\] $/, '192.0.2.53 2001:db8::53');
    await answer(/Address of lan0/, '198.51.100.1/24 2001:db8:5::1/64');
    await answer(/ports/, '554');
    await answer(/Who gets the records/, '192.0.2.9');
    await answer(/Secret shared with the RADIUS server: $/, 'top secret');
    await finish();
    await console.sees(/The box relays/);
    const tree = JSON.parse(await readFile(file, 'utf8'));
    assert.deepEqual(tree.interfaces.wan.routes, [{ prefix: '0.0.0.0/0', via: '192.0.2.1' }]);
    assert.deepEqual(tree.interfaces.access.addresses, ['198.51.100.1/24', '2001:db8:5::1/64']);
    assert.deepEqual(tree.relay.rtsp.ports, [554]);
    assert.deepEqual(tree.system.nameServers, ['192.0.2.53', '2001:db8::53']);
    assert.deepEqual(tree.upload.radius, [
      { name: 'billing', servers: [{ host: '192.0.2.9', secret: 'top secret' }] },
    ]);
    assert.ok(!console.transcript.includes('top secret'));
  });

  it('asks again what is no answer, and says why; nothing of it is taken', async () => {
    await answer(/\(wan\)\? /, '3');
    await answer(/"3" is none of these NICs[\s\S]*\(wan\)\? /, '2');
    await answer(/\(access\)\? /, '2');
    await answer(/wan0 is toward the IP network already[\s\S]*\(access\)\? /, '');
    await answer(/Address of wan0/, '192.0.2.2/24 192.0.2.300/24');
    await answer(/"192\.0\.2\.300\/24" is no IP address[\s\S]*Address of wan0/, 'dhcp');
    await answer(/Address of lan0/, 'keep');
    await answer(/ports/, '554 x');
    await answer(/[\s\S]*ports/, '');
    await answer(/records/, 'https://collector.example/usage');
    await answer(/Bearer token.*: $/, '');
    await answer(/Name of this box/, '');
    await answer(/administrator/, '');
    await answer(/Password of/, 'short');
    await answer(/at least 8 characters[\s\S]*Password of admin, at least 8 characters: $/, password);
    await answer(/again: $/, 'another one');
    await answer(/two different passwords[\s\S]*Password of/, password);
    await answer(/again: $/, password);
    await answer(/Commit this/, '');
    await console.sees(/The box relays/);
    const tree = JSON.parse(await readFile(file, 'utf8'));
    assert.equal(tree.interfaces.wan.dhcp4, true);
    assert.equal(tree.interfaces.wan.addresses, undefined);
    assert.deepEqual(tree.upload, { https: [{ name: 'billing', url: 'https://collector.example/usage' }] });
  });

  it('says at once that a gateway is in no subnet of the address that was answered', async () => {
    await answer(/\(wan\)\? /, '2');
    await answer(/\(access\)\? /, '');
    await answer(/Address of wan0/, '192.0.2.2/24');
    await answer(/gateway/, '192.0.3.1');
    await answer(
      /192\.0\.3\.1 is in no subnet of 192\.0\.2\.2\/24\r\nDefault gateway, or none \[none\] $/,
      '192.0.2.1',
    );
    await console.sees(/Name servers/);
  });

  it('lists the NICs again after a cable was pulled', async () => {
    await console.sees(/2 +wan0 +up[\s\S]*\(wan\)\? /);
    hal.nics.setCarrier('wan0', false);
    console.type('again\r');
    await console.sees(/2 +wan0 +down[\s\S]*\(wan\)\? /);
  }).timeout(10_000);

  it('leaves at ^C with nothing changed, and can be begun again', async () => {
    await answer(/\(wan\)\? /, '2');
    await console.sees(/\(access\)\? /);
    console.type('\x03');
    await console.sees(/\^C[\s\S]*ann@box> $/);
    assert.equal(configurations.config, undefined);
    await assert.rejects(readFile(file));
    console.type('setup\r');
    await console.sees(/\(wan\)\? \[1\] $/);
  });

  it('asks again with the answers that were given when the box cannot do it', async () => {
    refusal = new WeirError('NIC_MISSING', 'there is no NIC with path /devices/x');
    await answer(/\(wan\)\? \[1\] $/, '2');
    await answer(/\(access\)\? \[1\] $/, '');
    await answer(/Address of wan0/, '192.0.2.2/24');
    await answer(/gateway/, '');
    await answer(/Name servers/, '');
    await answer(/Address of lan0/, '');
    await answer(/ports/, '8554');
    await answer(/records/, '');
    await finish();
    await console.sees(/error: there is no NIC with path/);
    refusal = undefined;
    await answer(/\(wan\)\? \[2\] $/, '');
    await answer(/\(access\)\? \[1\] $/, '');
    await answer(/Address of wan0.*\[192\.0\.2\.2\/24\] $/, '');
    await answer(/gateway/, '');
    await answer(/Name servers/, '');
    await answer(/Address of lan0/, '');
    await answer(/ports of the origins \[8554\] $/, '');
    await answer(/records/, '');
    await finish();
    await console.sees(/The box relays/);
    assert.deepEqual(configurations.config?.relay.rtsp.ports, [8554]);
  });

  /** Somebody else, who is faster. */
  const overtake = async () => {
    const candidate = configurations.candidate();
    for (const line of ['wan device wan0', 'access device lan0']) {
      candidate.set([], ['interfaces', ...line.split(' ')]);
    }
    candidate.set([], ['relay', 'rtsp', 'ports', '554']);
    await configurations.commit(candidate, { who: 'bob' });
  };

  it('tells who is asked that somebody else has configured the box meanwhile, and ends with nothing taken', async () => {
    await answer(/\(wan\)\? \[1\] $/, 'wan0');
    await console.sees(/\(access\)\? \[1\] $/);
    console.type('la');
    await console.sees(/la$/);
    await overtake();
    await console.sees(
      /bob has configured this box meanwhile: this set-up is over.*\r\nPress Enter to go on\. $/,
    );
    console.type('unseen\r');
    await console.sees(/ann@box> $/);
    assert.equal(await console.command('show commits | match bob | count'), '1 lines\n');
    assert.equal(configurations.history().length, 1);
    assert.doesNotMatch(console.transcript, /unseen/);
  });

  it('shows nothing of a password that is being typed when it ends', async () => {
    await answer(/\(wan\)\? /, '2');
    await answer(/\(access\)\? /, '');
    await answer(/Address of wan0/, '');
    await answer(/Address of lan0/, '');
    await answer(/ports/, '');
    await answer(/records/, '');
    await answer(/Name of this box/, '');
    await answer(/administrator/, '');
    await console.sees(/Password of .*: $/);
    console.type('correct');
    await overtake();
    await console.sees(/Press Enter to go on\. $/);
    console.type(' horse\r');
    await console.sees(/ann@box> $/);
    assert.doesNotMatch(console.transcript, /correct|horse/);
  });

  it('ends also when somebody else commits in the moment before it does', async () => {
    await answer(/\(wan\)\? \[1\] $/, '2');
    await answer(/\(access\)\? \[1\] $/, '');
    await answer(/Address of wan0/, '');
    await answer(/Address of lan0/, '');
    await answer(/ports/, '');
    await answer(/records/, '');
    await answer(/Name of this box \[.*\] $/, '');
    await answer(/Name of the administrator \[.*\] $/, '');
    await answer(/Password of .*: $/, password);
    await answer(/again: $/, password);
    await console.sees(/Commit this\? \[yes\] $/);
    const faster = overtake();
    console.type('\r');
    await faster;
    await console.sees(/bob has configured this box meanwhile[\s\S]*Press Enter to go on\. $/);
    console.type('\r');
    await console.sees(/ann@box> $/);
    assert.equal(configurations.history().length, 1);
  });

  it('is refused on a box that is configured', async () => {
    await answer(/\(wan\)\? \[1\] $/, '2');
    await answer(/\(access\)\? \[1\] $/, '');
    await answer(/Address of wan0/, '');
    await answer(/Address of lan0/, '');
    await answer(/ports/, '');
    await answer(/records/, '');
    await finish();
    await console.sees(/ann@box> $/);
    assert.match(await console.command('setup'), /configured already/);
  });
});
