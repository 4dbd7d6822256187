import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { createLabWorld } from './lab-world.ts';
import { mediaFlows } from './media-flows.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { Player } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { gstreamer } from './player-gstreamer.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const ann = { user: 'ann', password: 'ann-secret' };
const bob = { user: 'bob', password: 'bob-secret' };
const users = { ann: ann.password, bob: bob.password };

describe("lab: sharing never weakens the origin's access control", function () {
  this.timeout(60_000);
  let world: World;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld({ origins: 2 });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed after the last viewer');
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`with Digest at every request only viewers with their own credentials share, by ${transport}`, async () => {
      const { host } = world.viewer;
      const options = { port: 554, digestUsers: users, title: 'guarded' };
      await using origin = await ScriptedOrigin.start(world.origin.host, options);
      const url = `rtsp://${world.origin.address4}/live`;
      const viewer = (source: string, credentials?: typeof ann) =>
        ScriptedViewers.start(host, { url, transport, sources: [source], credentials });
      await using first = await viewer('198.19.0.1', ann);
      assert.deepEqual(await first.settled(5_000), [200]);
      await first.watching(5_000);
      await using capture = await Capture.start(host, 'eth0');
      await using second = await viewer('198.19.0.2', bob);
      assert.deepEqual(await second.settled(5_000), [200]);
      await second.watching(5_000);
      await using without = await viewer('198.19.0.3');
      await using wrong = await viewer('198.19.0.4', { user: 'ann', password: 'guess' });
      await using stranger = await viewer('198.19.0.5', { user: 'eve', password: 'eve-secret' });
      for (const refused of [without, wrong, stranger]) {
        assert.deepEqual(await refused.settled(5_000), [401]);
        const answers = refused.told('answer').map(({ headers }) => headers['www-authenticate'] ?? '');
        assert.match(answers.at(-1) ?? '', /^Digest realm="lab-guarded", nonce="[0-9a-f]{32}"$/);
        assert.equal((await refused.counts())[0]?.rtpPackets, 0);
      }
      await second.teardown();
      const receivers = mediaFlows(await capture.stop())
        .filter(({ rtpPackets }) => rtpPackets > 0)
        .map(({ destination }) => destination.address);
      // By TCP the first viewer's connection is older than the capture, and is not counted.
      assert.deepEqual(receivers.sort(), transport === 'udp' ? ['198.19.0.1', '198.19.0.2'] : ['198.19.0.2']);

      const accepted = (method: string) => origin.requests(method).filter(({ status }) => status === 200);
      assert.deepEqual(
        accepted('PLAY').map(({ user }) => user),
        ['ann'],
      );
      assert.equal(accepted('SETUP').length, 1);
      assert.ok(accepted('DESCRIBE').some(({ user }) => user === 'bob'));
      // The first one's session goes on after the others.
      const before = (await first.counts())[0]?.rtpPackets ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(((await first.counts())[0]?.rtpPackets ?? 0) > before);
      await first.teardown();
    });
  }

  for (const auth of ['basic', 'digest'] as const) {
    it(`real players share GStreamer's ${auth} origin, each with its own credentials`, async () => {
      const { host } = world.viewer;
      await using origin = await GstreamerOrigin.start(world.origin.host, { port: 8554, auth, users });
      const url = (login: string) => `rtsp://${login}${world.origin.address4}:8554/live`;
      await using first = await Player.start(host, ffmpeg, url('ann:ann-secret@'), 'udp');
      await first.decodes(25, 15_000);
      await using second = await Player.start(host, gstreamer, url('bob:bob-secret@'), 'tcp');
      await second.decodes(25, 15_000);
      await using wrong = await Player.start(host, ffmpeg, url('bob:guess@'), 'udp');
      assert.equal((await wrong.program.ended(10_000)).code, 1);
      await using without = await Player.start(host, ffmpeg, url(''), 'tcp');
      assert.equal((await without.program.ended(10_000)).code, 1);
      assert.equal(wrong.pictures.length + without.pictures.length, 0);
      // Two tracks, one session.
      assert.equal(origin.requests('SETUP'), 2);
      assert.equal(origin.requests('PLAY'), 1);
      await first.quit();
      await second.decodes(25, 5_000);
      await second.quit();
    });
  }

  it("keeps a guarded origin's session past its timeout by receiver reports alone (RFC 2326 s.12.37)", async () => {
    const options = { port: 8554, auth: 'digest', users, sessionTimeoutSeconds: 5 } as const;
    await using origin = await GstreamerOrigin.start(world.origin.host, options);
    const url = `rtsp://ann:ann-secret@${world.origin.address4}:8554/live`;
    await using player = await Player.start(world.viewer.host, ffmpeg, url, 'udp');
    // 12 s of pictures.
    await player.decodes(300, 30_000);
    assert.equal(origin.requests('GET_PARAMETER'), 0);
    assert.equal(origin.requests('PLAY'), 1);
    await player.quit();
  });

  it('the address a viewer dials decides what it gets, whatever its URL says', async () => {
    const [one, two] = world.origins;
    assert.ok(one && two);
    const { host } = world.viewer;
    await using _real = await ScriptedOrigin.start(one.host, { port: 554, ssrc: 1, title: 'real' });
    await using _other = await ScriptedOrigin.start(two.host, { port: 554, ssrc: 2, title: 'other' });
    const url = `rtsp://${one.address4}/live`;
    const dial = { address: two.address4, port: 554 };
    const ssrcsOf = async (viewers: ScriptedViewers) => (await viewers.counts())[0]?.ssrcs;

    // The forger comes first: it gets what the address it dialled serves, and poisons nothing.
    await using forger = await ScriptedViewers.start(host, { url, dial, sources: ['198.19.0.1'] });
    assert.deepEqual(await forger.settled(5_000), [200]);
    await forger.watching(5_000);
    await using honest = await ScriptedViewers.start(host, { url, sources: ['198.19.0.2'] });
    assert.deepEqual(await honest.settled(5_000), [200]);
    await honest.watching(5_000);
    // And last: it does not get the feed that is shared already.
    await using late = await ScriptedViewers.start(host, { url, dial, sources: ['198.19.0.3'] });
    assert.deepEqual(await late.settled(5_000), [200]);
    await late.watching(5_000);
    assert.deepEqual(await ssrcsOf(forger), [2]);
    assert.deepEqual(await ssrcsOf(honest), [1]);
    assert.deepEqual(await ssrcsOf(late), [2]);
    for (const [viewers, from] of [
      [forger, two],
      [honest, one],
      [late, two],
    ] as const) {
      const [counts] = await viewers.counts();
      assert.deepEqual(
        counts?.mediaFrom.map((source) => source.split(' ')[0]),
        [from.address4],
      );
    }
    const relay = await weir.show();
    assert.equal(relay.feeds.length, 2);
    assert.equal(relay.viewers.length, 3);
    for (const viewers of [forger, honest, late]) await viewers.teardown();
  });
});
