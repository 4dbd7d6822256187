import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Alarm, isWeirError } from '#base';
import type { World } from '../../src/demo/world/index.ts';
import { askDaemon } from '../../src/status/index.ts';
import { createLabWorld } from './lab-world.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { Player } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const sources = ['198.19.0.1', '198.19.0.2', '198.19.0.3'];

describe('lab: commits while viewers watch', function () {
  this.timeout(90_000);
  let world: World;
  let origin: GstreamerOrigin;
  let url: string;
  let dataDir: string;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    origin = await GstreamerOrigin.start(world.origin.host, { port: 554 });
    url = `rtsp://${world.origin.address4}/live`;
  });
  after(async () => {
    await origin?.close();
    await world?.close();
  });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'weir-lab-data-'));
    weir = await Weir.start(world, { dataDir });
  });
  afterEach(async () => {
    await weir?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  /** What a change is, line by line; each of them is committed for itself. */
  const changes: readonly (readonly string[])[] = [
    ['set system logLevel debug'],
    ['set system name other-name'],
    ['set upload https elsewhere url https://192.0.2.1/usage'],
    ['set upload originNotices false'],
    ['set billing currency EUR', 'set billing tariffs evening pricePerMinute 0.02'],
    ['set billing checkpointSeconds 1'],
    ['delete relay rtsp ports 554'],
    ['set relay rtsp ports 554'],
    ['set relay whenDown closed'],
    ['set relay maxViewers 3', 'set relay ringSeconds 4', 'set relay catchUp enabled false'],
    ['set relay rtsp sessionTimeoutSeconds 10', 'set relay rtsp maxConnections 10'],
    ['set interfaces wan masquerade true'],
    ['set console idleMinutes 1'],
    ['set system realtime false'],
    ['set relay origins 203.0.113.99 username u password p'],
  ];

  /** The line that gives a NIC of the box another address beside those it has. */
  async function addAddress(role: 'wan' | 'access', address: string): Promise<string> {
    return `set interfaces ${role} addresses [ ${(await addressesOf(role)).join(' ')} ${address} ]`;
  }

  /** Without those that the kernel gives itself. */
  async function addressesOf(role: 'wan' | 'access'): Promise<readonly string[]> {
    const told = await world.box.run('ip', [
      '-j',
      'address',
      'show',
      'dev',
      world[role].device,
      'scope',
      'global',
    ]);
    const [{ addr_info: all }] = JSON.parse(told) as [{ addr_info: { local?: string; prefixlen: number }[] }];
    return all.flatMap(({ local, prefixlen }) => (local === undefined ? [] : [`${local}/${prefixlen}`]));
  }

  it('lose no packet and no session by what does not concern them', async () => {
    const { host } = world.viewer;
    const from = origin.events.length;
    await using udp = await ScriptedViewers.start(host, { url, sources });
    await using tcp = await ScriptedViewers.start(host, { url, transport: 'tcp', sources });
    assert.deepEqual(await udp.settled(10_000), [200, 200, 200]);
    assert.deepEqual(await tcp.settled(10_000), [200, 200, 200]);
    await using player = await Player.start(host, ffmpeg, url, 'udp');
    await player.decodes(5, 20_000);
    const before = await weir.show();

    for (const lines of changes) {
      const said = await weir.configure(...lines, 'commit');
      assert.match(said, /commit complete/, lines.join('; '));
      await player.decodes(3, 10_000);
    }
    await weir.configure(
      await addAddress('access', '198.51.100.201/24'),
      await addAddress('wan', '203.0.113.201/24'),
      'commit comment "one more address on each side"',
    );
    assert.ok((await addressesOf('access')).includes('198.51.100.201/24'));
    await player.decodes(25, 10_000);

    const after = await weir.show();
    const ids = ({ viewers }: typeof before) => viewers.map(({ sessionId }) => sessionId).toSorted();
    assert.deepEqual(ids(after), ids(before));
    assert.deepEqual(
      after.feeds.map(({ lostPackets, reconnections }) => [lostPackets, reconnections]),
      [['0', 0]],
    );
    assert.deepEqual(
      after.viewers.map(({ droppedPackets }) => droppedPackets),
      new Array(7).fill('0'),
    );
    for (const { lost, byes, ssrcs } of [...(await udp.counts()), ...(await tcp.counts())]) {
      assert.deepEqual([lost, byes, ssrcs.length], [0, 0, 2]);
    }
    assert.deepEqual(player.complaints, []);
    const asked = origin.events.slice(from).filter(({ event }) => event === 'request');
    assert.equal(asked.filter(({ method }) => method === 'PLAY').length, 1);
    assert.equal(asked.filter(({ method }) => method === 'TEARDOWN').length, 0);
    // The connections of viewers whose port is not intercepted meanwhile are still ours.
    await udp.teardown();
    await tcp.teardown();
  });

  it('say what waits for a restart, and what is for new feeds only', async () => {
    const said = await weir.configure('set relay engineThreads 2', 'set relay ringSeconds 4', 'commit check');
    assert.match(said, /at the next restart only[\s\S]*relay engineThreads/);
  });

  it('that wait for a restart are in force after it, in the same process', async () => {
    await weir.configure('set relay engineThreads 3', 'commit');
    assert.notEqual((await weir.show()).engineThreads.length, 3);
    await weir.configure('run request system restart confirmed');
    await weir.program.until(() => weir.relays.times === 2, 10_000, 'ready again');
    assert.equal((await weir.show()).engineThreads.length, 3);
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources });
    assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
    await viewers.watching(5_000);
  });

  it('are taken back whole when the last step fails, beneath viewers that notice nothing', async () => {
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources });
    assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
    await viewers.watching(5_000);
    const before = [await addressesOf('wan'), await addressesOf('access')];
    await assert.rejects(
      weir.configure(
        await addAddress('wan', '203.0.113.201/24'),
        // The kernel takes no multicast address for a NIC, and is asked after that of the wan.
        await addAddress('access', 'ff02::77/64'),
        'delete relay rtsp ports 554',
        'commit',
      ),
      (error) => isWeirError(error) && /did not add ff02::77\/64 to lan0/.test(error.describe()),
    );
    assert.deepEqual([await addressesOf('wan'), await addressesOf('access')], before);
    assert.match(await weir.configure('show'), /ports \[ 554 8554 \]/);
    for (const { lost, byes } of await viewers.counts()) assert.deepEqual([lost, byes], [0, 0]);
    await using others = await ScriptedViewers.start(world.viewer.host, { url, sources: ['198.19.0.9'] });
    assert.deepEqual(await others.settled(10_000), [200]);
  });

  it('are taken back by a start inside the confirm window', async () => {
    assert.match(
      await weir.configure('delete relay rtsp ports 554', 'commit confirmed 5'),
      /in force for 5 minutes/,
    );
    await using direct = await ScriptedViewers.start(world.viewer.host, { url, sources });
    assert.deepEqual(await direct.settled(10_000), [200, 200, 200]);
    assert.equal((await weir.show()).viewers.length, 0);
    weir.program.signal('SIGKILL');
    await weir.program.ended(5_000);
    await weir.close();
    weir = await Weir.start(world, { dataDir });
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources: ['198.19.0.9'] });
    assert.deepEqual(await viewers.settled(10_000), [200]);
    assert.equal((await weir.show()).viewers.length, 1);
    const { standing } = (await askDaemon(dataDir, 'show alarms')) as { standing: readonly Alarm[] };
    assert.ok(standing.some(({ name }) => name === 'config.reverted'));
  });
});
