import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { ForeignTraffic } from './foreign-traffic.ts';
import { createLabWorld } from './lab-world.ts';
import { mediaFlows, rtspConnections } from './media-flows.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import { WebOrigin } from './origin-web.ts';
import { Player } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { gstreamer } from './player-gstreamer.ts';
import { mpv } from './player-mpv.ts';
import { requestsOf } from './rtsp-items.ts';
import { ScriptedViewers } from './viewers-scripted.ts';

/** The lab without Weir: whatever the other tests rely on holds on a box that only forwards. */
describe('lab: a box that only forwards', function () {
  this.timeout(60_000);
  let world: World;
  let origin: GstreamerOrigin;

  before(async () => {
    world = await createLabWorld();
    origin = await GstreamerOrigin.start(world.origin.host, { port: 554 });
  });
  after(async () => {
    await origin?.close();
    await world?.close();
  });

  for (const kind of [ffmpeg, mpv, gstreamer]) {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`${kind.name} decodes the live stream by ${transport} and quits with TEARDOWN`, async () => {
        const { viewer } = world;
        const from = origin.events.length;
        await using capture = await Capture.start(viewer.host, 'eth0');
        const url = `rtsp://${world.origin.address4}/live`;
        await using player = await Player.start(viewer.host, kind, url, transport);
        await player.decodes(25, 15_000);
        await player.quit();
        assert.deepEqual(player.complaints, []);
        await origin.until(() => origin.requests('TEARDOWN', from) === 1, 5_000, 'TEARDOWN');
        const packets = await capture.stop();
        const flows = mediaFlows(packets).filter((flow) => flow.destination.address === viewer.address4);
        const sources = flows.filter(({ rtpPackets }) => rtpPackets > 0).map(({ source }) => source.address);
        // Two tracks: two flows by UDP, both in one by TCP.
        assert.deepEqual(sources, new Array(transport === 'udp' ? 2 : 1).fill(world.origin.address4));
        assert.ok(flows.every((flow) => flow.transport === transport));
        const [dialogue] = rtspConnections(packets);
        assert.ok(dialogue);
        const methods = requestsOf(dialogue.toServer).map(({ method }) => method);
        assert.equal(methods[0], 'OPTIONS');
        assert.equal(methods.at(-1), 'TEARDOWN');
      });
    }
  }

  it('ffmpeg plays by IPv6', async () => {
    const url = `rtsp://[${world.origin.address6}]/live`;
    await using player = await Player.start(world.viewer.host, ffmpeg, url, 'udp');
    await player.decodes(25, 15_000);
    await player.quit();
  });

  for (const auth of ['basic', 'digest'] as const) {
    it(`GStreamer's origin lets in with ${auth} credentials only (RFC 2617)`, async () => {
      const options = { port: 8554, auth, users: { ann: 'secret' } };
      await using guarded = await GstreamerOrigin.start(world.origin.host, options);
      const { address4 } = world.origin;
      const { host } = world.viewer;
      await using player = await Player.start(host, ffmpeg, `rtsp://ann:secret@${address4}:8554/live`, 'tcp');
      await player.decodes(25, 15_000);
      await using wrong = await Player.start(host, ffmpeg, `rtsp://ann:wrong@${address4}:8554/live`, 'tcp');
      assert.equal((await wrong.program.ended(10_000)).code, 1);
      assert.equal(wrong.pictures.length, 0);
      assert.equal(guarded.requests('PLAY'), 1);
    });
  }

  for (const transport of ['udp', 'tcp'] as const) {
    it(`counts by capture what scripted viewers count by themselves, by ${transport}`, async () => {
      await using scripted = await ScriptedOrigin.start(world.origin.host, { port: 8554 });
      await using capture = await Capture.start(world.viewer.host, 'eth0');
      await using viewers = await ScriptedViewers.start(world.viewer.host, {
        url: `rtsp://[${world.origin.address6}]:8554/live`,
        transport,
        sources: [world.viewer.address6, '2001:db8:199::1', '2001:db8:199::2'],
      });
      assert.deepEqual(await viewers.settled(10_000), [200, 200, 200]);
      await viewers.watching(5_000);
      await viewers.teardown();
      const counts = await viewers.counts();
      const flows = mediaFlows(await capture.stop());
      const seen = (of: readonly { rtpPackets: number; rtpBytes: number }[]) =>
        of.map(({ rtpPackets, rtpBytes }) => `${rtpPackets} ${rtpBytes}`).sort();
      assert.equal(flows.length, 3);
      assert.deepEqual(seen(flows), seen(counts));
      assert.equal(scripted.requests('TEARDOWN').length, 3);
    });
  }

  it('the scripted origin wants every request signed, with a nonce of its own connection', async () => {
    const digestUsers = { ann: 'secret' };
    await using scripted = await ScriptedOrigin.start(world.origin.host, { port: 8554, digestUsers });
    const options = { url: `rtsp://${world.origin.address4}:8554/live`, sources: [world.viewer.address4] };
    const { host } = world.viewer;
    const credentials = { user: 'ann', password: 'secret' };
    await using signed = await ScriptedViewers.start(host, { ...options, credentials });
    assert.deepEqual(await signed.settled(5_000), [200]);
    await signed.teardown();
    assert.deepEqual(
      scripted.events.flatMap((told) => (told.event === 'request' ? [`${told.method} ${told.status}`] : [])),
      ['DESCRIBE 401', 'DESCRIBE 200', 'SETUP 200', 'PLAY 200', 'TEARDOWN 200'],
    );
    await using unsigned = await ScriptedViewers.start(host, options);
    assert.deepEqual(await unsigned.settled(5_000), [401]);
    const wrong = { ...options, credentials: { user: 'ann', password: 'wrong' } };
    await using mistaken = await ScriptedViewers.start(host, wrong);
    assert.deepEqual(await mistaken.settled(5_000), [401]);
  });

  it('the scripted origin refuses as told', async () => {
    const options = { port: 8554, refusals: { SETUP: 453 }, transports: ['tcp'] as const };
    await using _full = await ScriptedOrigin.start(world.origin.host, options);
    await using _tcpOnly = await ScriptedOrigin.start(world.origin.host, {
      ...options,
      port: 8555,
      refusals: {},
    });
    const refusalOf = async (port: number, path = 'live') => {
      const url = `rtsp://${world.origin.address4}:${port}/${path}`;
      await using viewers = await ScriptedViewers.start(world.viewer.host, {
        url,
        sources: [world.viewer.address4],
      });
      return (await viewers.settled(5_000))[0];
    };
    assert.equal(await refusalOf(8554), 453);
    assert.equal(await refusalOf(8555), 461);
    assert.equal(await refusalOf(8555, 'other'), 404);
  });

  it('carries HTTP, TLS, ICMP and a server-first protocol', async () => {
    const ports = { httpPorts: [80], tlsPort: 443, greetingPorts: [8554] };
    await using web = await WebOrigin.start(world.origin.host, { ...ports, fileBytes: 1_000_000 });
    const traffic = new ForeignTraffic(world.viewer.host, world.origin.address4);
    assert.equal(await traffic.page(80), 'hello from the origin\n');
    assert.equal(await traffic.page(443, 'https'), 'hello from the origin\n');
    assert.equal(await traffic.pings(3), 3);
    assert.deepEqual(await traffic.greeting(8554, 'HELO'), ['220 the origin greets', '250 HELO']);
    assert.equal(await traffic.transfer(80), web.fileSha256);
  });
});
