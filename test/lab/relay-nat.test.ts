import { strict as assert } from 'node:assert';
import type { Host, World } from '../../src/demo/world/index.ts';
import { createLabWorld, separatePackets } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** Two homes' hosts behind one address: the viewer's host becomes their router and masquerades. */
async function homeNetwork(world: World): Promise<[Host, Host]> {
  const router = world.viewer.host;
  const hosts = [await world.addHost('home1'), await world.addHost('home2')] as [Host, Host];
  await router.sysctl({ 'net/ipv4/ip_forward': 1 });
  for (const [index, host] of hosts.entries()) {
    const device = `home${index + 1}`;
    const net = `192.168.${index + 1}`;
    await router.ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.namespace);
    await router.ip('address', 'add', `${net}.1/24`, 'dev', device);
    await router.ip('link', 'set', device, 'up');
    await host.ip('address', 'add', `${net}.10/24`, 'dev', 'eth0');
    await host.ip('link', 'set', 'eth0', 'up');
    await host.ip('route', 'add', 'default', 'via', `${net}.1`);
    await separatePackets(host, 'eth0');
    await separatePackets(router, device);
  }
  const rules = `table ip home {
    chain postrouting {
      type nat hook postrouting priority srcnat;
      oifname "eth0" masquerade
    }
  }`;
  await router.run('nft', ['-f', '-'], { input: rules });
  return hosts;
}

describe('lab: viewers behind one NAT', function () {
  this.timeout(60_000);
  let world: World;
  let homes: [Host, Host];
  let origin: ScriptedOrigin;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    homes = await homeNetwork(world);
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await world?.close();
  });

  it('two of them with the same client ports both play, each its own stream whole', async () => {
    const options = { url: `rtsp://${world.origin.address4}/live`, clientPort: 30_000 };
    const [one, two] = homes;
    await using first = await ScriptedViewers.start(one, { ...options, sources: ['192.168.1.10'] });
    assert.deepEqual(await first.settled(5_000), [200]);
    await first.watching(5_000);
    await using second = await ScriptedViewers.start(two, { ...options, sources: ['192.168.2.10'] });
    assert.deepEqual(await second.settled(5_000), [200]);
    await second.watching(5_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const counts = [...(await first.counts()), ...(await second.counts())];
    for (const { rtpPackets, lost, ssrcs } of counts) {
      assert.ok(rtpPackets > 100, `${rtpPackets} packets`);
      assert.equal(lost, 0);
      assert.equal(ssrcs.length, 1);
    }
    // Nobody gets packets twice: no more than were sent in that time.
    const relay = await weir.show();
    assert.equal(relay.viewers.length, 2);
    await first.teardown();
    await second.teardown();
    const ended = await weir.shows(({ viewers }) => viewers.length === 0, 5_000, 'no viewer left');
    const received = [...(await first.counts()), ...(await second.counts())].map(
      ({ rtpPackets }) => `${rtpPackets}`,
    );
    assert.deepEqual(ended.ended.map(({ txPackets }) => txPackets).sort(), received.sort());
  });
});
