/** RTSP over HTTP (Apple, "Tunnelling RTSP and RTP through HTTP"). */
import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { encodeFrame } from '../../../hal/sim/interleaved.ts';
import { receiverReport } from '../../contract/media.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { idr, rtp, SimRelay, SimRtspViewer, sessionOf, url } from './sim-relay.ts';
import { answerHead, base64, getOf, joined, postOf, readAll } from './sim-tunnel.ts';

const address = '198.18.0.10';
const options = `OPTIONS ${url} RTSP/1.0\r\nCSeq: 1\r\n\r\n`;
/** A receiver report (RFC 3550 s.6.4.2) in a '$' frame. */
const report = Uint8Array.from([0x24, 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 1]);

describe('RTSP over HTTP', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
  });
  afterEach(() => relay.close());

  /** GET, its answer, then POST: the order of all players seen. */
  async function tunnel(cookie = 'abc'): Promise<{ get: Duplex; posts: Duplex[]; viewer: SimRtspViewer }> {
    const get = relay.connect(address);
    get.write(getOf(cookie));
    await answerHead(get);
    const posts = [post(cookie)];
    const bindUdp = (port: number) => void relay.datapath.udpSocket({ address, port });
    const viewer = new SimRtspViewer(
      joined(get, () => posts.at(-1) as Duplex),
      bindUdp,
    );
    return { get, posts, viewer };
  }

  function post(cookie: string, body = ''): Duplex {
    const stream = relay.connect(address);
    stream.write(postOf(cookie) + body);
    return stream;
  }

  it('answers a GET at once, without an end, and never caches it', async () => {
    const get = relay.connect(address);
    get.write(getOf('abc'));
    const head = await answerHead(get);
    assert.match(head, /^HTTP\/1\.0 200 OK\r\n/);
    assert.match(head, /\r\nContent-Type: application\/x-rtsp-tunnelled\r\n/);
    assert.match(head, /\r\nCache-Control: no-store\r\n/);
    assert.doesNotMatch(head, /Content-Length/);
    assert.equal(get.readableEnded, false);
  });

  for (const transport of ['tcp', 'udp'] as const) {
    it(`serves a viewer by ${transport} from the feed of all others`, async () => {
      await relay.dial('198.18.0.11').watch('udp');
      const { viewer, posts } = await tunnel();
      const answers = await viewer.watch(transport, 7000);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200],
      );
      assert.equal(relay.origin.connections, 1);
      assert.equal(relay.monitor.viewers().length, 2);
      const before = viewer.frames.length;
      relay.datapath.feeds[0]?.push(0, rtp({ seq: 2, rtpTime: 2, payload: idr }));
      const Session = sessionOf(answers[1] as never);
      assert.equal((await viewer.ask('GET_PARAMETER', url, { Session })).status, 200);
      assert.equal(viewer.frames.length - before, transport === 'tcp' ? 1 : 0);
      assert.equal((await viewer.ask('TEARDOWN', url, { Session })).status, 200);
      assert.equal(relay.monitor.endedViewers().at(-1)?.outcome?.cause, 'user-request');
      viewer.stream.end();
      assert.equal(await readAll(posts[0] as Duplex), '', 'a POST is never answered');
    });
  }

  it('sets the channels of a TEARDOWN up again when what went by them is acknowledged, by the same POST or the next', async () => {
    const { viewer, posts } = await tunnel();
    const Transport = 'RTP/AVP/TCP;unicast;interleaved=0-1';
    let Session = sessionOf((await viewer.watch('tcp')).at(-1) as never);
    for (const another of [false, true]) {
      const held = relay.holdPlaces();
      assert.equal((await viewer.ask('TEARDOWN', url, { Session })).status, 200);
      if (another) {
        posts.at(-1)?.end();
        posts.push(post('abc'));
      }
      const asked = viewer.ask('SETUP', `${url}/stream=0`, { Transport });
      await settled();
      held.resolve();
      const setUp = await asked;
      assert.equal(setUp.status, 200);
      Session = sessionOf(setUp);
      assert.equal((await viewer.ask('PLAY', url, { Session })).status, 200);
    }
  });

  it('reads base64 in any pieces, padded in the middle, broken into lines', async () => {
    const { viewer, posts } = await tunnel();
    const padded = base64(`OPTIONS ${url} RTSP/1.0\r\nCSeq: 11\r\n\r\n`);
    const text = padded.replace(/.{20}/g, '$&\r\n') + padded;
    assert.match(text, /=\S/);
    for (const char of text) posts[0]?.write(char);
    assert.equal((await viewer.next())?.status, 200);
    assert.equal((await viewer.next())?.status, 200);
  });

  it('takes a POST whose body comes with its head', async () => {
    const get = relay.connect(address);
    get.write(getOf('abc'));
    await answerHead(get);
    const both = post('abc', base64(options));
    const viewer = new SimRtspViewer(
      joined(get, () => both),
      () => {},
    );
    assert.equal((await viewer.next())?.status, 200);
  });

  it('takes a POST that comes before its GET', async () => {
    const early = post('abc', base64(options));
    await settled();
    const get = relay.connect(address);
    get.write(getOf('abc'));
    await answerHead(get);
    assert.equal(
      (
        await new SimRtspViewer(
          joined(get, () => early),
          () => {},
        ).next()
      )?.status,
      200,
    );
  });

  it('takes a GET and a POST whose heads come byte by byte', async () => {
    const get = relay.connect(address);
    for (const char of getOf('abc')) {
      get.write(char);
      await Promise.resolve();
    }
    await answerHead(get);
    const slow = relay.connect(address);
    for (const char of postOf('abc') + base64(options)) {
      slow.write(char);
      await Promise.resolve();
    }
    assert.equal(
      (
        await new SimRtspViewer(
          joined(get, () => slow),
          () => {},
        ).next()
      )?.status,
      200,
    );
  });

  it('hears of loss by the receiver reports that come in a POST (RFC 3550 s.6.4.2)', async () => {
    const { viewer, posts } = await tunnel();
    await viewer.watch('tcp');
    posts[0]?.write(base64(encodeFrame(1, receiverReport(5))));
    posts[0]?.write(base64(encodeFrame(1, receiverReport(7))));
    await settled();
    const [counted] = relay.monitor.viewers().map((each) => each.counters());
    assert.equal(counted?.reportedLostPackets, 7n);
    assert.equal(counted?.rxRtcpPackets, 2n);
  });

  it('takes POSTs one after the other, as those do that keep to their Content-Length', async () => {
    const { viewer, posts } = await tunnel();
    const [, setup] = await viewer.watch('tcp');
    const Session = sessionOf(setup as never);
    for (let round = 0; round < 3; round++) {
      posts.at(-1)?.end();
      posts.push(post('abc'));
      assert.equal((await viewer.ask('GET_PARAMETER', url, { Session })).status, 200);
    }
    assert.equal(relay.monitor.viewers().length, 1);
  });

  it('takes the next POST in its turn when the end of the one before is seen late', async () => {
    const { viewer, posts } = await tunnel();
    const [first] = posts;
    posts.push(post('abc', base64(options.replace('CSeq: 1', 'CSeq: 3'))));
    await settled();
    first?.write(base64(options.replace('CSeq: 1', 'CSeq: 2')));
    assert.equal((await viewer.next())?.headers.get('CSeq'), '2');
    first?.end();
    assert.equal((await viewer.next())?.headers.get('CSeq'), '3');
  });

  it('cuts a POST that does not end when the next one has come', async () => {
    const { viewer, posts } = await tunnel();
    posts.push(post('abc', base64(options)));
    assert.equal((await viewer.next())?.status, 200);
    assert.equal(await readAll(posts[0] as Duplex), '');
  });

  it('refuses a third POST while the second waits for its turn', async () => {
    await tunnel();
    post('abc');
    await settled();
    assert.match(await readAll(post('abc')), /^HTTP\/1\.0 409 /);
  });

  it('keeps the session when its POST ends: another one may follow', async () => {
    const { viewer, posts } = await tunnel();
    await viewer.watch('tcp');
    posts[0]?.end();
    await readAll(posts[0] as Duplex);
    assert.equal(relay.monitor.viewers().length, 1);
  });

  it('ends the session when the GET ends', async () => {
    const { viewer, get, posts } = await tunnel();
    await viewer.watch('tcp');
    const ended = new Promise((resolve) => relay.monitor.viewerEnded.on(resolve));
    posts[0]?.end();
    get.end();
    await ended;
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'lost-carrier');
  });

  for (const [order, hangUp] of [
    ['the POST first', (get: Duplex, last: Duplex) => [last.end(), get.end()]],
    ['the GET first', (get: Duplex, last: Duplex) => [get.end(), last.end()]],
    [
      'the GET by a reset',
      (get: Duplex, last: Duplex) => [
        (get as never as { resetAndDestroy(): void }).resetAndDestroy(),
        last.end(),
      ],
    ],
  ] as const) {
    it(`hears the TEARDOWN of a viewer that hangs up at once, ${order}`, async () => {
      const { viewer, get, posts } = await tunnel();
      const [, setup] = await viewer.watch('tcp');
      const ended = new Promise((resolve) => relay.monitor.viewerEnded.on(resolve));
      const Session = sessionOf(setup as never);
      posts[0]?.write(base64(`TEARDOWN ${url} RTSP/1.0\r\nCSeq: 9\r\nSession: ${Session}\r\n\r\n`));
      hangUp(get, posts[0] as Duplex);
      await ended;
      assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'user-request');
    });
  }

  it('leaves nothing open behind a viewer that hung up', async () => {
    const { viewer, posts } = await tunnel();
    await viewer.watch('tcp');
    viewer.stream.end();
    await readAll(posts[0] as Duplex);
    for (let left = 100; relay.intake.openConnections > 0 && left > 0; left--) await settled();
    assert.equal(relay.intake.openConnections, 0);
    assert.equal(relay.monitor.viewers().length, 0);
    const again = await tunnel();
    assert.equal((await again.viewer.ask('OPTIONS', url)).status, 200);
  });

  it('closes GET and POST when an operator ends the session', async () => {
    const { viewer, posts } = await tunnel();
    await viewer.watch('tcp');
    await relay.monitor.kill(relay.monitor.viewers()[0]?.sessionId ?? '');
    assert.equal(await viewer.next(), undefined);
    await readAll(posts[0] as Duplex);
  });

  const hostile: Record<string, string> = {
    'no base64': '*'.repeat(40),
    'a pad where none can be': 'A===',
    'bytes behind a pad': 'QQ=Q',
    'base64 of no RTSP': base64('\x16\x03\x01\x02 hello\r\n'),
  };
  for (const [name, body] of Object.entries(hostile)) {
    it(`answers ${name} with 400 and closes both connections`, async () => {
      const { viewer, posts } = await tunnel();
      posts[0]?.write(body);
      assert.equal((await viewer.next())?.status, 400);
      assert.equal(await viewer.next(), undefined);
      await readAll(posts[0] as Duplex);
    });
  }

  it('answers no base64 with 400 in the middle of a session, too', async () => {
    const { viewer, posts } = await tunnel();
    await viewer.watch('tcp');
    posts[0]?.write('!');
    assert.equal((await viewer.next())?.status, 400);
    assert.equal(await viewer.next(), undefined);
    assert.equal(relay.monitor.viewers().length, 0);
  });

  it('answers what is no RTSP on the connection of the GET with 400 and closes it, before PLAY and after', async () => {
    for (const playing of [false, true]) {
      const { viewer, get } = await tunnel(`${playing}`);
      if (playing) await viewer.watch('tcp');
      get.write('\0 nonsense\r\n\r\n');
      assert.equal((await viewer.next())?.status, 400);
      assert.equal(await viewer.next(), undefined);
    }
  });

  it('answers no request on the connection of the GET', async () => {
    const { viewer, get } = await tunnel();
    get.write(options);
    await settled();
    assert.equal((await viewer.ask('OPTIONS', url, { 'X-Through': 'POST' })).headers.get('CSeq'), '1');
    await viewer.watch('tcp');
    get.write(options);
    await settled();
    assert.equal((await viewer.ask('OPTIONS', url)).headers.get('CSeq'), '6');
  });

  const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
  const refusals: [what: string, status: number, head: string][] = [
    ['a cookie that is too long', 400, getOf('x'.repeat(129))],
    ['an empty cookie', 400, getOf('')],
    ['two cookies', 400, head('GET / HTTP/1.0', 'x-sessioncookie: a', 'x-sessioncookie: b')],
    ['a broken header', 400, head('GET / HTTP/1.0', 'x-sessioncookie: a', 'no colon')],
    ['a broken request line', 400, head('GET / or else HTTP/1.0', 'x-sessioncookie: a')],
    ['a head without end', 400, `GET / HTTP/1.0\r\nx-sessioncookie: a\r\nX: ${'y'.repeat(5000)}`],
    ['a POST of another type', 415, head('POST / HTTP/1.0', 'x-sessioncookie: a', 'Content-Type: text/html')],
    [
      'a GET that accepts another type',
      406,
      head('GET / HTTP/1.0', 'x-sessioncookie: a', 'Accept: text/html'),
    ],
  ];
  for (const [what, status, text] of refusals) {
    it(`refuses ${what} with ${status}`, async () => {
      const stream = relay.connect(address);
      stream.write(text);
      assert.match(await readAll(stream), new RegExp(`^HTTP/1\\.0 ${status} [^\\r]+\\r\\n`));
      assert.deepEqual(relay.notLive, []);
    });
  }

  it('refuses a second GET with the cookie of a first one, which goes on', async () => {
    const { viewer } = await tunnel();
    const second = relay.connect(address);
    second.write(getOf('abc'));
    assert.match(await readAll(second), /^HTTP\/1\.0 409 /);
    assert.equal((await viewer.ask('OPTIONS', url)).status, 200);
  });

  it('ties no POST from another address, nor to another origin, to a GET', async () => {
    relay.limits = { ...relay.limits, firstRequestMs: 50 };
    const get = relay.connect(address);
    get.write(getOf('abc'));
    await answerHead(get);
    const strangers = [
      relay.connect('198.18.0.66'),
      relay.connect(address, { address: '203.0.113.11', port: 554 }),
      relay.connect(address, { address: '203.0.113.10', port: 8554 }),
    ];
    for (const stranger of strangers) stranger.write(postOf('abc') + base64(options));
    for (const stranger of strangers) assert.match(await readAll(stranger), /^HTTP\/1\.0 408 /);
    assert.match(await readAll(get), /^RTSP\/1\.0 408 /, 'no request has reached it');
  });

  it('ends a GET whose POST does not come in time, a POST whose GET does not, and a head that does not end', async () => {
    relay.limits = { ...relay.limits, firstRequestMs: 50 };
    const get = relay.connect(address);
    get.write(getOf('lonely'));
    const posted = post('lonelier', base64(options));
    const half = relay.connect(address);
    half.write('GET /live HTTP/1.0\r\nx-sessioncookie: abc\r\nAcc');
    assert.match(await readAll(get), /^HTTP\/1\.0 200 OK\r\n.*RTSP\/1\.0 408 /s);
    assert.match(await readAll(posted), /^HTTP\/1\.0 408 /);
    assert.match(await readAll(half), /^HTTP\/1\.0 408 /);
    for (let left = 100; relay.intake.openConnections > 0 && left > 0; left--) await settled();
    assert.equal(relay.intake.openConnections, 0);
  });

  it('never takes an address for anything but live, whatever its origin serves', async () => {
    relay.origin.scripts.set('DESCRIBE', () => ({ status: 404 }));
    const { viewer } = await tunnel();
    assert.equal((await viewer.ask('DESCRIBE', url)).status, 404);
    assert.deepEqual(relay.notLive, []);
  });
});

describe('RTSP over HTTP: signs of life', () => {
  it('keeps a session by receiver reports in the POST alone, and ends it without them (RFC 2326 s.A.2)', async () => {
    const clock = new HandClock();
    const relay = await new SimRelay({ clock }).open();
    relay.limits = { ...relay.limits, sessionTimeoutSeconds: 10 };
    const get = relay.connect(address);
    get.write(getOf('abc'));
    await answerHead(get);
    const posted = relay.connect(address);
    posted.write(postOf('abc'));
    // By UDP, so that no media taken by TCP is a sign of life.
    const viewer = new SimRtspViewer(
      joined(get, () => posted),
      (port) => void relay.datapath.udpSocket({ address, port }),
    );
    await viewer.watch('udp');
    for (let round = 0; round < 5; round++) {
      await clock.pass(8000);
      posted.write(base64(report));
      await settled();
    }
    assert.equal(relay.monitor.viewers().length, 1);
    await clock.pass(12_000);
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'idle-timeout');
    await relay.close();
  });
});
