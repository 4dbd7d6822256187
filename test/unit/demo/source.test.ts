import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isWeirError } from '#base';
import { type Source, type SourceOptions, startSource } from '../../../src/demo/source/index.ts';
import { LiveTrack } from '../../../src/demo/source/live-track.ts';
import {
  type SessionEvent,
  type SessionState,
  SourceSession,
  sessionEvents,
  sessionStates,
  sessionTable,
} from '../../../src/demo/source/source-session.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { RtspClient } from './rtsp-client.ts';

const tcp = { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1' };

/** A receiver's UDP ports and what came there. */
class Receiver {
  readonly rtp: { readonly packet: Buffer; readonly port: number }[] = [];
  readonly rtcp: Buffer[] = [];
  readonly #sockets: readonly [Socket, Socket];

  private constructor(sockets: readonly [Socket, Socket]) {
    this.#sockets = sockets;
    sockets[0].on('message', (packet, { port }) => this.rtp.push({ packet, port }));
    sockets[1].on('message', (packet) => this.rtcp.push(packet));
  }

  static async open(): Promise<Receiver> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    return new Receiver(sockets);
  }

  /** Not adjacent, which the codec's pair does not ask for either; low before high. */
  get transport(): string {
    return `RTP/AVP;unicast;client_port=${this.ports[0]}-${this.ports[1]}`;
  }

  get ports(): readonly [number, number] {
    return [this.#sockets[0].address().port, this.#sockets[1].address().port];
  }

  punch(port: number): void {
    this.#sockets[1].send(Buffer.from('80c90001000000ff', 'hex'), port, '127.0.0.1');
  }

  /** Waits for the next packet on the RTP (0) or RTCP (1) port. */
  async next(index: 0 | 1): Promise<void> {
    await once(this.#sockets[index], 'message');
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }
}

const openReceiver = async (): Promise<Receiver> => {
  for (;;) {
    const receiver = await Receiver.open();
    if (receiver.ports[0] < receiver.ports[1]) return receiver;
    receiver.close();
  }
};

describe('a source', () => {
  let source: Source;
  let clock: HandClock;
  const start = async (options: Partial<SourceOptions> = {}) => {
    clock = new HandClock();
    source = await startSource({ address: '127.0.0.1', port: 0, clock, ...options });
    return RtspClient.to(source.port);
  };
  afterEach(() => source?.close());

  it('answers a whole dialogue: OPTIONS, DESCRIBE, SETUP, PLAY, keep-alive, PAUSE, PLAY, TEARDOWN (RFC 2326 s.14)', async () => {
    await using client = await start({ audio: true, sessionTimeoutSeconds: 30 });
    const options = await client.ask('OPTIONS', source.url);
    assert.match(options.headers.get('public') ?? '', /DESCRIBE.*SET_PARAMETER.*TEARDOWN/);

    const description = await client.ask('DESCRIBE', source.url, { Accept: 'application/sdp' });
    assert.equal(description.headers.get('content-base'), `${source.url}/`);
    assert.match(description.body, /^v=0\r\n/);
    assert.match(description.body, /a=range:npt=now-\r\n/);
    assert.match(
      description.body,
      /m=video 0 RTP\/AVP 96\r\n[\s\S]*a=rtpmap:96 H264\/90000\r\na=fmtp:96 packetization-mode=1;/,
    );
    assert.match(description.body, /m=audio 0 RTP\/AVP 0\r\n[\s\S]*a=control:track=1\r\n$/);

    const video = await client.ask('SETUP', `${source.url}/track=0`, tcp);
    assert.equal(video.status, 200);
    const Session = video.headers.get('session')?.replace(';timeout=30', '') ?? '';
    assert.match(video.headers.get('session') ?? '', /^[0-9a-f]{16};timeout=30$/);
    assert.match(
      video.headers.get('transport') ?? '',
      /^RTP\/AVP\/TCP;unicast;interleaved=0-1;ssrc=[0-9A-F]{8};mode="PLAY"$/,
    );
    const next = { Transport: 'RTP/AVP/TCP;unicast;interleaved=2-3', Session };
    assert.equal((await client.ask('SETUP', `${source.url}/track=1`, next)).status, 200);

    const play = await client.ask('PLAY', `${source.url}/`, { Session });
    assert.equal(play.status, 200);
    assert.equal(play.headers.get('range'), 'npt=now-');
    assert.match(
      play.headers.get('rtp-info') ?? '',
      /^url=rtsp:\/\/[\d.:]+\/live\/track=0;seq=\d+;rtptime=\d+,url=rtsp:\/\/[\d.:]+\/live\/track=1;seq=\d+;rtptime=\d+$/,
    );
    assert.equal((await client.ask('GET_PARAMETER', source.url, { Session })).status, 200);
    assert.equal((await client.ask('PAUSE', source.url, { Session })).status, 200);
    assert.equal((await client.ask('PLAY', source.url, { Session })).status, 200);
    assert.equal((await client.ask('TEARDOWN', source.url, { Session })).status, 200);
    assert.equal((await client.ask('PLAY', source.url, { Session })).status, 454);
    const { requests, sessionsOpened, sessionsOpen, connectionsOpen } = source.counters();
    assert.deepEqual(
      { sessionsOpened, sessionsOpen, connectionsOpen },
      { sessionsOpened: 1, sessionsOpen: 0, connectionsOpen: 1 },
    );
    assert.deepEqual(requests, {
      ...{ OPTIONS: 1, DESCRIBE: 1, SETUP: 2, PLAY: 3 },
      ...{ GET_PARAMETER: 1, PAUSE: 1, TEARDOWN: 1 },
    });
  });

  it('sends from the server ports it told, first the packet that RTP-Info named (RFC 2326 s.12.33)', async () => {
    const receiver = await openReceiver();
    await using client = await start({ bitsPerSecond: 1e6 });
    const setup = await client.ask('SETUP', `${source.url}/track=0`, { Transport: receiver.transport });
    const [, rtpPort, rtcpPort] =
      /;server_port=(\d+)-(\d+);/.exec(setup.headers.get('transport') ?? '') ?? [];
    assert.equal(Number(rtpPort) % 2, 0);
    assert.equal(Number(rtcpPort), Number(rtpPort) + 1);
    const Session = setup.headers.get('session')?.split(';')[0] ?? '';
    const reported = receiver.next(1);
    const play = await client.ask('PLAY', source.url, { Session });
    await reported;
    assert.equal(receiver.rtcp[0]?.[1], 200, 'a sender report comes first');
    const arrived = receiver.next(0);
    await clock.pass(40, 1);
    await arrived;
    const [first] = receiver.rtp;
    assert.ok(first);
    assert.equal(String(first.port), rtpPort);
    assert.equal(play.headers.get('rtp-info')?.split(';')[1], `seq=${first.packet.readUInt16BE(2)}`);
    assert.equal(play.headers.get('rtp-info')?.split(';')[2], `rtptime=${first.packet.readUInt32BE(4)}`);
    const ssrc = /;ssrc=([0-9A-F]{8})/.exec(setup.headers.get('transport') ?? '')?.[1];
    assert.equal(first.packet.readUInt32BE(8), Number.parseInt(ssrc ?? '', 16));
    receiver.close();
  });

  it('sends 25 frames in a second, each packet numbered, each frame 3600 later, and counts them', async () => {
    await using client = await start({ bitsPerSecond: 4e6 });
    const setup = await client.ask('SETUP', source.url, tcp);
    await client.ask('PLAY', source.url, { Session: setup.headers.get('session')?.split(';')[0] ?? '' });
    await clock.pass(1000, 1);
    await client.until(
      () => client.frames.filter(({ channel }) => channel === 0).length >= source.counters().rtpPackets,
    );
    const rtp = client.frames.filter(({ channel }) => channel === 0).map(({ data }) => data);
    const [seq = 0] = rtp.map((packet) => packet.readUInt16BE(2));
    for (const [index, packet] of rtp.entries()) assert.equal(packet.readUInt16BE(2), (seq + index) % 65_536);
    const times = [...new Set(rtp.map((packet) => packet.readUInt32BE(4)))];
    assert.ok(times.length === 25 || times.length === 26, `${times.length} frames`);
    for (const [index, time] of times.entries())
      assert.equal((time - (times[0] ?? 0) + 2 ** 32) % 2 ** 32, index * 3600);
    const markers = rtp.filter((packet) => (packet[1] ?? 0) & 0x80).length;
    assert.equal(markers, times.length);
    const bytes = rtp.reduce((sum, packet) => sum + packet.length, 0);
    const { rtpPackets, rtpBytes } = source.counters();
    assert.deepEqual({ rtpPackets, rtpBytes }, { rtpPackets: rtp.length, rtpBytes: bytes });
  });

  it('gives each session an SSRC of its own and the same pictures', async () => {
    await using one = await start();
    await using two = await RtspClient.to(source.port);
    const ssrcs: (number | undefined)[] = [];
    for (const client of [one, two]) {
      const setup = await client.ask('SETUP', source.url, tcp);
      await client.ask('PLAY', source.url, { Session: setup.headers.get('session')?.split(';')[0] ?? '' });
    }
    await clock.pass(120, 1);
    for (const client of [one, two]) {
      await client.until(() => client.frames.filter(({ channel }) => channel === 0).length >= 5);
      ssrcs.push(client.frames.find(({ channel }) => channel === 0)?.data.readUInt32BE(8));
    }
    assert.notEqual(ssrcs[0], ssrcs[1]);
    const payloads = [one, two].map(({ frames }) =>
      frames
        .filter(({ channel }) => channel === 0)
        .slice(0, 5)
        .map(({ data }) => data.subarray(12).toString('hex')),
    );
    assert.deepEqual(payloads[0], payloads[1]);
  });

  it('keeps a UDP session when its control connection drops (RFC 2326 s.1.1), and ends it with BYE after its time-out', async () => {
    const receiver = await openReceiver();
    const client = await start({ sessionTimeoutSeconds: 10 });
    const setup = await client.ask('SETUP', source.url, { Transport: receiver.transport });
    await client.ask('PLAY', source.url, { Session: setup.headers.get('session')?.split(';')[0] ?? '' });
    await client[Symbol.asyncDispose]();
    await clock.pass(9000, 1000);
    const punched = source.counters().rtcpPacketsReceived;
    receiver.punch(Number(/;server_port=\d+-(\d+)/.exec(setup.headers.get('transport') ?? '')?.[1]));
    while (source.counters().rtcpPacketsReceived === punched) await settled();
    await clock.pass(12_000, 1000);
    assert.equal(source.counters().sessionsOpen, 1, 'RTCP is a sign of life');
    while (source.counters().sessionsOpen > 0) await clock.pass(1000, 1000);
    assert.equal(source.counters().sessionsTimedOut, 1);
    while (!receiver.rtcp.some((packet) => packet.includes(Buffer.from('81cb0001', 'hex'))))
      await receiver.next(1);
    receiver.close();
  });

  it('ends an interleaved session with its connection (RFC 2326 s.10.12)', async () => {
    const client = await start();
    await client.ask('SETUP', source.url, tcp);
    await client[Symbol.asyncDispose]();
    while (source.counters().connectionsOpen > 0) await settled();
    assert.equal(source.counters().sessionsOpen, 0);
  });

  it('says BYE and closes the connection when it ends (RFC 3550 s.6.6)', async () => {
    await using client = await start();
    const setup = await client.ask('SETUP', source.url, tcp);
    await client.ask('PLAY', source.url, { Session: setup.headers.get('session')?.split(';')[0] ?? '' });
    await clock.pass(80, 1);
    await source.close();
    await client.until(() => false);
    assert.ok(client.frames.at(-1)?.data.includes(Buffer.from('81cb0001', 'hex')));
    assert.ok(client.closed);
  });

  it('keeps the bodies of SET_PARAMETER and tells them', async () => {
    await using client = await start();
    const told: string[] = [];
    source.parametersSet.on(({ body }) => told.push(body));
    const setup = await client.ask('SETUP', source.url, tcp);
    const Session = setup.headers.get('session')?.split(';')[0] ?? '';
    const headers = { Session, 'Content-Type': 'application/json' };
    assert.equal((await client.ask('SET_PARAMETER', source.url, headers, '{"charge":"1.50 €"}')).status, 200);
    assert.equal((await client.ask('SET_PARAMETER', source.url, { Session })).status, 200);
    assert.deepEqual(
      source.parameters.map(({ rtspSessionId, contentType, body }) => ({ rtspSessionId, contentType, body })),
      [{ rtspSessionId: Session, contentType: 'application/json', body: '{"charge":"1.50 €"}' }],
    );
    assert.deepEqual(told, ['{"charge":"1.50 €"}']);
  });

  it('answers pipelined requests in their order', async () => {
    await using client = await start();
    const request = (method: string, sequence: number, more = '') =>
      `${method} ${source.url} RTSP/1.0\r\nCSeq: ${sequence}\r\n${more}\r\n`;
    client.write(
      request('SETUP', 1, 'Transport: RTP/AVP;unicast;client_port=40000-40001\r\n') +
        request('OPTIONS', 2) +
        request('DESCRIBE', 3),
    );
    for (const sequence of ['1', '2', '3'])
      assert.equal((await client.answer()).headers.get('cseq'), sequence);
  });

  describe('refuses', () => {
    const cases: readonly [
      name: string,
      status: number,
      ask: (client: RtspClient) => Promise<{ status: number }>,
    ][] = [
      ['another path with 404', 404, (client) => client.ask('DESCRIBE', `${source.url}2`)],
      ['a path above with 404', 404, (client) => client.ask('DESCRIBE', new URL('/', source.url).href)],
      [
        'a track that is not there with 404',
        404,
        (client) => client.ask('SETUP', `${source.url}/track=7`, tcp),
      ],
      ['an unknown method with 501', 501, (client) => client.ask('RECORD', source.url)],
      ['PLAY without a session with 454', 454, (client) => client.ask('PLAY', source.url)],
      ['an unknown session with 454', 454, (client) => client.ask('PLAY', source.url, { Session: '0' })],
      [
        'a required extension with 551',
        551,
        (client) => client.ask('SETUP', source.url, { Require: 'x', ...tcp }),
      ],
      ['SETUP of both tracks at once with 459', 459, (client) => client.ask('SETUP', source.url, tcp)],
      [
        'a bad Transport with 400',
        400,
        (client) => client.ask('SETUP', `${source.url}/track=0`, { Transport: '?' }),
      ],
      [
        'multicast with 461',
        461,
        (client) => client.ask('SETUP', `${source.url}/track=0`, { Transport: 'RTP/AVP;multicast' }),
      ],
      [
        'SDP to one who wants something else with 406',
        406,
        (client) => client.ask('DESCRIBE', source.url, { Accept: 'text/html' }),
      ],
      ['a request without CSeq with 400', 400, (client) => client.ask('OPTIONS', source.url, { CSeq: '' })],
      [
        'a parameter it does not have with 451',
        451,
        (client) => client.ask('GET_PARAMETER', source.url, {}, 'position'),
      ],
    ];
    for (const [name, status, ask] of cases) {
      it(name, async () => {
        await using client = await start({ audio: true });
        assert.equal((await ask(client)).status, status);
        assert.equal(source.counters().sessionsOpen, 0);
      });
    }

    it('UDP with 461 where only TCP is offered', async () => {
      await using client = await start({ transports: ['tcp'] });
      const Transport = 'RTP/AVP;unicast;client_port=40000-40001';
      assert.equal((await client.ask('SETUP', source.url, { Transport })).status, 461);
      const either = `${Transport},RTP/AVP/TCP;unicast`;
      assert.equal((await client.ask('SETUP', source.url, { Transport: either })).status, 200);
    });

    it('one track alone of a session of two with 460, and a track set up twice with 455', async () => {
      await using client = await start({ audio: true });
      const setup = await client.ask('SETUP', `${source.url}/track=0`, tcp);
      const Session = setup.headers.get('session')?.split(';')[0] ?? '';
      const next = { Transport: 'RTP/AVP/TCP;unicast;interleaved=2-3', Session };
      assert.equal((await client.ask('SETUP', `${source.url}/track=0`, next)).status, 455);
      assert.equal((await client.ask('SETUP', `${source.url}/track=1`, next)).status, 200);
      assert.equal((await client.ask('PLAY', `${source.url}/track=1`, { Session })).status, 460);
    });

    it('what is no RTSP with 400, and closes', async () => {
      await using client = await start();
      client.write('GET / HTTP/1.1\r\n\r\n');
      assert.equal((await client.answer()).status, 400);
      await client.until(() => false);
      assert.ok(client.closed);
    });
  });

  it('says why it cannot listen', async () => {
    await using _ = await start();
    const { port } = source;
    await assert.rejects(startSource({ address: '127.0.0.1', port }), (error) => {
      assert.ok(isWeirError(error, 'SOCKET_FAILED'));
      assert.match(error.describe(), new RegExp(`cannot listen .*port=${port}`));
      return true;
    });
  });
});

describe('the states of a source session (RFC 2326 s.A.2)', () => {
  const expected: Record<SessionState, Record<SessionEvent, SessionState | undefined>> = {
    ready: { SETUP: 'ready', PLAY: 'playing', PAUSE: 'ready', TEARDOWN: 'closed' },
    playing: { SETUP: undefined, PLAY: 'playing', PAUSE: 'ready', TEARDOWN: 'closed' },
    closed: { SETUP: undefined, PLAY: undefined, PAUSE: undefined, TEARDOWN: undefined },
  };
  const way: Record<SessionState, readonly SessionEvent[]> = {
    ready: [],
    playing: ['PLAY'],
    closed: ['TEARDOWN'],
  };
  for (const state of sessionStates) {
    for (const event of sessionEvents) {
      it(`${event} in ${state} ${expected[state][event] ? `leads to ${expected[state][event]}` : 'is refused'}`, () => {
        const session = new SourceSession({
          rtspSessionId: '1',
          clock: new HandClock(),
          timeoutSeconds: 60,
          onTimeout: () => {},
        });
        for (const step of way[state]) session.accept(step);
        assert.equal(session.state, state);
        assert.equal(session.accept(event), expected[state][event] !== undefined);
        assert.equal(session.state, expected[state][event] ?? state);
        assert.equal(sessionTable[state][event], expected[state][event]);
      });
    }
  }
});

describe('a live track', () => {
  const content = {
    kind: 'video',
    payloadType: 96,
    clockRateHz: 90_000,
    unitsPerSecond: 30,
    attributes: [],
    bitsPerSecond: 0,
    unit: () => [],
  } as const;

  it('plays every unit at its time, without drift', async () => {
    const clock = new HandClock();
    const track = new LiveTrack(content, clock);
    const begun = clock.monoNs();
    const times: number[] = [];
    track.start();
    track.listen(() => times.push(Number(clock.monoNs() - begun) / 1e6));
    await clock.pass(10_010, 1);
    track.stop();
    assert.equal(times.length, 301);
    for (const [index, time] of times.entries())
      assert.ok(Math.abs(time - (index * 1000) / 30) <= 2, `${index}: ${time}`);
  });

  it('makes good a short delay and skips a long one', async () => {
    const clock = new HandClock();
    const track = new LiveTrack(content, clock);
    track.start();
    await clock.pass(100, 1);
    await clock.pass(500, 500);
    await clock.pass(100, 1);
    assert.ok(track.nextUnit >= 20 && track.nextUnit <= 22, `${track.nextUnit} of 21 units in 0.7 s`);
    await clock.pass(60_000, 60_000);
    await clock.pass(100, 1);
    assert.ok(track.nextUnit < 30, `${track.nextUnit} units: a minute was skipped`);
    track.stop();
  });
});
