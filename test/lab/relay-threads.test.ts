import assert from 'node:assert/strict';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

/** The viewers' hosts are the same for every feed: what tells their media apart is the feed's own ports. */
const sources = ['198.19.0.1', '198.19.0.2', '198.19.0.2'];
const transports = ['udp', 'tcp'] as const;

describe('lab: feeds on several engine threads', function () {
  this.timeout(60_000);
  let world: World;
  let origins: ScriptedOrigin[] = [];
  let weir: Weir;
  let urls: string[];

  before(async () => {
    world = await createLabWorld();
    const { host, address4 } = world.origin;
    origins = [
      await ScriptedOrigin.start(host, { port: 554 }),
      await ScriptedOrigin.start(host, { port: 8554, transports: ['tcp'] }),
    ];
    weir = await Weir.start(world, { relay: { engineThreads: 2 } });
    urls = [
      `${address4}/live?1`,
      `${address4}/live?2`,
      `${address4}:8554/live?3`,
      `${address4}:8554/live?4`,
    ].map((rest) => `rtsp://${rest}`);
  });
  after(async () => {
    await weir?.close();
    for (const origin of origins) await origin.close();
    await world?.close();
  });

  /** Viewers of every feed by every transport, all of them watching. */
  async function watch(owned: AsyncDisposableStack): Promise<ScriptedViewers[]> {
    const all: ScriptedViewers[] = [];
    for (const url of urls) {
      for (const transport of transports) {
        const viewers = owned.use(
          await ScriptedViewers.start(world.viewer.host, { url, transport, sources }),
        );
        assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
        await viewers.watching(5_000);
        all.push(viewers);
      }
    }
    return all;
  }

  const served = ({ feeds, viewers }: { feeds: number; viewers: number }) => [feeds, viewers];

  /** Resolves when every viewer has so many packets more than `before`; nobody has lost any. */
  async function flowing(all: readonly ScriptedViewers[], before: readonly number[] = []): Promise<number[]> {
    for (;;) {
      const counts = (await Promise.all(all.map((viewers) => viewers.counts()))).flat();
      assert.deepEqual(
        counts.filter(({ lost, ssrcs }) => lost > 0 || ssrcs.length !== 1),
        [],
      );
      const packets = counts.map(({ rtpPackets }) => rtpPackets);
      if (packets.every((count, at) => count >= (before[at] ?? 0) + 50)) return packets;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('are spread, and viewers by UDP and TCP at the same addresses get every packet of theirs', async () => {
    await using owned = new AsyncDisposableStack();
    const all = await watch(owned);
    await flowing(all);
    assert.deepEqual((await weir.show()).engineThreads.map(served), [
      [2, 12],
      [2, 12],
    ]);
    for (const viewers of all) await viewers.teardown();
    await weir.shows(
      ({ engineThreads }) => engineThreads.every(({ feeds, viewers }) => feeds === 0 && viewers === 0),
      5_000,
      'no thread serves anything',
    );
  });

  it('go on where they are when their sources come back: no viewer is dropped, no packet is missing', async () => {
    await using owned = new AsyncDisposableStack();
    const all = await watch(owned);
    const before = await flowing(all);
    for (const origin of origins) origin.closeConnections();
    const { engineThreads, viewers } = await weir.shows(
      ({ feeds }) => feeds.every(({ state, reconnections }) => state === 'playing' && reconnections === 1),
      10_000,
      'all sources are back',
    );
    await flowing(all, before);
    assert.equal(viewers.length, all.length * sources.length);
    assert.deepEqual(engineThreads.map(served), [
      [2, 12],
      [2, 12],
    ]);
    for (const one of all) await one.teardown();
  });
});
