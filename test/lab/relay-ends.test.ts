import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { liveLab } from './live-lab.ts';
import { rtspConnections } from './media-flows.ts';
import { StoppedThread } from './stopped-thread.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';
import { aboveTheLink, addressesOf } from './witness.ts';

describe('lab: how viewers and Weir end', function () {
  this.timeout(60_000);
  const lab = liveLab();

  /** Whether a viewer that comes now is served by the origin itself: by who talks to the origin on wan0. */
  async function playsDirectly(): Promise<boolean> {
    await using capture = await Capture.start(lab.world.box, lab.world.wan.device);
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: [lab.world.viewer.address4],
    });
    assert.deepEqual(await viewers.settled(4_000), [200]);
    await viewers.watching(4_000);
    await viewers.teardown();
    const dialogue = rtspConnections(await capture.stop());
    assert.equal(dialogue.length, 1);
    return dialogue[0]?.client.address === lab.world.viewer.address4;
  }

  describe('viewers', () => {
    let weir: Weir;
    before(async () => {
      weir = await Weir.start(lab.world, { relay: { patienceSeconds: 0 } });
    });
    after(() => weir?.close());

    for (const transport of ['udp', 'tcp'] as const) {
      it(`a viewer by ${transport} that is killed is ended, and the upstream session with it`, async () => {
        const from = lab.origin.events.length;
        await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
          url: lab.url,
          transport,
          sources: [lab.world.viewer.address4],
        });
        assert.deepEqual(await viewers.settled(5_000), [200]);
        await viewers.watching(5_000);
        await viewers.close();
        await weir.shows(({ viewers }) => viewers.length === 0, 5_000, 'no viewer after kill -9');
        await lab.origin.until(() => lab.origin.requests('TEARDOWN', from).length === 1, 5_000, 'TEARDOWN');
      });
    }

    it('a viewer whose UDP port is closed is ended by its ICMP refusals, others play on', async () => {
      const from = lab.origin.events.length;
      const sources = ['198.19.0.1', '198.19.0.2'];
      await using viewers = await ScriptedViewers.start(lab.world.viewer.host, { url: lab.url, sources });
      assert.deepEqual(await viewers.settled(5_000), [200, 200]);
      await viewers.watching(5_000);
      await using wan = await Capture.start(lab.world.box, lab.world.wan.device);
      viewers.command({ command: 'close-udp', viewers: [0] });
      await viewers.program.until(() => viewers.told('ended').length === 1, 10_000, 'the end of the first');
      assert.deepEqual(
        viewers.told('ended').map(({ viewer, how }) => `${viewer} ${how}`),
        ['0 closed'],
      );
      const relay = await weir.shows(({ viewers }) => viewers.length === 1, 2_000, 'one viewer left');
      const end = relay.ended.findLast(({ viewer }) => viewer === '198.19.0.1');
      assert.equal(end?.terminateCause, 'port-error');
      const packets = async () => (await viewers.counts())[1]?.rtpPackets ?? 0;
      const before = await packets();
      while ((await packets()) < before + 25);
      assert.equal(lab.origin.requests('TEARDOWN', from).length, 0);
      await viewers.teardown([1]);
      await lab.origin.until(() => lab.origin.requests('TEARDOWN', from).length === 1, 5_000, 'TEARDOWN');
      // The refusals were sent to the origin's address; it never hears of them.
      assert.deepEqual(addressesOf(aboveTheLink(await wan.stop())), [
        lab.world.wan.address4,
        lab.world.origin.address4,
      ]);
    });

    for (const transport of ['udp', 'tcp'] as const) {
      it(`an origin that closes its connection ends its viewers by ${transport} with BYE and FIN`, async () => {
        const options = { url: lab.url, transport, sources: ['198.19.0.1', '198.19.0.2'] };
        await using viewers = await ScriptedViewers.start(lab.world.viewer.host, options);
        assert.deepEqual(await viewers.settled(5_000), [200, 200]);
        await viewers.watching(5_000);
        lab.origin.closeConnections();
        await viewers.program.until(() => viewers.told('ended').length === 2, 15_000, 'the end of both');
        assert.deepEqual(
          viewers.told('ended').map(({ how }) => how),
          ['closed', 'closed'],
        );
        assert.equal(viewers.told('bye').length, 2);
        await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed');
      });
    }
  });

  it('SIGTERM gives viewers BYE and FIN, the origin TEARDOWN, and leaves no rule and no route', async () => {
    const before = await network(lab.world);
    const from = lab.origin.events.length;
    await using weir = await Weir.start(lab.world);
    assert.notDeepEqual(await network(lab.world), before);
    const { host } = lab.world.viewer;
    await using udp = await ScriptedViewers.start(host, {
      url: lab.url,
      sources: ['198.19.0.1', '198.19.0.2'],
    });
    await using tcp = await ScriptedViewers.start(host, {
      url: lab.url,
      transport: 'tcp',
      sources: ['198.19.0.3'],
    });
    for (const viewers of [udp, tcp]) {
      await viewers.settled(5_000);
      await viewers.watching(5_000);
    }
    assert.deepEqual(await weir.terminate(), { code: 0, signal: null });
    for (const [viewers, count] of [
      [udp, 2],
      [tcp, 1],
    ] as const) {
      await viewers.program.until(() => viewers.told('ended').length === count, 2_000, 'the end of each');
      assert.ok(viewers.told('ended').every(({ how }) => how === 'closed'));
      assert.equal(viewers.told('bye').length, count);
    }
    await lab.origin.until(() => lab.origin.requests('TEARDOWN', from).length === 1, 2_000, 'TEARDOWN');
    assert.deepEqual(await network(lab.world), before);
    assert.equal(await playsDirectly(), true);
  });

  it('after kill -9 a new connection plays directly at once, and a restarted Weir relays again', async () => {
    await using weir = await Weir.start(lab.world);
    assert.equal(await playsDirectly(), false);
    weir.program.signal('SIGKILL');
    await weir.program.ended(2_000);
    assert.equal(await playsDirectly(), true);
    await using again = await Weir.start(lab.world);
    assert.equal(await playsDirectly(), false);
    await again.terminate();
  });

  it('while it is stopped, new connections play directly within 4 s; continued, it relays again', async () => {
    await using weir = await Weir.start(lab.world);
    assert.equal(await playsDirectly(), false);
    weir.program.signal('SIGSTOP');
    // The ports leave the kernel's set 3 s after the last renewal; nothing tells when.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    assert.equal(await playsDirectly(), true);
    weir.program.signal('SIGCONT');
    for (const until = Date.now() + 4_000; await playsDirectly(); ) {
      assert.ok(Date.now() < until, 'relays again within 4 s');
    }
    await weir.terminate();
  });

  it('while one of its engine threads is stuck, new connections play directly within 4 s', async () => {
    await using weir = await Weir.start(lab.world, { relay: { engineThreads: 2 } });
    assert.equal(await playsDirectly(), false);
    {
      await using _stuck = await StoppedThread.stop(weir.program.pid, 'weir-datapath-1');
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      assert.equal(await playsDirectly(), true);
    }
    for (const until = Date.now() + 4_000; await playsDirectly(); ) {
      assert.ok(Date.now() < until, 'relays again within 4 s');
    }
    await weir.terminate();
  });
});

/** Everything that decides where a packet goes on the box. */
async function network(world: World): Promise<string[]> {
  const shown = await Promise.all([
    world.box.run('nft', ['list', 'ruleset']),
    ...['-4', '-6'].flatMap((family) => [
      world.box.ip(family, 'rule'),
      world.box.ip(family, 'route', 'show', 'table', 'all'),
    ]),
  ]);
  return shown.map((text) => text.replaceAll(/expires \S+/g, ''));
}
