/** What viewers and origins do differently from each other, and are right to. */
import assert from 'node:assert/strict';
import { WeirError } from '#base';
import { encodeFrame } from '../../../hal/sim/interleaved.ts';
import type { SimUdpSocket } from '../../../hal/sim/udp.ts';
import type { RtspResponse } from '../../../src/protocol/rtsp/wire/index.ts';
import { HandClock, settled } from '../session/scripted.ts';
import {
  idr,
  originAt,
  rtp,
  SimRelay,
  SimRtspOrigin,
  type SimRtspViewer,
  sessionOf,
  url,
} from './sim-relay.ts';

const address = '198.18.0.10';
const [video, audio] = [0, 1];
const tcp = (first: number) => `RTP/AVP/TCP;unicast;interleaved=${first}-${first + 1}`;
const udp = (first: number) => `RTP/AVP;unicast;client_port=${first}-${first + 1}`;

interface Watching {
  readonly viewer: SimRtspViewer;
  readonly Session: string;
  readonly setups: readonly RtspResponse[];
  readonly played: RtspResponse;
}

/** DESCRIBE, SETUP of these tracks in this order, PLAY. */
async function watch(
  viewer: SimRtspViewer,
  tracks: readonly (readonly [track: number | undefined, transport: string])[],
): Promise<Watching> {
  await viewer.ask('DESCRIBE', url);
  const setups: RtspResponse[] = [];
  let Session: string | undefined;
  for (const [track, Transport] of tracks) {
    const headers = { Transport, ...(Session !== undefined && { Session }) };
    const answer = await viewer.ask('SETUP', `${url}/stream=${track}`, headers);
    assert.equal(answer.status, 200);
    setups.push(answer);
    Session = sessionOf(answer);
  }
  const played = await viewer.ask('PLAY', `${url}/`, { Session: Session ?? '' });
  assert.equal(played.status, 200);
  return { viewer, Session: Session ?? '', setups, played };
}

const seqOf = (packet: Uint8Array): number => Buffer.from(packet).readUInt16BE(2);
/** Of the media, without RTCP (RFC 5761 s.4). */
const seqsOf = (packets: readonly Uint8Array[]): number[] =>
  packets.filter((packet) => (packet[1] ?? 0) < 192).map(seqOf);
const seqsOn = (viewer: SimRtspViewer, channel: number): number[] =>
  seqsOf(viewer.frames.filter((frame) => frame.channel === channel).map(({ payload }) => payload));
const seqsAt = (socket: SimUdpSocket): number[] => seqsOf(socket.received.map(({ bytes }) => bytes));
const infoOf = (response: RtspResponse): string[] =>
  [...(response.headers.get('RTP-Info') ?? '').matchAll(/stream=(\d);seq=(\d+)/g)].map(
    ([, track, seq]) => `${track}: ${seq}`,
  );

