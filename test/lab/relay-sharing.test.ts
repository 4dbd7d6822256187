import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { createLabWorld } from './lab-world.ts';
import { mediaFlows } from './media-flows.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import type { Packet } from './pcap.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';
import { aboveTheLink, Witness } from './witness.ts';

const windowMs = 2_000;

/** `count` addresses of the first viewer's block. */
const sources = (count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, index) => `198.19.0.${from + index}`);

describe('lab: one upstream session for any number of viewers', function () {
  this.timeout(60_000);
  let world: World;
  let origin: ScriptedOrigin;
  let weir: Weir;
  let url: string;

  before(async () => {
    world = await createLabWorld();
    origin = await ScriptedOrigin.start(world.origin.host, { port: 554 });
    weir = await Weir.start(world);
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

  for (const transport of ['udp', 'tcp'] as const) {
    it(`1, 2 and 20 viewers by ${transport} cost the wan the same`, async () => {
      const { host } = world.viewer;
      const from = origin.events.length;
      await using first = await ScriptedViewers.start(host, { url, transport, sources: sources(1) });
      assert.deepEqual(await first.settled(5_000), [200]);
      await first.watching(5_000);
      const one = await wanRate(world);

      // From here to the end nothing on wan0 may be there because of viewers 2 to 20.
      await using capture = await Capture.start(world.box, world.wan.device);
      await using second = await ScriptedViewers.start(host, { url, transport, sources: sources(1, 2) });
      assert.deepEqual(await second.settled(5_000), [200]);
      await second.watching(5_000);
      const two = await wanRate(world);
      await using more = await ScriptedViewers.start(host, { url, transport, sources: sources(18, 3) });
      assert.deepEqual(await more.settled(10_000), new Array(18).fill(200));
      await more.watching(5_000);
      const twenty = await wanRate(world);
      assert.equal((await weir.show()).viewers.length, 20);
      await more.teardown();
      await second.teardown();
      await weir.shows(({ viewers }) => viewers.length === 1, 5_000, 'one viewer left');
      const packets = aboveTheLink(await capture.stop());

      for (const rate of [two, twenty])
        assert.ok(Math.abs(rate - one) <= one * 0.05, `${one}, ${two}, ${twenty}`);
      assert.deepEqual(packets.filter((packet) => !ofUpstream(packet, world)).map(describePacket), []);
      await first.teardown();
      await origin.until(() => origin.requests('TEARDOWN', from).length === 1, 5_000, 'TEARDOWN');
      assert.equal(origin.requests('SETUP', from).length, 1);
      assert.equal(origin.requests('PLAY', from).length, 1);
      const counts = [...(await first.counts()), ...(await second.counts()), ...(await more.counts())];
      assert.deepEqual(
        counts.filter(({ lost, ssrcs }) => lost > 0 || ssrcs.length !== 1),
        [],
      );
    });
  }

  for (const count of [2, 50]) {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`${count} viewers by ${transport} at the same instant open one upstream session`, async () => {
        const from = origin.events.length;
        const options = { url, transport, sources: sources(count), clientPort: 30_000 };
        await using viewers = await ScriptedViewers.start(world.viewer.host, options);
        assert.deepEqual(await viewers.settled(15_000), new Array(count).fill(200));
        await viewers.watching(5_000);
        await viewers.teardown();
        await origin.until(() => origin.requests('TEARDOWN', from).length === 1, 5_000, 'TEARDOWN');
        assert.equal(origin.requests('SETUP', from).length, 1);
        assert.equal(origin.requests('PLAY', from).length, 1);
        const counts = await viewers.counts();
        assert.deepEqual(
          counts.filter(({ lost, ssrcs }) => lost > 0 || ssrcs.length !== 1),
          [],
        );
      });
    }
  }

  it('1,000 viewers at the same instant open one upstream session, and all get media', async () => {
    // Few packets a second: the point is the rush, not the load.
    await using slow = await ScriptedOrigin.start(world.origin.host, {
      ...{ port: 8554, packetsPerSecond: 5, packetsPerStart: 1 },
    });
    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      url: `rtsp://${world.origin.address4}:8554/live`,
      sources: Array.from({ length: 1000 }, (_, index) => `198.19.${1 + (index >> 7)}.${1 + (index & 127)}`),
      clientPort: 30_000,
    });
    assert.deepEqual(await viewers.settled(30_000), new Array(1000).fill(200));
    await viewers.watching(10_000);
    assert.equal((await weir.show()).viewers.length, 1000);
    await viewers.teardown();
    await slow.until(() => slow.requests('TEARDOWN').length === 1, 5_000, 'TEARDOWN');
    assert.equal(slow.requests('SETUP').length, 1);
    assert.equal(slow.requests('PLAY').length, 1);
  });

  it('a viewer that never punches gets its media at the port it declared (RFC 2326 s.12.39)', async () => {
    const options = { url, sources: sources(2), clientPort: 31_000, punch: false };
    await using viewers = await ScriptedViewers.start(world.viewer.host, options);
    assert.deepEqual(await viewers.settled(5_000), [200, 200]);
    await viewers.watching(5_000);
    await viewers.teardown();
  });

  it('counts for every viewer what its NIC received, to the byte', async () => {
    const { host, address6 } = world.viewer;
    const endedBefore = new Set((await weir.show()).ended.map(({ sessionId }) => sessionId));
    const url6 = `rtsp://[${world.origin.address6}]/live`;
    const sources6 = [address6, '2001:db8:199::1', '2001:db8:199::2'];
    await using witness = await Witness.start(world);
    await using udp = await ScriptedViewers.start(host, { url, sources: sources(5) });
    await using tcp = await ScriptedViewers.start(host, { url, transport: 'tcp', sources: sources(5, 6) });
    await using udp6 = await ScriptedViewers.start(host, { url: url6, sources: sources6 });
    const groups = [udp, tcp, udp6];
    for (const group of groups) await group.settled(10_000);
    for (const group of groups) await group.watching(5_000);
    // They leave at different times, so that no two counts need be equal.
    for (const group of groups) await group.teardown([0]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    for (const group of groups) await group.teardown([1, 2]);
    for (const group of [udp, tcp]) await group.teardown([3, 4]);
    const relay = await weir.shows(({ viewers }) => viewers.length === 0, 5_000, 'no viewer left');
    const { viewer, wan } = await witness.stop();
    const received = mediaFlows(viewer)
      .filter(({ rtpPackets }) => rtpPackets > 0)
      .map((flow) => `${flow.destination.address} ${flow.transport} ${flow.rtpPackets} ${flow.rtpBytes}`);
    const held = relay.ended
      .filter(({ sessionId }) => !endedBefore.has(sessionId))
      .map((end) => `${end.viewer} ${end.transport} ${end.txPackets} ${end.txBytes}`);
    assert.equal(held.length, 13);
    assert.deepEqual(held.sort(), received.sort());
    // IPv4 and IPv6 are two origins' addresses, thus two feeds; the media of each came once.
    assert.equal(mediaFlows(wan).filter(({ rtpPackets }) => rtpPackets > 0).length, 2);
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`RTP-Info names the first packet a viewer gets, by ${transport} (RFC 2326 s.12.33)`, async () => {
      const { host } = world.viewer;
      await using first = await ScriptedViewers.start(host, { url, transport, sources: sources(1) });
      await first.settled(5_000);
      await first.watching(5_000);
      // Until a start point is in the ring, a viewer starts at what there is.
      while (((await first.counts())[0]?.rtpPackets ?? 0) < 60)
        await new Promise((resolve) => setTimeout(resolve, 50));
      await using late = await ScriptedViewers.start(host, { url, transport, sources: sources(3, 2) });
      await late.settled(5_000);
      await late.watching(5_000);
      for (const group of [first, late]) {
        const counts = await group.counts();
        for (const { viewer, method, headers } of group.told('answer')) {
          if (method !== 'PLAY') continue;
          const { seq, rtpTime, key } = counts[viewer]?.first ?? {};
          assert.match(headers['rtp-info'] ?? '', new RegExp(`;seq=${seq};rtptime=${rtpTime}$`));
          // A decoder can start there at once.
          if (group === late) assert.equal(key, true);
        }
        await group.teardown();
      }
    });
  }

  it('tells the origin TEARDOWN after the last viewer, and sends it nothing after that', async () => {
    const from = origin.events.length;
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources: sources(2) });
    await viewers.settled(5_000);
    await viewers.watching(5_000);
    await viewers.teardown([0]);
    assert.equal(origin.requests('TEARDOWN', from).length, 0);
    await viewers.teardown([1]);
    await origin.until((events) => events.at(-1)?.event === 'closed', 5_000, 'the end of the connection');
    assert.equal(origin.requests('TEARDOWN', from).length, 1);
    await using capture = await Capture.start(world.box, world.wan.device);
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    assert.deepEqual(aboveTheLink(await capture.stop()).map(describePacket), []);
  });
});

