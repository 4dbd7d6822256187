import assert from 'node:assert/strict';
import { createWorld, insideSandbox, type World } from '../../src/demo/world/index.ts';
import { Load, SourceProcess, type ViewerReport } from '../bench/load/index.ts';
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

  const start = () =>
    SourceProcess.start(world.origin.host, {
      address: world.origin.address4,
      port,
      bitsPerSecond: 2e6,
      groupSeconds,
      audio: true,
    });

  const ends: readonly [name: string, end: (source: SourceProcess) => Promise<void>][] = [
    ['says goodbye', (source) => source.close()],
    ['dies without a word', (source) => source.kill()],
  ];
  for (const [name, end] of ends) {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`keeps its viewers by ${transport} when it ${name}, and goes on with one SSRC and no gap`, async () => {
        const source = await start();
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
        await end(source);
        await weir.shows(({ feeds }) => feeds[0]?.state === 'reconnecting', 15_000, 'the loss is noticed');
        await new Promise((resolve) => setTimeout(resolve, 3000));
        const { viewers: atRest } = await load.report();
        await using _again = await start();
        const backMs = performance.now();
        await flowing(20, atRest);
        const waitedMs = performance.now() - backMs;
        assert.ok(waitedMs < 2000 + groupSeconds * 1000 + 1500, `media after ${waitedMs} ms`);
        const { feeds } = await weir.show();
        assert.equal(feeds.length, 1);
        const { totals, viewers } = await load.report();
        const { lost, duplicates, reordered, ssrcChanges, byes } = totals;
        assert.deepEqual(
          { lost, duplicates, reordered, ssrcChanges, byes },
          { lost: 0, duplicates: 0, reordered: 0, ssrcChanges: 0, byes: 0 },
        );
        assert.equal(viewers.length, 6);
        await load.leave(numbers);
        await weir.shows(({ feeds: left }) => left.length === 0, 5000, 'the end');
      });
    }
  }
});
