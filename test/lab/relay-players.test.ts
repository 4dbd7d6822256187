import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { createLabWorld } from './lab-world.ts';
import { mediaFlows, rtspConnections } from './media-flows.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { Player, type PlayerKind, type Transport } from './player.ts';
import { ffmpeg } from './player-ffmpeg.ts';
import { gstreamer } from './player-gstreamer.ts';
import { mpv } from './player-mpv.ts';
import { answersOf, requestsOf } from './rtsp-items.ts';
import { Weir } from './weir.ts';
import { aboveTheLink, addressesOf, Witness } from './witness.ts';

describe('lab: players through Weir', function () {
  this.timeout(60_000);
  let world: World;
  let origin: GstreamerOrigin;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    origin = await GstreamerOrigin.start(world.origin.host, { port: 554 });
    weir = await Weir.start(world);
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await world?.close();
  });

  const cases: { kind: PlayerKind; transport: Transport; family: 'IPv4' | 'IPv6' }[] = [];
  for (const kind of [ffmpeg, mpv, gstreamer]) {
    for (const transport of ['udp', 'tcp'] as const) {
      for (const family of ['IPv4', 'IPv6'] as const) cases.push({ kind, transport, family });
    }
  }

  for (const { kind, transport, family } of cases) {
    it(`${kind.name} plays by ${transport} and ${family}, and only ever sees the origin's address`, async () => {
      const v4 = family === 'IPv4';
      const address = v4 ? world.origin.address4 : world.origin.address6;
      const viewerAddress = v4 ? world.viewer.address4 : world.viewer.address6;
      const wanAddress = v4 ? world.wan.address4 : world.wan.address6;
      const url = `rtsp://${v4 ? address : `[${address}]`}/live`;
      const from = origin.events.length;
      await using witness = await Witness.start(world);
      await using player = await Player.start(world.viewer.host, kind, url, transport);
      await player.decodes(50, 15_000);
      assert.equal((await weir.show()).feeds.length, 1);
      await player.quit();
      assert.deepEqual(player.complaints, []);
      await origin.until(() => origin.requests('TEARDOWN', from) === 1, 5_000, 'TEARDOWN');
      const seen = await witness.stop();

      assert.deepEqual(addressesOf(aboveTheLink(seen.viewer)), [address, viewerAddress].sort());
      assert.deepEqual(addressesOf(aboveTheLink(seen.wan)), [address, wanAddress].sort());

      // Media comes from the very ports that SETUP has named (RFC 2326 s.12.39), or on the connection itself.
      const [dialogue, ...others] = rtspConnections(seen.viewer);
      assert.ok(dialogue);
      assert.equal(others.length, 0);
      const media = mediaFlows(seen.viewer).filter(
        (flow) => flow.rtpPackets > 0 && flow.destination.address === viewerAddress,
      );
      assert.ok(media.every((flow) => flow.transport === transport));
      const namedPorts = answersOf(dialogue.toClient).flatMap(
        ({ message }) => /server_port=(\d+)/.exec(message.headers.get('transport') ?? '')?.[1] ?? [],
      );
      if (transport === 'udp') {
        assert.deepEqual(media.map(({ source }) => `${source.port}`).sort(), namedPorts.sort());
        assert.equal(media.length, 2);
      }

      // What the player's NIC received is what Weir holds for it. (By TCP this player hangs up without reading to the end,
      // and what it has not acknowledged does not count.)
      const held = (await weir.show()).ended.at(-1);
      if (transport === 'udp') {
        assert.equal(held?.txPackets, `${media.reduce((sum, { rtpPackets }) => sum + rtpPackets, 0)}`);
        assert.equal(held?.txBytes, `${media.reduce((sum, { rtpBytes }) => sum + rtpBytes, 0)}`);
      }

      // One upstream session: one PLAY, the media once.
      const upstream = rtspConnections(seen.wan).flatMap(({ toServer }) => requestsOf(toServer));
      assert.equal(upstream.filter(({ method }) => method === 'PLAY').length, 1);
      const ssrcs = mediaFlows(seen.wan)
        .filter((flow) => flow.rtpPackets > 0 && flow.destination.address === wanAddress)
        .flatMap((flow) => [...flow.ssrcs]);
      assert.equal(new Set(ssrcs).size, ssrcs.length);
      assert.equal(origin.requests('PLAY', from), 1);
    });
  }

  it('players of three kinds see the same pictures at the same time from one upstream session', async () => {
    const from = origin.events.length;
    const url = `rtsp://${world.origin.address4}/live`;
    const { host } = world.viewer;
    await using first = await Player.start(host, ffmpeg, url, 'udp');
    await first.decodes(10, 15_000);
    await using second = await Player.start(host, ffmpeg, `${url}/`, 'tcp');
    await using third = await Player.start(host, mpv, url.replace('/live', ':554/live'), 'udp');
    await using fourth = await Player.start(host, gstreamer, url, 'tcp');
    await Promise.all([second, third, fourth].map((player) => player.decodes(50, 20_000)));
    const relay = await weir.show();
    assert.equal(relay.feeds.length, 1);
    assert.equal(relay.viewers.length, 4);
    await Promise.all([second, third, fourth].map((player) => player.quit()));
    // They came in the middle of the stream, and began where a decoder can begin.
    for (const { complaints } of [second, third, fourth]) assert.deepEqual(complaints, []);
    await first.decodes(25, 5_000);
    await first.quit();
    await origin.until(() => origin.requests('TEARDOWN', from) === 1, 5_000, 'TEARDOWN');
    assert.equal(origin.requests('SETUP', from), 2);
    // Bit by bit the same pictures: whatever the second decoded after its first key picture, the first had too.
    const known = new Set(first.pictures);
    const strange = second.pictures.filter((picture) => !known.has(picture));
    assert.deepEqual(strange, []);
  });
});
