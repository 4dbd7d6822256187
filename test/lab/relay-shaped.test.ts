import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { type ShownRelay, Weir } from './weir.ts';

/** A start picture each second: to all viewers at once it is many times what the queue of the link takes. */
const picturesPerSecond = 50;
const startPackets = 20;
const packetBytes = 512;
/** With UDP, IP and Ethernet around it. */
const wireBytes = packetBytes + 42;
const viewerCount = 100;
const sources = Array.from({ length: viewerCount }, (_, index) => `198.19.1.${index + 1}`);
const meanBits = (picturesPerSecond - 1 + startPackets) * wireBytes * 8 * viewerCount;
const queuePackets = 30;

describe('lab: an access link with a rate of its own and a short queue', function () {
  this.timeout(120_000);
  let world: World;
  let origin: ScriptedOrigin;
  let weir: Weir;
  let viewers: ScriptedViewers;

  before(async () => {
    world = await createLabWorld();
    await shape('add', 2 * meanBits);
    await world.box.run('tc', [
      ...['qdisc', 'add', 'dev', 'lan0', 'parent', '1:1'],
      ...['pfifo', 'limit', `${queuePackets}`],
    ]);
    origin = await ScriptedOrigin.start(world.origin.host, {
      port: 554,
      packetsPerSecond: picturesPerSecond,
      packetsPerStart: picturesPerSecond,
      startPackets,
      payloadBytes: packetBytes - 12,
    });
    weir = await Weir.start(world);
    const url = `rtsp://${world.origin.address4}/live`;
    viewers = await ScriptedViewers.start(world.viewer.host, { url, sources });
    assert.deepEqual(new Set(await viewers.settled(30_000)), new Set([200]));
    await viewers.watching(30_000);
  });
  after(async () => {
    await viewers?.close();
    await weir?.close();
    await origin?.close();
    await world?.close();
  });

  async function shape(how: 'add' | 'change', bitsPerSecond: number): Promise<void> {
    const rate = `${Math.round(bitsPerSecond)}bit`;
    if (how === 'add') {
      await world.box.run('tc', [
        'qdisc',
        'add',
        'dev',
        'lan0',
        'root',
        'handle',
        '1:',
        'htb',
        'default',
        '1',
      ]);
    }
    const line = ['class', how, 'dev', 'lan0', 'parent', '1:', 'classid', '1:1', 'htb', 'rate', rate];
    await world.box.run('tc', [...line, 'burst', '16k', 'cburst', '16k']);
  }

  const droppedOf = ({ viewers: shown }: Pick<ShownRelay, 'viewers'>) =>
    shown.reduce((sum, { droppedPackets }) => sum + Number(droppedPackets), 0);

  /** So many start pictures have come since. */
  async function startPictures(count: number): Promise<ShownRelay> {
    const seen = Number((await weir.show()).feeds[0]?.startPoints);
    const enough = ({ feeds: [feed] }: ShownRelay) => Number(feed?.startPoints) >= seen + count;
    return weir.shows(enough, 30_000, `${count} start pictures`);
  }

  /** How many packets the link's own queue threw away. */
  async function queueDrops(): Promise<number> {
    const shown = JSON.parse(await world.box.run('tc', ['-s', '-j', 'qdisc', 'show', 'dev', 'lan0']));
    return shown.find(({ kind }: { kind: string }) => kind === 'pfifo').drops;
  }

  it('loses nothing of start pictures for all viewers at once while the mean fits', async () => {
    const shown = await startPictures(4);
    assert.equal(shown.viewers.length, viewerCount);
    assert.ok((await queueDrops()) > 0, 'the queue was full: the box had to send again');
    assert.equal(droppedOf(shown), 0);
    const counts = await viewers.counts();
    assert.deepEqual(
      counts.filter(({ lost }) => lost > 0),
      [],
    );
  });

  it('counts every packet of what it has no room for: what arrived and what was dropped is what was due', async () => {
    await shape('change', meanBits / 2);
    await weir.shows((relay) => droppedOf(relay) > 10 * viewerCount, 30_000, 'packets dropped');
    await shape('change', 4 * meanBits);
    // When nothing is dropped any more the last packets of everybody have arrived: what is missing lies before them.
    let dropped = droppedOf(await startPictures(2));
    for (let before = -1; before !== dropped; ) {
      before = dropped;
      dropped = droppedOf(await startPictures(2));
    }
    const { viewers: shown } = await weir.show();
    const counts = await viewers.counts();
    const missing = counts.map(({ lost }, index) => [sources[index], `${lost}`]);
    const told = shown.map(({ viewer, droppedPackets }) => [viewer, droppedPackets]);
    assert.deepEqual(missing.sort(), told.sort());
    await viewers.teardown();
    const { ended } = await weir.shows(({ viewers: left }) => left.length === 0, 10_000, 'no viewer left');
    const arrived = (await viewers.counts()).map(({ rtpPackets }, index) => [
      sources[index],
      `${rtpPackets}`,
    ]);
    const sent = ended.map(({ viewer, txPackets }) => [viewer, txPackets]);
    assert.deepEqual(arrived.sort(), sent.sort());
  });
});
