import assert from 'node:assert/strict';
import { createWorld, insideSandbox, type World } from '../../src/demo/world/index.ts';
import { FailingSource, type FailureName, failures } from '../bench/failures.ts';
import { Load, SourceProcess, type ViewerReport } from '../bench/load/index.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const port = 8554;
const groupSeconds = 2;

describe('lab: a source that fails and comes back', function () {
  this.timeout(90_000);
  let world: World;
  let weir: Weir;
  before(async function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
    world = await createWorld({ prefix: 'res-' });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.terminate();
    await world?.close();
  });

  const cases: readonly [name: FailureName, transport: 'udp' | 'tcp'][] = [
    ['goodbye', 'udp'],
    ['goodbye', 'tcp'],
    ['killed', 'udp'],
    ['killed', 'tcp'],
    ['reset', 'udp'],
    ['reset', 'tcp'],
    ['silent', 'udp'],
    ['address gone', 'tcp'],
  ];
  for (const [name, transport] of cases) {
    it(`keeps its viewers by ${transport} when it fails (${name}), and goes on with one SSRC and no gap`, async () => {
      const { begin, end } = failures[name];
      await using source = await FailingSource.start(world.origin, port, {
        bitsPerSecond: 2e6,
        groupSeconds,
        audio: true,
      });
      const address = world.origin.address4;
      await using load = await Load.start(world.viewer, {
        url: `rtsp://${address}:${port}/live`,
        server: { address, port },
        transport,
      });
      const numbers = await load.add(6);
      /** Every track of every viewer has so many packets more than `before`. */
      const flowing = async (more: number, before: readonly ViewerReport[] = []) => {
        const had = (viewer: number, track: number) =>
          before.find((one) => one.viewer === viewer)?.tracks[track]?.packets ?? 0;
        for (;;) {
          const { viewers } = await load.report();
          const enough = viewers.every(({ viewer, tracks }) =>
            tracks.every(({ packets }, track) => packets >= had(viewer, track) + more),
          );
          if (viewers.length === 6 && enough) return;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      };
      await flowing(100);
      await begin(source);
      // One that was reset may be back before it is looked at.
      const lost = (feed?: { state: string; reconnections: number }) =>
        feed?.state === 'reconnecting' || feed?.reconnections === 1;
      await weir.shows(({ feeds }) => lost(feeds[0]), 15_000, 'the loss is noticed');
      if (name !== 'reset') await new Promise((resolve) => setTimeout(resolve, 3000));
      const { viewers: atRest } = await load.report();
      await end(source);
      const backMs = performance.now();
      await flowing(20, atRest);
      const waitedMs = performance.now() - backMs;
      assert.ok(waitedMs < 2000 + groupSeconds * 1000 + 1500, `media after ${waitedMs} ms`);
      const { feeds } = await weir.show();
      assert.equal(feeds.length, 1);
      const { totals, viewers } = await load.report();
      const { lost: missing, duplicates, reordered, ssrcChanges, byes } = totals;
      assert.deepEqual(
        { missing, duplicates, reordered, ssrcChanges, byes },
        { missing: 0, duplicates: 0, reordered: 0, ssrcChanges: 0, byes: 0 },
      );
      assert.equal(viewers.length, 6);
      await load.leave(numbers);
      await weir.shows(({ feeds: left }) => left.length === 0, 5000, 'the end');
    });
  }

  const start = ({ audio } = { audio: true }) =>
    SourceProcess.start(world.origin.host, {
      address: world.origin.address4,
      ...{ port, bitsPerSecond: 2e6, groupSeconds, audio },
    });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`says goodbye to its viewers by ${transport} when it comes back without its sound`, async () => {
      const source = await start();
      const { address4 } = world.viewer;
      await using viewers = await ScriptedViewers.start(world.viewer.host, {
        url: `rtsp://${world.origin.address4}:${port}/live`,
        transport,
        sources: [address4, address4, address4],
      });
      assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
      await viewers.watching(10_000);
      await source.close();
      await weir.shows(({ feeds }) => feeds[0]?.state === 'reconnecting', 15_000, 'the loss is noticed');
      await using _again = await start({ audio: false });
      const { ended } = await weir.shows(({ feeds }) => feeds.length === 0, 15_000, 'the end');
      const causes = ended.slice(-3).map(({ terminateCause }) => terminateCause);
      assert.deepEqual(causes, ['lost-service', 'lost-service', 'lost-service']);
      await viewers.program.until(() => viewers.told('ended').length === 3, 10_000, 'the end of each');
      assert.deepEqual(
        viewers.told('ended').map(({ how }) => how),
        ['closed', 'closed', 'closed'],
      );
      // Of picture and sound.
      await viewers.program.until(() => viewers.told('bye').length === 6, 10_000, 'every goodbye');
    });

    it(`says goodbye to its viewers by ${transport} when it comes back with other parameter sets in its description alone`, async () => {
      const first = await ScriptedOrigin.start(world.origin.host, { port });
      await using viewers = await ScriptedViewers.start(world.viewer.host, {
        url: `rtsp://${world.origin.address4}:${port}/live`,
        transport,
        sources: [world.viewer.address4],
      });
      assert.deepEqual(await viewers.settled(10_000), [200]);
      await viewers.watching(10_000);
      await first[Symbol.asyncDispose]();
      await weir.shows(({ feeds }) => feeds[0]?.state === 'reconnecting', 15_000, 'the loss is noticed');
      const same = await ScriptedOrigin.start(world.origin.host, { port });
      await weir.shows(({ feeds }) => feeds[0]?.reconnections === 1, 15_000, 'the same sets are followed');
      await same[Symbol.asyncDispose]();
      await weir.shows(({ feeds }) => feeds[0]?.state === 'reconnecting', 15_000, 'the second loss');
      await using _others = await ScriptedOrigin.start(world.origin.host, {
        port,
        parameterSets: 'Z2QAH6zZQFAFuw==,aOvjyyLA',
      });
      const { ended } = await weir.shows(({ feeds }) => feeds.length === 0, 15_000, 'the end');
      assert.equal(ended.at(-1)?.terminateCause, 'lost-service');
      await viewers.program.until(() => viewers.told('bye').length === 1, 10_000, 'the goodbye');
    });
  }
});