describe('RTSP variants', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
    // What plays here plays whatever it is given, and no more.
    relay.times = { silenceMs: 3_600_000, patienceMs: 3_600_000 };
  });
  afterEach(() => relay.close());

  const push = (track: number, seq: number, payload: Uint8Array = track === video ? idr : Buffer.alloc(10)) =>
    relay.datapath.feeds[0]?.push(track, rtp({ seq, rtpTime: seq * 3000, payload }));

  describe('interleaved channels', () => {
    for (const [name, first, second] of [
      ['6-7 and 10-11', 6, 10],
      ['the higher ones first', 10, 6],
      ['the highest there are', 252, 254],
      ['beginning with an odd one', 3, 7],
    ] as const) {
      it(`are those the viewer chooses (RFC 2326 s.12.39): ${name}`, async () => {
        const { viewer, setups } = await watch(relay.dial(), [
          [video, tcp(first)],
          [audio, tcp(second)],
        ]);
        assert.deepEqual(
          setups.map(({ headers }) => /interleaved=[\d-]+/.exec(headers.get('Transport') ?? '')?.[0]),
          [`interleaved=${first}-${first + 1}`, `interleaved=${second}-${second + 1}`],
        );
        push(video, 2);
        push(audio, 2);
        relay.datapath.feeds[0]?.pushRtcp(
          audio,
          Uint8Array.from([0x80, 200, 0, 6, ...new Array(24).fill(0)]),
        );
        await settled();
        assert.deepEqual(seqsOn(viewer, first), [1, 2]);
        assert.deepEqual(seqsOn(viewer, second), [1, 2]);
        assert.deepEqual(
          new Set(viewer.frames.map(({ channel }) => channel)),
          new Set([first, second, second + 1]),
        );
      });
    }

    it('of another track are taken: 461, and the viewer may choose again', async () => {
      const viewer = relay.dial();
      await viewer.ask('DESCRIBE', url);
      const Session = sessionOf(await viewer.ask('SETUP', `${url}/stream=0`, { Transport: tcp(2) }));
      const taken = await viewer.ask('SETUP', `${url}/stream=1`, { Session, Transport: tcp(3) });
      assert.equal(taken.status, 461);
      const free = await viewer.ask('SETUP', `${url}/stream=1`, { Session, Transport: tcp(4) });
      assert.equal(free.status, 200);
    });
  });

  it('gives one track by UDP, the other on the connection, to the viewer that mixes them', async () => {
    using rtpAt = relay.datapath.udpSocket({ address, port: 7000 });
    using _rtcpAt = relay.datapath.udpSocket({ address, port: 7001 });
    const { viewer, played } = await watch(relay.dial(address), [
      [video, tcp(4)],
      [audio, udp(7000)],
    ]);
    assert.deepEqual(infoOf(played), ['0: 1', '1: 1']);
    push(video, 2);
    push(audio, 2);
    await settled();
    assert.deepEqual(seqsOn(viewer, 4), [1, 2]);
    assert.deepEqual(seqsAt(rtpAt), [1, 2]);
    assert.equal(relay.monitor.viewers()[0]?.transport, 'tcp+udp');
  });

  describe('SETUP', () => {
    it('in any order: audio first', async () => {
      const { viewer, played } = await watch(relay.dial(), [
        [audio, tcp(0)],
        [video, tcp(2)],
      ]);
      push(video, 2);
      await settled();
      assert.deepEqual(infoOf(played).sort(), ['0: 1', '1: 1']);
      assert.deepEqual([seqsOn(viewer, 0), seqsOn(viewer, 2)], [[1], [1, 2]]);
    });

    for (const [name, one, other] of [
      ['video', video, audio],
      ['audio', audio, video],
    ] as const) {
      it(`of ${name} alone: RTP-Info and media of that track, and of no other`, async () => {
        const { viewer, played } = await watch(relay.dial(), [[one, tcp(0)]]);
        push(other, 2);
        push(one, 2);
        await settled();
        assert.deepEqual(infoOf(played), [`${one}: 1`]);
        assert.deepEqual(seqsOn(viewer, 0), [1, 2]);
        assert.deepEqual(new Set(viewer.frames.map(({ channel }) => channel)), new Set([0]));
      });

      it(`of another track than the first viewer's ${name}: the upstream has it already`, async () => {
        await watch(relay.dial('198.18.0.11'), [[one, tcp(0)]]);
        const before = relay.origin.requests.length;
        const { viewer } = await watch(relay.dial(), [[other, tcp(0)]]);
        push(other, 2);
        await settled();
        assert.ok(seqsOn(viewer, 0).includes(2));
        const since = relay.origin.methods.slice(before).filter((method) => method !== 'OPTIONS');
        assert.deepEqual(since, []);
      });
    }

    it('of a track the first viewer left out and the origin refuses: its answer, and the first plays on', async () => {
      relay.origin.scripts.set('SETUP', ({ uri }) => (uri.endsWith('=1') ? { status: 415 } : undefined));
      const first = await watch(relay.dial('198.18.0.11'), [[video, tcp(0)]]);
      const second = relay.dial();
      await second.ask('DESCRIBE', url);
      assert.equal((await second.ask('SETUP', `${url}/stream=1`, { Transport: tcp(0) })).status, 415);
      push(video, 2);
      await settled();
      assert.deepEqual(seqsOn(first.viewer, 0), [1, 2]);
    });
  });

  describe('PAUSE, then PLAY (RFC 2326 s.10.6)', () => {
    for (const transport of ['udp', 'tcp'] as const) {
      it(`resumes live at the newest start point, which RTP-Info names, by ${transport}`, async () => {
        using rtpAt = relay.datapath.udpSocket({ address, port: 7000 });
        using _rtcpAt = relay.datapath.udpSocket({ address, port: 7001 });
        const { viewer, Session } = await watch(relay.dial(address), [
          [video, transport === 'udp' ? udp(7000) : tcp(0)],
        ]);
        const seqs = () => (transport === 'udp' ? seqsAt(rtpAt) : seqsOn(viewer, 0));
        push(video, 2);
        assert.equal((await viewer.ask('PAUSE', `${url}/`, { Session })).status, 200);
        const slice = Buffer.from([0x41, 0, 0, 0]);
        push(video, 3);
        push(video, 4, slice);
        push(video, 5);
        push(video, 6, slice);
        await settled();
        assert.deepEqual(seqs(), [1, 2], 'nothing comes while it is paused');
        const again = await viewer.ask('PLAY', `${url}/`, { Session, Range: 'npt=now-' });
        assert.equal(again.status, 200);
        assert.deepEqual(infoOf(again), ['0: 5']);
        await settled();
        push(video, 7, slice);
        await settled();
        assert.deepEqual(seqs(), [1, 2, 5, 6, 7]);
        assert.equal(relay.origin.methods.includes('PAUSE'), false, 'others may be watching');
      });
    }

    it('again and again, and PAUSE twice', async () => {
      const { viewer, Session } = await watch(relay.dial(), [[video, tcp(0)]]);
      for (let seq = 2; seq < 6; seq++) {
        for (const _ of ['once', 'twice'])
          assert.equal((await viewer.ask('PAUSE', `${url}/`, { Session })).status, 200);
        push(video, seq);
        const again = await viewer.ask('PLAY', `${url}/`, { Session });
        assert.deepEqual(infoOf(again), [`0: ${seq}`]);
      }
      await settled();
      assert.deepEqual(seqsOn(viewer, 0), [1, 2, 3, 4, 5]);
    });
  });

  describe('an origin that sends before it answers PLAY', () => {
    const unit = [Buffer.from([0x67, 1, 2, 3]), Buffer.from([0x68, 1, 2]), idr, Buffer.from([0x41, 9, 9])];
    const packets = unit.map((payload, index) =>
      rtp({ seq: 100 + index, rtpTime: index < 3 ? 9000 : 12_000, payload }),
    );

    it('by UDP: its first viewer gets all that a decoder needs', async () => {
      using from = relay.datapath.udpSocket({ address: originAt.address, port: 6000 });
      relay.origin.scripts.set('PLAY', () => {
        const setup = relay.origin.requests.find(({ uri }) => uri.endsWith('stream=0'));
        const port = Number(/client_port=(\d+)/.exec(setup?.headers.get('Transport') ?? '')?.[1]);
        for (const packet of packets) from.send({ address: '127.0.0.1', port }, packet);
        return { status: 200 };
      });
      const { viewer, played } = await watch(relay.dial(), [[video, tcp(0)]]);
      await settled();
      assert.deepEqual(infoOf(played), ['0: 100']);
      assert.deepEqual(seqsOn(viewer, 0), [100, 101, 102, 103]);
    });

    it('on its connection: its first viewer gets all that a decoder needs', async () => {
      await relay.close();
      relay = await new SimRelay({ transport: 'tcp' }).open();
      relay.origin.scripts.set('PLAY', (_request, stream) => {
        for (const packet of packets) stream.write(encodeFrame(0, packet));
        return { status: 200 };
      });
      const { viewer, played } = await watch(relay.dial(), [[video, tcp(0)]]);
      await settled();
      assert.deepEqual(infoOf(played), ['0: 100']);
      assert.deepEqual(seqsOn(viewer, 0), [100, 101, 102, 103]);
    });
  });

  describe('an origin that refuses a transport with 461', () => {
    const refuse = (lower: 'udp' | 'tcp') =>
      relay.origin.scripts.set('SETUP', ({ headers }) =>
        (headers.get('Transport')?.includes('TCP') ? 'tcp' : 'udp') === lower ? { status: 461 } : undefined,
      );

    for (const [refused, wanted] of [
      ['udp', tcp(0)],
      ['udp', udp(7000)],
      ['tcp', tcp(0)],
      ['tcp', udp(7000)],
    ] as const) {
      it(`plays by the other one: ${refused} refused, ${wanted} wanted by the viewer`, async () => {
        using rtpAt = relay.datapath.udpSocket({ address, port: 7000 });
        using _rtcpAt = relay.datapath.udpSocket({ address, port: 7001 });
        refuse(refused);
        const { viewer } = await watch(relay.dial(address), [[video, wanted]]);
        push(video, 2);
        await settled();
        assert.deepEqual([...seqsOn(viewer, 0), ...seqsAt(rtpAt)], [1, 2]);
      });
    }

    for (const only of ['udp', 'tcp'] as const) {
      it(`and is to be asked for ${only} only: the viewer is told, and nothing is kept`, async () => {
        await relay.close();
        relay = await new SimRelay({ transport: only }).open();
        refuse(only);
        const viewer = relay.dial();
        await viewer.ask('DESCRIBE', url);
        assert.equal((await viewer.ask('SETUP', `${url}/stream=0`, { Transport: udp(7000) })).status, 461);
        assert.deepEqual(relay.monitor.viewers(), []);
      });
    }
  });

  describe('a 302 to another origin (RFC 2326 s.11.1)', () => {
    const otherAt = { ...originAt, address: '203.0.113.11' };
    const otherUrl = `rtsp://${otherAt.address}/live`;

    it('is the viewer to follow; it is relayed from there, and the next viewer asks the first origin again', async () => {
      const other = new SimRtspOrigin();
      relay.datapath.serve(otherAt, (stream) => other.serve(stream));
      relay.origin.scripts.set('DESCRIBE', () => ({ status: 302, headers: [['Location', otherUrl]] }));
      for (const viewer of ['198.18.0.10', '198.18.0.11']) {
        const redirected = await relay.dial(viewer).ask('DESCRIBE', url);
        assert.equal(redirected.status, 302);
        assert.equal(redirected.headers.get('Location'), otherUrl);
        const there = relay.dial(viewer, otherAt);
        assert.equal((await there.ask('DESCRIBE', otherUrl)).status, 200);
        assert.equal((await there.ask('SETUP', `${url}/stream=0`, { Transport: tcp(0) })).status, 200);
      }
      assert.deepEqual(relay.origin.methods, ['DESCRIBE', 'DESCRIBE']);
      assert.equal(other.methods.filter((method) => method === 'DESCRIBE').length, 1);
      assert.deepEqual(
        relay.monitor.viewers().map(({ facts }) => facts.origin.address),
        [otherAt.address, otherAt.address],
      );
    });

    it('is forgotten when the origin serves the URL itself again', async () => {
      relay.origin.scripts.set('DESCRIBE', () => ({ status: 302, headers: [['Location', otherUrl]] }));
      assert.equal((await relay.dial().ask('DESCRIBE', url)).status, 302);
      relay.origin.scripts.delete('DESCRIBE');
      const { played } = await watch(relay.dial(), [[video, tcp(0)]]);
      assert.equal(played.status, 200);
    });
  });

  it('answers 503 to PLAY on a connection that carries a feed of another engine thread, and plays that one by UDP', async () => {
    const { viewer, Session } = await watch(relay.dial(address), [[video, tcp(0)]]);
    const [feed] = relay.datapath.feeds;
    assert.ok(feed);
    const addViewer = feed.addViewer;
    feed.addViewer = async () => {
      throw new WeirError('CONNECTION_BUSY', 'scripted');
    };
    const set = await viewer.ask('SETUP', `${url}/stream=${video}`, { Transport: tcp(2) });
    const second = { Session: sessionOf(set) };
    assert.notEqual(second.Session, Session);
    const refused = await viewer.ask('PLAY', `${url}/`, second);
    assert.deepEqual([refused.status, refused.phrase], [503, 'Another Feed On This Connection']);
    feed.addViewer = addViewer;
    const far = relay.datapath.udpSocket({ address, port: 7000 });
    const again = await viewer.ask('SETUP', `${url}/stream=${video}`, { ...second, Transport: udp(7000) });
    assert.equal(again.status, 200);
    assert.equal((await viewer.ask('PLAY', `${url}/`, second)).status, 200);
    push(video, 900);
    await settled();
    assert.ok(seqsOn(viewer, 0).includes(900), 'the first session has gone on');
    assert.ok(seqsAt(far).includes(900));
  });
});

