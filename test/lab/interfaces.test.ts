import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { kernelHasVlans } from '../contract/network-world.ts';
import { liveLab } from './live-lab.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const server = [
  ...['--no-daemon', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--port=0', '--no-ping'],
  ...['--interface=eth0', '--bind-interfaces', '--dhcp-authoritative', '--dhcp-leasefile=/run/lab-leases'],
  '--dhcp-range=203.0.113.100,203.0.113.110,255.255.255.0,10m',
];

describe('lab: interfaces that change beneath viewers', function () {
  this.timeout(90_000);
  const lab = liveLab();
  let weir: Weir;

  before(async () => {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var/lib/dhcpcd']);
    weir = await Weir.start(lab.world);
  });
  after(async () => {
    await commit('delete interfaces wan dhcp4').catch(() => {});
    await weir?.close();
  });

  const ask = (...commands: string[]): Promise<string> => {
    const script = commands.flatMap((command) => ['-c', command]);
    return lab.world.box.run(process.execPath, [main, 'console', '--data', weir.dataDir, ...script]);
  };
  const commit = (...lines: string[]) => ask('configure', ...lines, 'commit');
  /** Sums over all viewers. */
  const seen = async (viewers: ScriptedViewers) => {
    const counts = await viewers.counts();
    return {
      packets: counts.reduce((sum, { rtpPackets }) => sum + rtpPackets, 0),
      lost: counts.reduce((sum, { lost }) => sum + lost, 0),
    };
  };

  it('takes addresses, routes, MTU and DHCP while viewers by UDP and TCP go on without losing a packet', async () => {
    const { host } = lab.world.viewer;
    const sources = (from: number) => [0, 1, 2].map((index) => `198.19.0.${from + index}`);
    await using udp = await ScriptedViewers.start(host, { url: lab.url, sources: sources(1) });
    await using tcp = await ScriptedViewers.start(host, {
      url: lab.url,
      transport: 'tcp',
      sources: sources(9),
    });
    for (const viewers of [udp, tcp]) {
      assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
      await viewers.watching(10_000);
    }
    const sessions = (await weir.show()).viewers.map(({ sessionId }) => sessionId).sort();
    const { wan, access } = lab.world;
    await commit(
      `set interfaces wan addresses [ ${wan.address4}/24 ${wan.address6}/64 203.0.113.3/24 ]`,
      'set interfaces wan routes 10.0.0.0/8 via 203.0.113.10',
      `set interfaces access addresses [ ${access.address4}/16 ${access.address6}/64 192.0.2.1/24 ]`,
    );
    assert.match(await lab.world.box.ip('route'), /10\.0\.0\.0\/8 via 203\.0\.113\.10 dev wan0 proto 87/);
    await commit('set interfaces wan routes 10.0.0.0/8 via 203.0.113.11', 'set interfaces wan mtu 1499');
    await using dhcp = await lab.world.origin.host.spawn('dnsmasq', server);
    await commit('set interfaces wan dhcp4 true', `delete interfaces wan addresses 203.0.113.3/24`);
    await dhcp.prints(/DHCPACK/, { timeoutMs: 30_000 });
    await commit('delete interfaces wan routes', 'delete interfaces access addresses 192.0.2.1/24');
    assert.doesNotMatch(await lab.world.box.ip('route'), /proto 87/);

    // What the commits may have cost has come by now: a viewer gets some hundred packets a second.
    for (const viewers of [udp, tcp]) {
      const { packets } = await seen(viewers);
      for (let now = packets; now < packets + 300; ) now = (await seen(viewers)).packets;
      assert.equal((await seen(viewers)).lost, 0);
    }
    const relay = await weir.show();
    assert.deepEqual(relay.viewers.map(({ sessionId }) => sessionId).sort(), sessions);
    assert.deepEqual([relay.feeds[0]?.reconnections, relay.feeds[0]?.lostPackets], [0, '0']);
    await udp.teardown();
    await tcp.teardown();
  });

  it('refuses a VLAN at the commit where the kernel makes none, and nothing of it is left', async function () {
    if (kernelHasVlans()) this.skip();
    const links = () => lab.world.box.ip('-brief', 'link');
    const before = await links();
    const child = await lab.world.box.spawn(process.execPath, [
      ...[main, 'console', '--data', weir.dataDir, '-c', 'configure'],
      ...['-c', 'set interfaces access vlan 7', '-c', 'set system name other', '-c', 'commit'],
    ]);
    assert.equal((await child.exited).code, 1);
    assert.match(
      child.stderr,
      /error: this kernel makes no VLANs.*-> it needs CONFIG_VLAN_8021Q.*`delete` the vlan/,
    );
    await child.close();
    assert.equal(await links(), before);
    assert.doesNotMatch(await ask('show configuration | display set'), /vlan|other/);
    // It comes up again, as nothing waits for the next start.
    await ask('request system restart confirmed');
    await weir.shows((relay) => 'feeds' in relay && relay.feeds.length === 0, 10_000, 'it relays again');
  });

  it('leaves everything as it was when a commit cannot be applied, and viewers play on', async () => {
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: ['198.19.0.30'],
    });
    assert.deepEqual(await viewers.settled(10_000), [200]);
    await viewers.watching(10_000);
    const before = await lab.world.box.ip('address', 'show', 'lan0');
    const child = await lab.world.box.spawn(process.execPath, [
      ...[main, 'console', '--data', weir.dataDir, '-c', 'configure'],
      ...[
        '-c',
        'set interfaces access mtu 1400',
        '-c',
        'set interfaces access routes 10.9.0.0/16 via 192.0.2.77',
      ],
      ...['-c', 'delete interfaces access addresses', '-c', 'commit'],
    ]);
    assert.equal((await child.exited).code, 1);
    assert.match(child.stderr, /the gateway 192\.0\.2\.77 is not in a subnet of lan0/);
    await child.close();
    assert.equal(await lab.world.box.ip('address', 'show', 'lan0'), before);
    const { packets } = await seen(viewers);
    for (let now = packets; now < packets + 100; ) now = (await seen(viewers)).packets;
    assert.equal((await seen(viewers)).lost, 0);
    await viewers.teardown();
  });
});
