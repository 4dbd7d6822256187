import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { Player } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { gstreamer } from './player-gstreamer.ts';
import { mpv } from './player-mpv.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const sessionTimeoutSeconds = 10;

describe('lab: viewers that do what few do', function () {
  this.timeout(60_000);
  let world: World;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    weir = await Weir.start(world, { rtsp: { sessionTimeoutSeconds } });
  });
  after(async () => {
    await weir?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed after the last viewer');
  });

  /** Sends a request on every connection and waits for the answers. */
  async function ask(viewers: ScriptedViewers, method: string): Promise<void> {
    const answers = () => viewers.told('answer').filter((told) => told.method === method);
    const goal = answers().length + viewers.told('settled').length;
    viewers.command({ command: 'request', method });
    await viewers.program.until(() => answers().length >= goal, 5_000, `the answers to ${method}`);
    assert.deepEqual(new Set(answers().map(({ status }) => status)), new Set([200]));
  }

  for (const transport of ['udp', 'tcp'] as const) {
    it(`PLAY after PAUSE names the packet that comes first, where a decoder can start, by ${transport}`, async () => {
      await using _origin = await ScriptedOrigin.start(world.origin.host, { port: 8554 });
      await using viewers = await ScriptedViewers.start(world.viewer.host, {
        ...{
          url: `rtsp://${world.origin.address4}:8554/live`,
          sources: ['198.19.0.1', '198.19.0.2'],
          transport,
        },
      });
      assert.deepEqual(await viewers.settled(5_000), [200, 200]);
      await viewers.watching(5_000);
      for (const round of [1, 2, 3]) {
        await ask(viewers, 'PAUSE');
        const before = await viewers.counts();
        // A start point comes every half second, so the newest is another one by then.
        await new Promise((resolve) => setTimeout(resolve, 700));
        const paused = await viewers.counts();
        for (const [index, { rtpPackets }] of paused.entries()) {
          assert.equal(rtpPackets, before[index]?.rtpPackets, 'nothing comes while it is paused');
        }
        await ask(viewers, 'PLAY');
        await viewers.program.until(() => viewers.told('media').length === 2 * (round + 1), 5_000, 'media');
        const counts = await viewers.counts();
        for (const { viewer, method, headers } of viewers.told('answer').slice(-2)) {
          assert.equal(method, 'PLAY');
          const { seq, rtpTime, key } = counts[viewer]?.first ?? {};
          assert.match(headers['rtp-info'] ?? '', new RegExp(`;seq=${seq};rtptime=${rtpTime}$`));
          assert.equal(key, true);
        }
      }
      await viewers.teardown();
    });
  }

  it('SETUP right behind TEARDOWN gets the same channels again while the last frames are on their way', async () => {
    // A packet comes each millisecond and is acknowledged later: there is always one on its way.
    await using _origin = await ScriptedOrigin.start(world.origin.host, {
      port: 8554,
      packetsPerSecond: 1000,
    });
    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      ...{ url: `rtsp://${world.origin.address4}:8554/live`, sources: ['198.19.0.1', '198.19.0.2'] },
      transport: 'tcp',
    });
    assert.deepEqual(await viewers.settled(5_000), [200, 200]);
    await viewers.watching(5_000);
    // One of two leaves the feed, then both at once: it ends, and is opened again.
    for (const again of [[0], [1], [0, 1], [0, 1]]) {
      const settled = () => viewers.told('settled');
      const goal = settled().length + again.length;
      const media = viewers.told('media').length + again.length;
      viewers.command({ command: 'again', viewers: again });
      await viewers.program.until(() => settled().length >= goal, 10_000, 'the answers to SETUP and PLAY');
      const statuses = settled().slice(-again.length);
      assert.deepEqual(new Set(statuses.map(({ status }) => status)), new Set([200]));
      await viewers.watching(5_000, media);
    }
    assert.deepEqual(new Set(viewers.told('answer').map(({ status }) => status)), new Set([200]));
    await viewers.teardown();
  });

  it('every kind of keep-alive keeps a session by UDP beyond its timeout, and nothing else does', async () => {
    await using origin = await ScriptedOrigin.start(world.origin.host, { port: 8554 });
    const url = `rtsp://${world.origin.address4}:8554/live`;
    const methods = ['OPTIONS', 'GET_PARAMETER', 'SET_PARAMETER', ''];
    // Without a punch and without RTCP: only the requests tell that they live.
    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      ...{ url, sources: methods.map((_, index) => `198.19.0.${index + 1}`), punch: false },
    });
    await viewers.settled(5_000);
    await viewers.watching(5_000);
    const alive = setInterval(() => {
      for (const [index, method] of methods.entries()) {
        if (method) viewers.command({ command: 'request', viewers: [index], method });
      }
    }, 4_000);
    try {
      const ended = () => viewers.told('ended').map(({ viewer }) => viewer);
      await viewers.program.until(() => ended().length > 0, 15_000, 'the end of one');
      await new Promise((resolve) => setTimeout(resolve, (sessionTimeoutSeconds + 3) * 1000));
      assert.deepEqual(ended(), [3]);
      const { ended: ends } = await weir.show();
      assert.equal(ends.at(-1)?.terminateCause, 'idle-timeout');
    } finally {
      clearInterval(alive);
    }
    await viewers.teardown([0, 1, 2]);
    assert.equal(origin.requests('PLAY').length, 1);
  });

  for (const kind of [ffmpeg, mpv, gstreamer]) {
    it(`${kind.name} follows a 302 and is relayed from where it leads; the next viewer is redirected anew`, async () => {
      const location = `rtsp://${world.origin.address4}:8554/live`;
      await using first = await ScriptedOrigin.start(world.origin.host, {
        ...{ port: 554, refusals: { DESCRIBE: 302 }, location },
      });
      await using second = await GstreamerOrigin.start(world.origin.host, { port: 8554 });
      const url = `rtsp://${world.origin.address4}/live`;
      await using one = await Player.start(world.viewer.host, kind, url, 'udp');
      await one.decodes(25, 15_000);
      await using other = await Player.start(world.viewer.host, kind, url, 'tcp');
      await other.decodes(25, 15_000);
      const { feeds, viewers } = await weir.show();
      assert.deepEqual(
        feeds.map((feed) => feed.url),
        [location],
      );
      assert.equal(viewers.length, 2);
      assert.equal(first.requests('DESCRIBE').length, 2);
      assert.equal(second.requests('PLAY'), 1);
      await one.quit();
      await other.quit();
      assert.deepEqual([...one.complaints, ...other.complaints], []);
    });
  }
});