/** Bytes a second from the origin, over a window. */
async function wanRate(world: World): Promise<number> {
  await using capture = await Capture.start(world.box, world.wan.device);
  await new Promise((resolve) => setTimeout(resolve, windowMs));
  const packets = (await capture.stop()).filter(({ source }) => source.address === world.origin.address4);
  const [first, last] = [packets.at(0), packets.at(-1)];
  if (!first || !last) throw new Error('nothing on wan0');
  const bytes = packets.reduce((sum, { payload }) => sum + payload.length, 0);
  return (bytes * 1000) / (last.atMs - first.atMs);
}

/** What an upstream session may send while it plays: its media, RTCP, keep-alives, acknowledgements. */
function ofUpstream(packet: Packet, world: World): boolean {
  const { kind, source, destination, payload, tcp } = packet;
  const down = source.address === world.origin.address4 && destination.address === world.wan.address4;
  const up = destination.address === world.origin.address4 && source.address === world.wan.address4;
  if (kind === 'udp') return down || (up && payload.length >= 8 && payload.readUInt8(1) >= 200);
  if (kind !== 'tcp' || !tcp || tcp.syn || tcp.fin || tcp.rst) return false;
  if (down) return true;
  // Toward the origin: RTCP in '$' frames, or a keep-alive.
  return up && (payload.length === 0 || /^(\$|GET_PARAMETER |OPTIONS )/.test(payload.toString('latin1')));
}

const describePacket = ({ kind, source, destination, payload }: Packet): string =>
  `${kind} ${source.address} ${source.port} > ${destination.address} ${destination.port}: ${payload.toString('latin1', 0, 40)}`;
