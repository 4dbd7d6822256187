import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** The least the configuration allows. */
const sessionTimeoutSeconds = 10;

describe('lab: faults on either side of the box', function () {
  this.timeout(60_000);
  let world: World;
  let origin: ScriptedOrigin;
  let weir: Weir;
  let url: string;

  before(async () => {
    world = await createLabWorld({ viewers: 2 });
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554, sessionTimeoutSeconds: 10 });
    weir = await Weir.start(world, { relay: { patienceSeconds: 0 }, rtsp: { sessionTimeoutSeconds } });
    url = `rtsp://${world.origin.address4}/live`;
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed after the last viewer');
  });

  it('viewers whose host vanishes without a word are ended after the session timeout, others play on', async () => {
    const [near, far] = world.viewers;
    assert.ok(near && far);
    await using staying = await ScriptedViewers.start(near.host, { url, sources: [near.address4] });
    await using udp = await ScriptedViewers.start(far.host, { url, sources: [far.address4] });
    await using tcp = await ScriptedViewers.start(far.host, {
      url,
      transport: 'tcp',
      sources: [far.address4],
    });
    for (const viewers of [staying, udp, tcp]) {
      assert.deepEqual(await viewers.settled(5_000), [200]);
      await viewers.watching(5_000);
    }
    const keepAlive = setInterval(
      () => staying.command({ command: 'request', method: 'GET_PARAMETER' }),
      3_000,
    );
    try {
      await far.host.ip('link', 'set', 'eth0', 'down');
      const withinMs = (sessionTimeoutSeconds + 4) * 1000;
      const relay = await weir.shows(({ viewers }) => viewers.length === 1, withinMs, 'one viewer left');
      const ends = relay.ended.filter(({ viewer }) => viewer === far.address4);
      assert.deepEqual(
        ends.map(({ terminateCause }) => terminateCause),
        ['idle-timeout', 'idle-timeout'],
      );
      const [counts] = await staying.counts();
      assert.ok((counts?.rtpPackets ?? 0) > sessionTimeoutSeconds * 90);
      assert.equal(counts?.lost, 0);
    } finally {
      clearInterval(keepAlive);
      await far.host.ip('link', 'set', 'eth0', 'up');
    }
    await staying.teardown();
  });

  it('a viewer by TCP that stops reading for a while disturbs nobody, and goes on at a frame boundary', async () => {
    const { host } = world.viewer;
    const options = { url, transport: 'tcp' } as const;
    await using steady = await ScriptedViewers.start(host, { ...options, sources: ['198.19.0.1'] });
    await using slow = await ScriptedViewers.start(host, { ...options, sources: ['198.19.0.2'] });
    for (const viewers of [steady, slow]) {
      assert.deepEqual(await viewers.settled(5_000), [200]);
      await viewers.watching(5_000);
    }
    const before = (await steady.counts())[0]?.rtpPackets ?? 0;
    slow.program.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const [meanwhile] = await steady.counts();
    slow.program.signal('SIGCONT');
    assert.ok((meanwhile?.rtpPackets ?? 0) > before + 250);
    assert.equal(meanwhile?.lost, 0);
    await slow.teardown();
    await steady.teardown();
    const [slowCounts] = await slow.counts();
    const { ended } = await weir.show();
    const held = ended.findLast(({ viewer }) => viewer === '198.19.0.2');
    assert.equal(held?.txPackets, `${slowCounts?.rtpPackets}`);
    assert.equal(held?.txBytes, `${slowCounts?.rtpBytes}`);
  });

  for (const guarded of [false, true]) {
    const which = guarded ? 'that Weir cannot sign a keep-alive for' : 'that is kept alive by requests';
    it(`an origin ${which} ends its viewers when it vanishes without a word`, async () => {
      const { host } = world.viewer;
      const port = guarded ? 8554 : 554;
      const credentials = guarded ? { user: 'ann', password: 'secret' } : undefined;
      await using _origin = guarded
        ? await ScriptedOrigin.start(world.origin.host, { port, digestUsers: { ann: 'secret' } })
        : undefined;
      await using viewers = await ScriptedViewers.start(host, {
        url: `rtsp://${world.origin.address4}:${port}/live`,
        sources: ['198.19.0.1', '198.19.0.2'],
        credentials,
      });
      assert.deepEqual(await viewers.settled(5_000), [200, 200]);
      await viewers.watching(5_000);
      const keepAlive = setInterval(
        () => viewers.command({ command: 'request', method: 'GET_PARAMETER' }),
        3_000,
      );
      try {
        await world.origin.host.ip('link', 'set', 'eth0', 'down');
        await viewers.program.until(() => viewers.told('ended').length === 2, 25_000, 'the end of both');
        assert.equal(viewers.told('bye').length, 2);
        await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed');
      } finally {
        clearInterval(keepAlive);
        await world.origin.host.ip('link', 'set', 'eth0', 'up');
      }
    });
  }
});
