import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { mediaFlows, rtspConnections } from './media-flows.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { Player } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { gstreamer } from './player-gstreamer.ts';
import { mpv } from './player-mpv.ts';
import { requestsOf } from './rtsp-items.ts';
import { tcpConnections } from './tcp-connections.ts';
import { Weir } from './weir.ts';
import { aboveTheLink, addressesOf, Witness } from './witness.ts';

describe('lab: players through HTTP through Weir', function () {
  this.timeout(60_000);
  let world: World;
  let origin: GstreamerOrigin;
  let weir: Weir;
  let url: string;

  before(async () => {
    world = await createLabWorld();
    origin = await GstreamerOrigin.start(world.origin.host, { port: 554 });
    // Longer than this a player only lives when its signs of life are seen.
    weir = await Weir.start(world, { rtsp: { sessionTimeoutSeconds: 10 } });
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

  for (const kind of [ffmpeg, mpv, gstreamer]) {
    it(`${kind.name} plays for longer than the session timeout, and its upstream is plain RTSP`, async () => {
      const from = origin.events.length;
      await using witness = await Witness.start(world);
      await using player = await Player.start(world.viewer.host, kind, url, 'http');
      await player.decodes(50, 15_000);
      // 25 pictures a second.
      await player.decodes(13 * 25, 20_000);
      const { viewers } = await weir.show();
      assert.deepEqual(
        viewers.map(({ transport }) => transport),
        ['tcp'],
      );
      // Those of FFmpeg (mpv's too) send no receiver reports through HTTP.
      if (kind === gstreamer)
        assert.notEqual(viewers[0]?.rxRtcpPackets, '0', 'reports, which come in the POST');
      await player.quit();
      assert.deepEqual(player.complaints, []);
      await origin.until(() => origin.requests('TEARDOWN', from) === 1, 5_000, 'TEARDOWN');
      const { ended } = await weir.shows((shown) => shown.viewers.length === 0, 5_000, 'no viewer');
      assert.equal(ended.at(-1)?.terminateCause, 'user-request');
      const seen = await witness.stop();

      const { address4 } = world.origin;
      assert.deepEqual(addressesOf(aboveTheLink(seen.viewer)), [address4, world.viewer.address4].sort());
      const heads = tcpConnections(seen.viewer).map(({ toServer }) =>
        toServer[0]?.bytes.toString('latin1', 0, 4),
      );
      assert.deepEqual(heads, ['GET ', 'POST']);
      assert.deepEqual(
        mediaFlows(seen.viewer).filter(({ transport }) => transport === 'udp'),
        [],
      );
      const upstream = rtspConnections(seen.wan);
      assert.equal(upstream.length, 1);
      assert.equal(tcpConnections(seen.wan).length, 1);
      const played = upstream.flatMap(({ toServer }) => requestsOf(toServer));
      assert.equal(played.filter(({ method }) => method === 'PLAY').length, 1);
    });
  }

  it('shares one upstream session between a viewer through HTTP and one by UDP, with the same pictures', async () => {
    const from = origin.events.length;
    const { host } = world.viewer;
    await using plain = await Player.start(host, ffmpeg, url, 'udp');
    await plain.decodes(10, 15_000);
    await using tunnelled = await Player.start(host, ffmpeg, url, 'http');
    await tunnelled.decodes(50, 15_000);
    assert.equal((await weir.show()).viewers.length, 2);
    await tunnelled.quit();
    await plain.decodes(25, 5_000);
    await plain.quit();
    await origin.until(() => origin.requests('TEARDOWN', from) === 1, 5_000, 'TEARDOWN');
    assert.equal(origin.requests('PLAY', from), 1);
    const known = new Set(plain.pictures);
    assert.deepEqual(
      tunnelled.pictures.filter((picture) => !known.has(picture)),
      [],
    );
  });
});
