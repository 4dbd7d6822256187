import assert from 'node:assert/strict';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { createLabWorld } from './lab-world.ts';
import { rtspConnections } from './media-flows.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import type { Packet } from './pcap.ts';
import { type RtspItem, type RtspMessage, rtspItems } from './rtsp-items.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import type { ScriptedViewersOptions } from './viewers-scripted-options.ts';
import { Weir } from './weir.ts';

/** A group of pictures of 4 s, with a start picture that is much more than may go out at once. */
const picturesPerSecond = 100;
const groupPictures = 400;
const startPackets = 160;
const packetBytes = 512;
const groupPackets = groupPictures - 1 + startPackets;
/** As the box may see it: the mean, and one start picture more in what it holds, a second and a half at least. */
const feedPacketsPerSecond = groupPackets / 4 + startPackets / 1.5;
/** What may go out at once (64 packets), and what a later turn may add: budget of at most 20 ms at 10 times the rate. */
const burstPackets = 64;
const turnPackets = Math.ceil(feedPacketsPerSecond * 10 * 0.02) + 1;
/** What the burst would take longer than by far if it were paced. */
const burstMs = 20;
/** So far into the group of pictures others join; the origin sends the start picture first. */
const laterPackets = startPackets + 1.5 * picturesPerSecond;

/** At 2.5 times the rate it takes 5/3 of what it is behind, a group at most, to be live; and some more. */
const leastUntilLive = 2 * groupPackets;

const watcher = '198.19.0.1';
const joiner = '198.19.0.2';

interface Media {
  readonly atMs: number;
  readonly seq: number;
  readonly rtpTime: number;
  readonly key: boolean;
}

function mediaOf(bytes: Buffer, atMs: number): Media {
  const key = (bytes.readUInt8(12) & 0x1f) === 5;
  return { atMs, seq: bytes.readUInt16BE(2), rtpTime: bytes.readUInt32BE(4), key };
}

/** RTP by UDP to that address, in the order of the wire. */
function mediaTo(packets: readonly Packet[], address: string): Media[] {
  return packets
    .filter(({ kind, destination, payload }) => {
      return kind === 'udp' && destination.address === address && payload.length === packetBytes;
    })
    .map(({ payload, atMs }) => mediaOf(payload, atMs));
}

/** What the box told that address on its RTSP connection. */
function toldTo(packets: readonly Packet[], address: string): RtspItem[] {
  const connection = rtspConnections(packets).find(({ client }) => client.address === address);
  return rtspItems(connection?.toClient ?? []);
}

/** The answer to PLAY: the one with RTP-Info or a Range. */
const isPlayAnswer = (item: RtspItem): item is RtspMessage =>
  item.kind === 'message' && item.headers.has('range');

const startNamed = (answer: RtspMessage | undefined) =>
  /;seq=(\d+);rtptime=(\d+)/
    .exec(answer?.headers.get('rtp-info') ?? '')
    ?.slice(1)
    .map(Number);

/** The most packets within any stretch of so many milliseconds. */
function most(media: readonly Media[], withinMs: number): number {
  let first = 0;
  return media.reduce((sofar, { atMs }, index) => {
    while (atMs - (media[first]?.atMs ?? 0) > withinMs) first += 1;
    return Math.max(sofar, index - first + 1);
  }, 0);
}

