import assert from 'node:assert/strict';
import { createWorld, insideSandbox, type World } from '../../src/demo/world/index.ts';
import { Load } from '../bench/load/index.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { Weir } from './weir.ts';

const port = 8554;
/** One that comes two places late, one that comes ten places late, and one that comes twice. */
const sendOrder = [0, 2, 3, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 4, 15, 15];

describe('lab: a way from the origin that puts packets out of order', function () {
  this.timeout(60_000);
  let world: World;
  let weir: Weir;
  before(async function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
    world = await createWorld({ prefix: 'dis-' });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.terminate();
    await world?.close();
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`is nothing that viewers by ${transport} see (RFC 3550 s.5.1)`, async () => {
      const address = world.origin.address4;
      await using _origin = await ScriptedOrigin.start(world.origin.host, {
        port,
        transports: ['udp'],
        packetsPerSecond: 400,
        sendOrder,
      });
      await using load = await Load.start(world.viewer, {
        url: `rtsp://${address}:${port}/live`,
        server: { address, port },
        transport,
      });
      const numbers = await load.add(3);
      const { feeds } = await weir.shows(
        ({ feeds: [feed] }) => Number(feed?.duplicatePackets) >= 50,
        20_000,
        'fifty groups of packets',
      );
      const { totals } = await load.report();
      const { lost, duplicates, reordered, malformed, ssrcChanges } = totals;
      assert.deepEqual(
        { lost, duplicates, reordered, malformed, ssrcChanges },
        { lost: 0, duplicates: 0, reordered: 0, malformed: 0, ssrcChanges: 0 },
      );
      assert.ok(totals.packets > 3 * 50 * 8, `${totals.packets} packets`);
      assert.equal(feeds[0]?.lostPackets, '0');
      assert.equal(feeds[0]?.latePackets, '0');
      assert.ok(Number(feeds[0]?.reorderedPackets) >= 100, feeds[0]?.reorderedPackets);
      await load.leave(numbers);
      await weir.shows(({ feeds: left }) => left.length === 0, 5000, 'the end');
    });
  }
});
