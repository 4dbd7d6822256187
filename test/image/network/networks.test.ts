import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { HostProcess, World } from '../../../src/demo/world/index.ts';
import { createLabWorld } from '../../lab/lab-world.ts';
import { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import { Program } from '../../lab/program.ts';
import type { Operator } from '../../operator.ts';
import { FlashedDisk, Gateway, gatewayNics, makeRoomForGateway } from '../gateway.ts';
import { answersWithinMs, consoleOffered, setUp, startsWithinMs } from '../technician.ts';
import { watchedFrom } from '../watching.ts';
import { makeTrunk } from './trunk.ts';

const leases = '/run/lab-leases';
/** The shortest lease there is. */
const server = [
  ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--port=0', '--no-ping'],
  ...['--interface=eth0', '--bind-interfaces', '--dhcp-authoritative', `--dhcp-leasefile=${leases}`],
  '--dhcp-range=203.0.113.100,203.0.113.110,255.255.255.0,2m',
];
const vlan = 100;

/** What `show alarms` says of alarms that have not ended. */
const standing = (alarms: string): string => alarms.split(/^ended:/m)[0] ?? '';

describe('image: the networks of a gateway', function () {
  this.timeout(4 * startsWithinMs);
  let world: World;
  let disk: FlashedDisk;
  let gateway: Gateway;
  let origin: ScriptedOrigin;
  let technician: Operator;
  let dhcp: HostProcess | undefined;

  before(async () => {
    disk = await FlashedDisk.flash();
    world = await createLabWorld();
    await makeRoomForGateway(world);
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    gateway = await Gateway.start(world.box, disk);
    await consoleOffered(gateway);
    technician = await setUp(gateway, world);
  });
  after(async () => {
    await gateway?.cutPower();
    await world?.close();
    disk?.[Symbol.dispose]();
  });

  const commit = async (lines: readonly string[], how = 'commit') => {
    for (const line of ['configure', ...lines]) await technician.command(line);
    const answer = await technician.command(how);
    assert.doesNotMatch(answer, /error/, answer);
    await technician.command('exit');
    return answer;
  };
  /** Asks until it is so; what is shown then. */
  const shows = async (command: string, wanted: (shown: string) => boolean) => {
    for (const until = Date.now() + startsWithinMs; ; ) {
      const shown = await technician.command(`${command} | no-more`);
      if (wanted(shown)) return shown;
      assert.ok(Date.now() < until, `${command}: ${shown}`);
    }
  };
  /** A viewer watches by way of the box, which asks from that address: past a busy one that has missed a beat some go by themselves. */
  const relaysFrom = async (address: string | undefined) => {
    for (const until = Date.now() + startsWithinMs; ; ) {
      const asked = await watchedFrom(world, origin);
      if (asked.length === 1 && asked[0] === address) return;
      assert.ok(Date.now() < until, `the origin was asked by ${asked}, not by ${address}`);
    }
  };
  const serve = () => world.origin.host.spawn('dnsmasq', server);
  const leased = () => /DHCPACK\(eth0\) (203\.0\.113\.\d+)/.exec(dhcp?.stdout + (dhcp?.stderr ?? ''))?.[1];
  const count = (word: string) => (dhcp?.stdout + (dhcp?.stderr ?? '')).split(word).length - 1;

  it('gets its address by DHCP, as itself, and relays with it', async () => {
    dhcp = await serve();
    await commit(['delete interfaces wan addresses', 'set interfaces wan dhcp4 true']);
    await dhcp.prints(/DHCPACK/, { timeoutMs: answersWithinMs });
    const address = leased() ?? assert.fail('no address');
    await shows('show interfaces', (shown) => shown.includes(`${address}/24`));
    await relaysFrom(address);
    // DUID-LL (RFC 8415 s.11.4): type 3, Ethernet, its MAC address.
    assert.ok(readFileSync(leases, 'latin1').includes(`:00:03:00:01:${gatewayNics.wan.mac}`));
  });

  it('has its lease renewed', async () => {
    const discoveries = count('DHCPDISCOVER');
    const acknowledged = count('DHCPACK');
    while (count('DHCPACK') === acknowledged) await technician.command('show interfaces | no-more');
    assert.equal(count('DHCPDISCOVER'), discoveries);
  });

  it('gives the address up with its lease, says so, and has one again when there is a server', async () => {
    const address = leased() ?? assert.fail('no address');
    await dhcp?.close();
    await shows('show interfaces', (shown) => !shown.includes(address));
    await shows('show alarms', (shown) => standing(shown).includes('nic.noLease'));
    dhcp = await serve();
    await dhcp.prints(/DHCPACK/, { timeoutMs: startsWithinMs });
    await shows('show interfaces', (shown) => shown.includes(`${leased()}/24`));
    // Until the box knows of it itself, viewers go past it.
    await shows('show alarms', (shown) => !standing(shown).includes('nic.noLease'));
    await relaysFrom(leased());
  });

  it('takes back by itself what nobody has confirmed, also while the cable is out', async () => {
    await commit(['set interfaces access mtu 1400'], 'commit confirmed 1');
    await shows('show interfaces', (shown) => / 1400 /.test(shown));
    await gateway.cable('wan', false);
    const alarms = await shows('show alarms', (shown) => standing(shown).includes('config.reverted'));
    assert.match(alarms, /nic\.linkDown/);
    await shows('show interfaces', (shown) => !/ 1400 /.test(shown));
    await gateway.cable('wan', true);
    await shows('show interfaces', (shown) => shown.includes(`${leased()}/24`));
    await shows('show alarms', (shown) => !/nic\.linkDown|nic\.noLease/.test(standing(shown)));
    await relaysFrom(leased());
  });

  it('has the IP network as a VLAN (IEEE 802.1Q) after a restart of Weir, and sends nothing untagged there', async () => {
    const lines = [
      'delete interfaces wan dhcp4',
      `set interfaces wan addresses ${world.wan.address4}/24`,
      `set interfaces wan vlan ${vlan}`,
    ];
    assert.match(await commit(lines), /at the next restart/);
    await makeTrunk(world.box, vlan);
    const frames: string[] = [];
    await using _capture = await Program.start(world.box, ['tcpdump', '-l', '-e', '-n', '-i', 'tap-wan0'], {
      onLine: (line) => frames.push(line),
    });
    // In place: the console's session goes on.
    assert.match(await technician.command('request system restart confirmed'), /restart: begun/);
    await shows('show interfaces', (shown) => new RegExp(`wan +wan\\.${vlan} +up`).test(shown));
    const from = frames.length;
    await relaysFrom(world.wan.address4);
    const seen = frames.slice(from).filter((line) => line.includes(world.origin.address4));
    const tagged = seen.filter((line) => line.includes(`vlan ${vlan},`));
    assert.ok(tagged.some((line) => line.includes(`${world.origin.address4}.554 >`)));
    assert.ok(tagged.some((line) => / > \S+\.554:/.test(line)));
    assert.equal(tagged.length, seen.length, 'something went untagged');
  });
});