describe('RTSP variants: signs of life', () => {
  const sessionTimeoutSeconds = 10;
  const report = Uint8Array.from([0x80, 201, 0, 1, 0, 0, 0, 1]);
  let clock: HandClock;
  let relay: SimRelay;
  let rtcpAt: SimUdpSocket;
  beforeEach(async () => {
    clock = new HandClock();
    relay = await new SimRelay({ clock }).open();
    relay.times = { silenceMs: 3_600_000, patienceMs: 3_600_000 };
    relay.limits = { ...relay.limits, sessionTimeoutSeconds };
    relay.datapath.udpSocket({ address, port: 7000 });
    rtcpAt = relay.datapath.udpSocket({ address, port: 7001 });
  });
  afterEach(() => relay.close());

  const asks =
    (method: string, named = true) =>
    async ({ viewer, Session }: Watching) =>
      assert.equal((await viewer.ask(method, url, named ? { Session } : {})).status, 200);
  const ways: readonly [name: string, transport: string, alive: (watching: Watching) => Promise<unknown>][] =
    [
      ['OPTIONS', udp(7000), asks('OPTIONS')],
      ['OPTIONS that names no session', udp(7000), asks('OPTIONS', false)],
      ['GET_PARAMETER', udp(7000), asks('GET_PARAMETER')],
      ['SET_PARAMETER', udp(7000), asks('SET_PARAMETER')],
      ['GET_PARAMETER on the connection of its media', tcp(0), asks('GET_PARAMETER')],
      [
        'receiver reports alone',
        udp(7000),
        async ({ setups }) => {
          const port = Number(/server_port=\d+-(\d+)/.exec(setups[0]?.headers.get('Transport') ?? '')?.[1]);
          rtcpAt.send({ address: originAt.address, port }, report);
        },
      ],
      [
        'receiver reports alone, on the connection of its media',
        tcp(0),
        async ({ viewer }) => viewer.stream.write(encodeFrame(1, report)),
      ],
    ];
  for (const [name, transport, alive] of ways) {
    it(`keeps a session by ${name}, for five times its timeout, and ends it after one without`, async () => {
      const watching = await watch(relay.dial(address), [[video, transport]]);
      assert.match(watching.setups[0]?.headers.get('Session') ?? '', /;timeout=10$/);
      for (let round = 0; round < 7; round++) {
        await clock.pass(8000);
        await alive(watching);
        await settled();
      }
      assert.equal(relay.monitor.viewers().length, 1);
      await clock.pass(12_000);
      assert.equal(relay.monitor.viewers().length, 0);
      assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'idle-timeout');
    });
  }

  it('holds the timeout a viewer was told when it is changed for others meanwhile (RFC 2326 s.12.37)', async () => {
    await watch(relay.dial(address), [[video, udp(7000)]]);
    relay.limits = { ...relay.limits, sessionTimeoutSeconds: 1 };
    await clock.pass(5_000);
    assert.equal(relay.monitor.viewers().length, 1);
    await clock.pass(10_000);
    assert.equal(relay.monitor.viewers().length, 0);
  });
});
