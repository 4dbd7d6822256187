import assert from 'node:assert/strict';
import { idr, originAt, rtp, SimRelay, type SimRtspViewer, sdp, sessionOf, url } from './sim-relay.ts';

describe('RTSP front', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
  });
  afterEach(() => relay.close());

  const setUp = async (viewer: SimRtspViewer): Promise<string> => {
    await viewer.ask('DESCRIBE', url);
    const answer = await viewer.ask('SETUP', `${url}/stream=0`, {
      Transport: 'RTP/AVP;unicast;client_port=5000-5001',
    });
    return sessionOf(answer);
  };

  it("hands the origin's description on to the byte, with its Content-Base and Server", async () => {
    const answer = await relay.dial().ask('DESCRIBE', url, { Accept: 'application/sdp' });
    assert.equal(answer.status, 200);
    assert.equal(Buffer.from(answer.body).toString(), sdp);
    assert.equal(answer.headers.get('Content-Base'), `${url}/`);
    assert.equal(answer.headers.get('Server'), 'Scripted/1.0');
    assert.equal(answer.headers.get('CSeq'), '1');
  });

  it('serves two viewers by UDP from ports on the origin address, and asks the origin once', async () => {
    const [one, two] = [relay.dial('198.18.0.10'), relay.dial('198.18.0.11')];
    const [, first] = await one.watch('udp');
    const before = relay.origin.requests.length;
    const [, second, , played] = await two.watch('udp');
    assert.equal(played?.status, 200);
    const port = /server_port=(\d+)-\d+/.exec(first?.headers.get('Transport') ?? '')?.[1];
    assert.ok(
      port && second?.headers.get('Transport')?.includes(`server_port=${port}-`),
      'viewers share a server port',
    );
    const since = relay.origin.methods.slice(before).filter((method) => method !== 'OPTIONS');
    assert.deepEqual(since, []);
    assert.equal(relay.origin.connections, 1);
  });

  it('gives two viewers behind one address server ports of their own', async () => {
    const [one, two] = [relay.dial('198.18.0.10'), relay.dial('198.18.0.10')];
    const [, first] = await one.watch('udp');
    const [, second] = await two.watch('udp', 5100);
    assert.notEqual(first?.headers.get('Transport'), second?.headers.get('Transport'));
  });

  it('gives the viewers of a recording, who have a feed each, server ports of their own', async () => {
    relay.origin.sdp = sdp.replace('npt=now-', 'npt=0-60');
    const [, first] = await relay.dial('198.18.0.10').watch('udp');
    const [, second] = await relay.dial('198.18.0.11').watch('udp');
    assert.equal(relay.datapath.feeds.length, 2);
    const port = (answer: typeof first) =>
      /server_port=(\d+)-\d+/.exec(answer?.headers.get('Transport') ?? '')?.[1];
    assert.ok(port(first) && port(second) && port(first) !== port(second));
  });

  it('names the first packet of each track in RTP-Info (RFC 2326 s.12.33)', async () => {
    const one = relay.dial('198.18.0.10');
    await one.watch('udp');
    const [feed] = relay.datapath.feeds;
    feed?.push(0, rtp({ seq: 100, rtpTime: 9000, payload: idr }));
    feed?.push(1, rtp({ seq: 7, rtpTime: 160, payload: Buffer.alloc(10) }));
    const [, , , played] = await relay.dial('198.18.0.11').watch('udp');
    assert.equal(
      played?.headers.get('RTP-Info'),
      `url=${url}/stream=0;seq=100;rtptime=9000,url=${url}/stream=1;seq=7;rtptime=160`,
    );
  });

  it('puts answers and frames of an interleaved viewer on one connection', async () => {
    const viewer = relay.dial();
    const [, setup, , played] = await viewer.watch('tcp');
    assert.match(setup?.headers.get('Transport') ?? '', /RTP\/AVP\/TCP;unicast;interleaved=0-1/);
    assert.equal(played?.status, 200);
    relay.datapath.feeds[0]?.push(0, rtp({ seq: 2, rtpTime: 1, payload: idr }));
    const alive = await viewer.ask('GET_PARAMETER', url, { Session: sessionOf(setup as never) });
    assert.equal(alive.status, 200);
    assert.deepEqual(
      viewer.frames.map(({ channel }) => channel),
      [0, 2, 0],
    );
  });

  it('answers pipelined requests in their order', async () => {
    const viewer = relay.dial();
    viewer.write(
      `DESCRIBE ${url} RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS ${url} RTSP/1.0\r\nCSeq: 2\r\n\r\nBREW ${url} RTSP/1.0\r\nCSeq: 3\r\n\r\n`,
    );
    const answers = [await viewer.next(), await viewer.next(), await viewer.next()];
    assert.deepEqual(
      answers.map((answer) => [answer?.headers.get('CSeq'), answer?.status]),
      [
        ['1', 200],
        ['2', 200],
        ['3', 501],
      ],
    );
  });

  it('ends the session with TEARDOWN and tells the origin after the last viewer', async () => {
    const viewer = relay.dial();
    const [, setup] = await viewer.watch('udp');
    const answer = await viewer.ask('TEARDOWN', url, { Session: sessionOf(setup as never) });
    assert.equal(answer.status, 200);
    await relay.origin.asked('TEARDOWN');
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'user-request');
  });

  it('answers what a viewer asked before it hung up, TEARDOWN above all', async () => {
    const viewer = relay.dial();
    const [, setup] = await viewer.watch('udp');
    const Session = sessionOf(setup as never);
    viewer.write(
      `PAUSE ${url} RTSP/1.0\r\nCSeq: 8\r\nSession: ${Session}\r\n\r\nTEARDOWN ${url} RTSP/1.0\r\nCSeq: 9\r\nSession: ${Session}\r\n\r\n`,
    );
    viewer.stream.end();
    assert.equal((await viewer.next())?.status, 200);
    assert.equal((await viewer.next())?.status, 200);
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'user-request');
  });

  it('ends the session when the viewer closes its connection', async () => {
    const viewer = relay.dial();
    await viewer.watch('udp');
    const ended = new Promise((resolve) => relay.monitor.viewerEnded.on(resolve));
    viewer.stream.end();
    await ended;
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'lost-carrier');
  });

  it('closes the connection of a viewer whose session an operator ends', async () => {
    const viewer = relay.dial();
    await viewer.watch('tcp');
    const [session] = relay.monitor.viewers();
    await relay.monitor.kill(session?.sessionId ?? '');
    assert.equal(await viewer.next(), undefined);
    assert.ok(viewer.ended);
  });

  const udp = 'RTP/AVP;unicast;client_port=5000-5001';
  /** SETUP after a good DESCRIBE. */
  const setUpBy = (uri: string, transport: string) => async (viewer: SimRtspViewer) => {
    await setUp(viewer);
    return viewer.ask('SETUP', uri, { Transport: transport });
  };
  const says = (text: string) => async (viewer: SimRtspViewer) => {
    viewer.write(text);
    return viewer.next();
  };
  const refusals: readonly [
    name: string,
    status: number,
    ask: (viewer: SimRtspViewer) => Promise<{ status: number } | undefined>,
  ][] = [
    ['a request without CSeq', 400, says(`OPTIONS ${url} RTSP/1.0\r\n\r\n`)],
    ['a URL that is none', 400, (viewer) => viewer.ask('DESCRIBE', 'http://203.0.113.10/live')],
    [
      'SETUP without Transport',
      400,
      async (viewer) => viewer.ask('SETUP', `${url}/stream=0`, { Session: await setUp(viewer) }),
    ],
    ['a track that is not there', 404, setUpBy(`${url}/stream=9`, udp)],
    ['ANNOUNCE', 405, (viewer) => viewer.ask('ANNOUNCE', url)],
    ['RECORD', 405, (viewer) => viewer.ask('RECORD', url)],
    [
      'a description in another form',
      406,
      (viewer) => viewer.ask('DESCRIBE', url, { Accept: 'application/mheg' }),
    ],
    [
      'parameters',
      451,
      (viewer) => viewer.ask('SET_PARAMETER', url, { 'Content-Type': 'text/parameters' }, 'volume: 11'),
    ],
    ['a session of nobody', 454, (viewer) => viewer.ask('PLAY', url, { Session: 'none' })],
    ['PLAY without a session', 454, (viewer) => viewer.ask('PLAY', url)],
    [
      'SETUP while playing',
      455,
      async (viewer) => {
        const [, answer] = await viewer.watch('udp');
        return viewer.ask('SETUP', `${url}/stream=0`, {
          Session: sessionOf(answer as never),
          Transport: udp,
        });
      },
    ],
    [
      'a range that is none',
      457,
      async (viewer) => viewer.ask('PLAY', url, { Session: await setUp(viewer), Range: 'npt=never' }),
    ],
    ['SETUP of the whole', 459, setUpBy(url, udp)],
    [
      'PLAY of one of several tracks',
      460,
      async (viewer) => viewer.ask('PLAY', `${url}/stream=0`, { Session: await setUp(viewer) }),
    ],
    ['multicast', 461, setUpBy(`${url}/stream=1`, 'RTP/AVP;multicast')],
    [
      'media for a third party',
      461,
      setUpBy(`${url}/stream=1`, 'RTP/AVP;unicast;destination=192.0.2.66;client_port=5000-5001'),
    ],
    ['an unknown method', 501, (viewer) => viewer.ask('BREW', url)],
    ['another version', 505, says(`OPTIONS ${url} RTSP/2.0\r\nCSeq: 1\r\n\r\n`)],
    ['an option required', 551, (viewer) => viewer.ask('OPTIONS', url, { Require: 'com.example.teleport' })],
  ];
  for (const [name, status, ask] of refusals) {
    it(`refuses ${name} with ${status}`, async () => {
      const viewer = relay.dial();
      assert.equal((await ask(viewer))?.status, status);
    });
  }

  it('names what it does not support (RFC 2326 s.12.32)', async () => {
    const answer = await relay.dial().ask('OPTIONS', url, { Require: 'a, b' });
    assert.equal(answer.headers.get('Unsupported'), 'a, b');
  });

  it('binds a session to the connection that opened it', async () => {
    const [, setup] = await relay.dial('198.18.0.10').watch('udp');
    const session = sessionOf(setup as never);
    assert.equal((await relay.dial('198.18.0.10').ask('TEARDOWN', url, { Session: session })).status, 454);
    assert.equal(relay.monitor.viewers().length, 1);
  });

  it('passes on what the origin says when it refuses', async () => {
    relay.origin.scripts.set('DESCRIBE', () => ({
      status: 302,
      headers: [['Location', 'rtsp://203.0.113.11/live']],
    }));
    const answer = await relay.dial().ask('DESCRIBE', url);
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.get('Location'), 'rtsp://203.0.113.11/live');
  });

  it('answers 503 when nobody is at the address, 504 when it says nothing', async () => {
    const nobody = relay.dial('198.18.0.10', { ...originAt, address: '203.0.113.99' });
    assert.equal((await nobody.ask('DESCRIBE', 'rtsp://203.0.113.99/live')).status, 503);
    relay.origin.scripts.set('DESCRIBE', () => 'silence');
    assert.equal((await relay.dial().ask('DESCRIBE', url)).status, 504);
  });

  it('answers 502 when the description cannot be read', async () => {
    relay.origin.sdp = 'nonsense';
    assert.equal((await relay.dial().ask('DESCRIBE', url)).status, 502);
  });

  it('asks for TCP when the origin refuses UDP (461)', async () => {
    relay.origin.scripts.set('SETUP', (request) =>
      request.headers.get('Transport')?.includes('TCP') ? undefined : { status: 461 },
    );
    const answers = await relay.dial().watch('udp');
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const transports = relay.origin.requests.map(({ headers }) => headers.get('Transport')).filter(Boolean);
    assert.equal(transports.length, 3, 'the second track asks for what worked with the first');
  });

  it('keeps the upstream alive by what the origin offers', async () => {
    relay.origin.scripts.set('SETUP', (request) => ({
      status: 200,
      headers: [
        ['Transport', `${request.headers.get('Transport')};server_port=6000-6001`],
        ['Session', 'upstream;timeout=1'],
      ],
    }));
    await relay.dial().watch('udp');
    const asked = new Promise<void>((resolve) => {
      relay.origin.scripts.set('GET_PARAMETER', ({ headers }) => {
        assert.equal(headers.get('Session'), 'upstream');
        resolve();
        return undefined;
      });
    });
    await asked;
  });

  it('signs its own requests with the credentials of the operator', async () => {
    await relay.close();
    relay = await new SimRelay({ credentials: { username: 'box', password: 'secret' } }).open();
    relay.origin.scripts.set('SETUP', ({ headers }) =>
      headers.get('Authorization') === undefined
        ? { status: 401, headers: [['WWW-Authenticate', 'Basic realm="r"']] }
        : undefined,
    );
    const [, setup] = await relay.dial().watch('udp');
    assert.equal(setup?.status, 200);
    const signed = relay.origin.requests.at(-1)?.headers.get('Authorization');
    assert.equal(signed, `Basic ${Buffer.from('box:secret').toString('base64')}`);
  });

  it("hands a viewer's signature on verbatim, method, URI and all", async () => {
    relay.origin.scripts.set('DESCRIBE', ({ headers }) =>
      headers.get('Authorization') === undefined
        ? { status: 401, headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n"']] }
        : undefined,
    );
    const viewer = relay.dial();
    const odd = 'rtsp://203.0.113.10:554/live/';
    const challenged = await viewer.ask('DESCRIBE', odd);
    assert.equal(challenged.status, 401);
    assert.equal(challenged.headers.get('WWW-Authenticate'), 'Digest realm="r", nonce="n"');
    const Authorization = 'Digest username="v", response="0123"';
    assert.equal((await viewer.ask('DESCRIBE', odd, { Authorization })).status, 200);
    const last = relay.origin.requests.at(-1);
    assert.equal(last?.uri, odd);
    assert.equal(last?.headers.get('Authorization'), Authorization);
    assert.equal(relay.origin.connections, 1);
  });
});

