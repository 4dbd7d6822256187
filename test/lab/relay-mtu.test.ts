import { strict as assert } from 'node:assert';
import type { Host, World } from '../../src/demo/world/index.ts';
import { createLabWorld, separatePackets } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** RTP packets of 1,400 bytes: whole on an Ethernet, too long for a tunnel of 1,300. */
const payloadBytes = 1388;
const home4 = '192.0.2.10';
const home6 = '2001:db8:2::10';

/** A home behind a tunnel: the viewer's host becomes its router, the link to it takes 1,300 bytes. */
async function narrowHome(world: World): Promise<Host> {
  const router = world.viewer.host;
  const home = await world.addHost('home');
  await router.sysctl({ 'net/ipv4/ip_forward': 1, 'net/ipv6/conf/all/forwarding': 1 });
  await router.ip('link', 'add', 'tunnel', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', home.namespace);
  for (const [host, device, last] of [
    [router, 'tunnel', '1'],
    [home, 'eth0', '10'],
  ] as const) {
    await host.ip('link', 'set', device, 'mtu', '1300', 'up');
    await host.ip('address', 'add', `192.0.2.${last}/24`, 'dev', device);
    await host.ip('address', 'add', `2001:db8:2::${last}/64`, 'dev', device, 'nodad');
    await separatePackets(host, device);
  }
  await home.ip('route', 'add', 'default', 'via', '192.0.2.1');
  await home.ip('route', 'add', 'default', 'via', '2001:db8:2::1');
  await world.box.ip('route', 'add', '192.0.2.0/24', 'via', world.viewer.address4);
  await world.box.ip('route', 'add', '2001:db8:2::/64', 'via', world.viewer.address6);
  return home;
}

describe('lab: packets longer than a path takes', function () {
  this.timeout(60_000);
  let world: World;
  let home: Host;
  let origin: ScriptedOrigin;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld({ viewers: 2 });
    home = await narrowHome(world);
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554, payloadBytes });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ viewers }) => viewers.length === 0, 5_000, 'no viewer left');
  });

  /** Plays at the home, and at a neighbour without a tunnel, until each has got 100 packets; then what the box counted. */
  async function play(url: string, at: string, neighbour: string) {
    const second = world.viewers[1];
    assert.ok(second);
    await using far = await ScriptedViewers.start(home, { url, sources: [at] });
    await using near = await ScriptedViewers.start(second.host, { url, sources: [neighbour] });
    for (const viewers of [far, near]) {
      assert.deepEqual(await viewers.settled(5_000), [200]);
      await viewers.watching(5_000);
    }
    const enough = ({ viewers }: Awaited<ReturnType<Weir['show']>>) =>
      viewers.length === 2 && viewers.every(({ txPackets }) => BigInt(txPackets) >= 150n);
    await weir.shows(enough, 10_000, '150 packets for each viewer');
    const got = [...(await far.counts()), ...(await near.counts())];
    for (const { rtpPackets, lost } of got) {
      assert.ok(rtpPackets >= 100, `${rtpPackets} packets`);
      assert.equal(lost, 0);
    }
    const { viewers } = await weir.show();
    await far.teardown();
    await near.teardown();
    const oversized = (address: string) =>
      BigInt(viewers.find(({ viewer }) => viewer === address)?.oversizedPackets ?? -1);
    return { far: oversized(at), near: oversized(neighbour) };
  }

  it('come in fragments that the router on the way makes, over IPv4 (RFC 791 s.3.2)', async () => {
    const neighbour = world.viewers[1]?.address4 ?? '';
    const oversized = await play(`rtsp://${world.origin.address4}/live`, home4, neighbour);
    assert.deepEqual(oversized, { far: 0n, near: 0n });
  });

  it('come in fragments that the box makes once ICMP has told the origin’s address, over IPv6 (RFC 8201)', async () => {
    const neighbour = world.viewers[1]?.address6 ?? '';
    const oversized = await play(`rtsp://[${world.origin.address6}]/live`, home6, neighbour);
    assert.ok(oversized.far > 100n, `${oversized.far} counted`);
    assert.equal(oversized.near, 0n);
  });

  it('come in fragments to everybody where the access NIC itself takes less', async () => {
    await world.box.ip('link', 'set', 'lan0', 'mtu', '1400');
    const neighbour = world.viewers[1]?.address4 ?? '';
    const oversized = await play(`rtsp://${world.origin.address4}/live`, home4, neighbour);
    assert.ok(oversized.far >= 150n && oversized.near >= 150n, `${oversized.far}, ${oversized.near} counted`);
  });
});
