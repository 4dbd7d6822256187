import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { liveLab } from './live-lab.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const secrets = ['radius-secret-1', 'token-0123456789', 'origin-password-2'];

describe('lab: what the console asks of the box', function () {
  this.timeout(60_000);
  const lab = liveLab();
  let weir: Weir;

  before(async () => {
    const [secret, token, password] = secrets;
    weir = await Weir.start(lab.world, {
      relay: { origins: [{ address: '203.0.113.99', username: 'u', password }] },
      upload: {
        radius: [{ name: 'isp', servers: [{ host: '203.0.113.98', secret }] }],
        https: [{ name: 'c', url: 'https://203.0.113.97/', token }],
      },
    });
  });
  after(() => weir?.close());

  const ask = (...commands: string[]): Promise<string> =>
    lab.world.box.run(process.execPath, [
      main,
      'console',
      '--data',
      weir.dataDir,
      ...commands.flatMap((command) => ['-c', command]),
    ]);
  const json = async (command: string) => JSON.parse(await ask(`${command} | json`));

  it('tells its NICs, routes, records and log, each as JSON and as text', async () => {
    const { interfaces } = await json('show interfaces');
    assert.deepEqual(
      interfaces
        .slice(0, 2)
        .map(({ role, device, link }: Record<string, string>) => `${role} ${device} ${link}`),
      ['wan wan0 up', 'access lan0 up'],
    );
    const { routes } = await json('show route');
    assert.ok(routes.some(({ destination }: { destination: string }) => destination === '203.0.113.0/24'));
    assert.equal((await json('show storage')).health, 'ok');
    assert.equal((await json('show clock')).bootId.length, 36);
    assert.ok((await json('show system')).memoryBytes > 0);
    assert.match(await ask('show log'), /info {2}ready/);
    const text = await ask('show version', 'show system', 'show interfaces', 'show feeds', 'show billing');
    assert.match(text, /no feed is open/);
  });

  it('tests a feed as a viewer would see it, leaves no record, and ends what it began', async () => {
    const said = await ask(`test relay ${lab.url}`);
    assert.match(said, /ok +resolve[\s\S]*ok +connect[\s\S]*ok +describe[\s\S]*ok +setup[\s\S]*ok +play/);
    assert.match(said, /ok +first packet[\s\S]*ok +start point/);
    await weir.shows(({ feeds, viewers }) => feeds.length + viewers.length === 0, 5_000, 'the test is over');
    assert.equal((await json('show storage')).lastSequence, 0);
  });

  it('shows who watches and what it costs, and ends a session on an operator’s word', async () => {
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: [lab.world.viewer.address4],
    });
    assert.deepEqual(await viewers.settled(5_000), [200]);
    await viewers.watching(5_000);
    const [one] = (await json('show viewers')).viewers;
    assert.equal(one.viewer, lab.world.viewer.address4);
    assert.match(await ask('show feeds'), /playing +1 /);
    assert.equal((await json('show billing')).sessions[0].sessionId, one.sessionId);
    await ask(`clear viewer ${one.sessionId}`);
    const relay = await weir.shows(({ viewers: left }) => left.length === 0, 5_000, 'it has ended');
    assert.equal(relay.ended.at(-1)?.terminateCause, 'admin-reset');
  });

  it('pings and traces', async () => {
    const said = await ask(
      `ping ${lab.world.origin.address4} count 2`,
      `traceroute ${lab.world.origin.address4}`,
    );
    assert.match(said, /2 packets transmitted, 2 received/);
    assert.match(said, new RegExp(`1 {2}${lab.world.origin.address4}`));
  });

  it('reboots no machine that is not a gateway', async () => {
    const child = await lab.world.box.spawn(process.execPath, [
      ...[main, 'console', '--data', weir.dataDir],
      ...['-c', 'request system reboot confirmed'],
    ]);
    assert.equal((await child.exited).code, 1);
    assert.match(child.stderr + child.stdout, /lets nobody ask for reboot/);
    await child.close();
  });

  it('writes a support bundle in which none of the configured secrets stands', async () => {
    const { file, entries } = await json('request support-bundle');
    assert.ok(entries.includes('log.jsonl') && entries.includes('configuration.txt'));
    const whole = execFileSync('tar', ['-xOzf', file], { encoding: 'utf8', maxBuffer: 64 << 20 });
    for (const secret of secrets) assert.ok(!whole.includes(secret), secret);
    assert.match(whole, /set upload radius isp/);
    assert.doesNotMatch(whole, /not available/);
  });

  it('restarts itself on an operator’s word, without ending the console', async () => {
    assert.match(await ask('request system restart confirmed'), /begun/);
    await weir.shows((relay) => 'feeds' in relay && relay.feeds.length === 0, 10_000, 'it relays again');
    assert.match(await ask('show log | match ready | count'), /^2 lines/);
  });
});