describe('lab: a viewer who joins in the middle of a group of pictures', function () {
  this.timeout(60_000);
  let world: World;
  let origin: ScriptedOrigin;
  let weir: Weir;

  before(async () => {
    world = await createLabWorld();
    origin = await ScriptedOrigin.start(world.origin.host, {
      port: 554,
      packetsPerSecond: picturesPerSecond,
      packetsPerStart: groupPictures,
      startPackets,
      payloadBytes: packetBytes - 12,
    });
    const feeds = [
      { url: 'rtsp://*/live?off', catchUp: { enabled: false } },
      { url: 'rtsp://*/live?short', catchUp: { maxSeconds: 1 } },
    ];
    weir = await Weir.start(world, { relay: { feeds } });
  });
  after(async () => {
    await weir?.close();
    await origin?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ feeds }) => feeds.length === 0, 10_000, 'no feed left');
  });

  const start = (query: string, source: string, options: Partial<ScriptedViewersOptions> = {}) =>
    ScriptedViewers.start(world.viewer.host, {
      url: `rtsp://${world.origin.address4}/live${query}`,
      sources: [source],
      ...options,
    });

  /**
   * One viewer watches; another one joins well behind a start point, and stays for so many packets. What passed the
   * viewers' NIC meanwhile, and what the second one counted of its start.
   */
  async function join(query: string, leastPackets: number, options: Partial<ScriptedViewersOptions> = {}) {
    await using watching = await start(query, watcher);
    assert.deepEqual(await watching.settled(10_000), [200]);
    await watching.watching(10_000);
    const packetsOf = (viewer: string) => async () => {
      const { viewers } = await weir.show();
      return Number(viewers.find((one) => one.viewer === viewer)?.txPackets ?? 0);
    };
    await using capture = await Capture.start(world.viewer.host, 'eth0');
    const { feeds } = await weir.show();
    const before = Number(feeds[0]?.startPoints);
    await weir.shows(({ feeds: [feed] }) => Number(feed?.startPoints) > before, 10_000, 'a start picture');
    const from = await packetsOf(watcher)();
    await weir.shows(
      ({ viewers }) => viewers.some(({ txPackets }) => Number(txPackets) >= from + laterPackets),
      10_000,
      'the middle of the group',
    );
    await using joining = await start(query, joiner, options);
    assert.deepEqual(await joining.settled(10_000), [200]);
    await joining.watching(10_000);
    const gets = (packets: number) =>
      weir.shows(
        ({ viewers }) =>
          viewers.some(({ viewer, txPackets }) => viewer === joiner && Number(txPackets) >= packets),
        15_000,
        `${packets} packets for who joined`,
      );
    // Of the catching up: once it is live, a start picture comes as the origin sends it, all at once.
    await gets(startPackets + burstPackets);
    const [counts] = await joining.counts();
    await gets(leastPackets);
    await joining.teardown();
    await watching.teardown();
    return { packets: await capture.stop(), counts };
  }

  it('gets its start picture by UDP in a burst of 64 packets and a fast rest, then 2.5 times the rate, and all of it', async () => {
    const { packets, counts } = await join('', leastUntilLive, { receiveBytes: 0 });
    const media = mediaTo(packets, joiner);
    const [first] = media;
    assert.ok(first?.key);
    assert.equal(counts?.lost, 0, 'a receive buffer as the system gives it loses nothing');
    assert.deepEqual(
      media.map(({ seq }) => seq),
      media.map((_, index) => (first.seq + index) & 0xffff),
    );
    const answer = toldTo(packets, joiner).find(isPlayAnswer);
    assert.deepEqual(
      startNamed(answer),
      [first.seq, first.rtpTime],
      'RTP-Info names exactly the first packet',
    );

    const sentLive = new Map(mediaTo(packets, watcher).map(({ seq, atMs }) => [seq, atMs]));
    const behindMs = media.map(({ seq, atMs }) => atMs - (sentLive.get(seq) ?? Number.NaN));
    assert.ok((behindMs[0] ?? 0) > 1000, `${behindMs[0]} ms behind at first`);
    const live = behindMs.findIndex((ms) => ms < 10);
    assert.ok(live > startPackets, 'it gets live');
    const behind = media.slice(0, live);

    const picture = media.filter(({ rtpTime }) => rtpTime === first.rtpTime);
    assert.equal(picture.length, startPackets);
    const spanMs = (from: number, to: number) => (media[to]?.atMs ?? 0) - (media[from]?.atMs ?? 0);
    // Bounds from one side only: a busy machine makes everything slower, nothing faster.
    const fastest = (count: number, times: number) => (count / (feedPacketsPerSecond * times)) * 1000;
    assert.equal(most(media.slice(0, burstPackets), burstMs), burstPackets, 'the burst is one');
    assert.ok(most(behind, 1) <= burstPackets + turnPackets, `${most(behind, 1)} packets in a millisecond`);
    const rest = behind.slice(burstPackets);
    assert.ok(most(rest, 1) <= 2 * turnPackets, `${most(rest, 1)} packets in a later millisecond`);
    const restMs = spanMs(burstPackets, startPackets);
    assert.ok(restMs >= fastest(startPackets - burstPackets - turnPackets, 10), `rest in ${restMs} ms`);

    const caughtUpMs = spanMs(startPackets, live);
    const caughtUp = live - startPackets - turnPackets;
    assert.ok(caughtUpMs >= fastest(caughtUp, 2.5), `${caughtUp} packets in ${caughtUpMs} ms`);
  });

  it('gets nothing on its own connection before the answer to PLAY, and then what RTP-Info names (RFC 2326 s.10.12)', async () => {
    const { packets, counts } = await join('', groupPackets, { transport: 'tcp' });
    const items = toldTo(packets, joiner);
    const answered = items.findIndex(isPlayAnswer);
    const begun = items.findIndex((item) => item.kind === 'frame');
    assert.ok(answered >= 0 && begun > answered, `answer ${answered}, first frame ${begun}`);
    const media = items.flatMap((item) =>
      item.kind === 'frame' && item.channel === 0 ? [mediaOf(item.data, item.atMs)] : [],
    );
    assert.ok(media[0]?.key);
    assert.deepEqual(startNamed(items.find(isPlayAnswer)), [media[0].seq, media[0].rtpTime]);
    assert.equal(counts?.lost, 0);
  });

  for (const [query, why] of [
    ['?off', 'where catching up is switched off for the feed'],
    ['?short', 'where the start point is further back than catching up may go'],
  ] as const) {
    it(`begins at the next start point ${why}, with nothing older`, async () => {
      const { packets, counts } = await join(query, startPackets);
      const [first] = mediaTo(packets, joiner);
      assert.ok(first?.key);
      const asked = packets.find(({ kind, source, payload }) => {
        return kind === 'tcp' && source.address === joiner && payload.toString('latin1', 0, 5) === 'PLAY ';
      });
      const sentLive = mediaTo(packets, watcher).find(({ seq }) => seq === first.seq);
      assert.ok(asked && sentLive && sentLive.atMs > asked.atMs, 'others have not had it before PLAY');
      assert.equal(counts?.lost, 0);
    });
  }
});