describe('RTSP front: bad input', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
  });
  afterEach(() => relay.close());

  it('answers what cannot be framed, then closes', async () => {
    const viewer = relay.dial();
    viewer.write(`DESCRIBE ${url} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -5\r\n\r\n`);
    assert.equal((await viewer.next())?.status, 400);
    assert.equal(await viewer.next(), undefined);
  });

  it('closes a connection whose head never ends', async () => {
    const viewer = relay.dial();
    viewer.write(`OPTIONS ${url} RTSP/1.0\r\n`);
    viewer.write(`X: ${'y'.repeat(8192)}`);
    const answer = await viewer.next();
    assert.ok(answer && answer.status >= 400 && answer.status < 500, `${answer?.status}`);
    assert.equal(await viewer.next(), undefined);
  });

  it('closes a connection that does not finish its first request in time', async () => {
    relay.limits = { ...relay.limits, firstRequestMs: 50 };
    const viewer = relay.dial();
    viewer.write(`OPTIONS ${url} RTSP/1.0\r\nCSe`);
    assert.equal((await viewer.next())?.status, 408);
    assert.equal(await viewer.next(), undefined);
  });

  it('closes a connection that asks for nothing more and has no session', async () => {
    relay.limits = { ...relay.limits, idleMs: 50 };
    const viewer = relay.dial();
    assert.equal((await viewer.ask('OPTIONS', url)).status, 200);
    assert.equal((await viewer.next())?.status, 408);
  });

  it('refuses connections beyond the limit of one address and serves another address', async () => {
    relay.limits = { ...relay.limits, maxConnectionsPerAddress: 2 };
    const [one, two, three] = [relay.dial(), relay.dial(), relay.dial()];
    assert.equal((await one.ask('OPTIONS', url)).status, 200);
    assert.equal((await two.ask('OPTIONS', url)).status, 200);
    assert.equal(await three.next(), undefined);
    assert.equal((await relay.dial('198.18.0.99').ask('OPTIONS', url)).status, 200);
  });

  it('disturbs no other viewer', async () => {
    const good = relay.dial('198.18.0.10');
    const [, setup] = await good.watch('tcp');
    const bad = relay.dial('198.18.0.11');
    bad.write(`OPTIONS ${url} RTSP/1.0\r\nCSeq: 1\r\n\r\n\0\0\0\0`);
    bad.write('$\x09\xff\xff');
    await bad.next();
    const alive = await good.ask('GET_PARAMETER', url, { Session: sessionOf(setup as never) });
    assert.equal(alive.status, 200);
  });
});
