import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { silentLog, systemClock, WeirError } from '#base';
import type { Datapath, TcpConnection, UdpPair } from '#hal';
import type { Monitor } from '../../../src/protocol/index.ts';
import { ServerPorts } from '../../../src/protocol/index.ts';
import { PlainLink } from '../../../src/protocol/rtsp/front/plain-link.ts';
import { RtspConnection } from '../../../src/protocol/rtsp/front/rtsp-connection.ts';
import { OriginLink } from '../../../src/protocol/rtsp/origin/origin-link.ts';
import type { RtspResponse } from '../../../src/protocol/rtsp/wire/index.ts';
import { settled } from '../session/scripted.ts';
import { originAt, SimRelay, type SimRtspViewer, sdp, sessionOf, url } from './sim-relay.ts';

const udp = 'RTP/AVP;unicast;client_port=5000-5001';
const tcp = 'RTP/AVP/TCP;unicast;interleaved=0-1';

/** Resolves when `check` holds; the test's own time limit ends it otherwise. */
async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A connection whose far end takes nothing. */
function stuckConnection(): TcpConnection & { stream: Duplex; taken: () => number } {
  let bytes = 0;
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, _done) {
      bytes += chunk.length;
    },
  });
  const local = { address: '203.0.113.10', port: 554 };
  return { stream, local, remote: { address: '198.18.0.1', port: 5000 }, taken: () => bytes };
}

describe('RTSP: connections that end in between', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay({ transport: 'tcp' }).open();
  });
  afterEach(() => relay.close());

  const setUp = async (viewer: SimRtspViewer, transport: string) => {
    await viewer.ask('DESCRIBE', url);
    return viewer.ask('SETUP', `${url}/stream=0`, { Transport: transport });
  };

  it('ends a connection that is closed while the engine takes it over', async () => {
    const viewer = relay.dial();
    const Session = sessionOf(await setUp(viewer, tcp));
    const adopting = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const { datapath } = relay;
    const adopt = datapath.adopt.bind(datapath);
    datapath.adopt = async (...args) => {
      const interleaved = await adopt(...args);
      adopting.resolve();
      await taken.promise;
      return interleaved;
    };
    viewer.write(`PLAY ${url} RTSP/1.0\r\nCSeq: 9\r\nSession: ${Session}\r\n\r\n`);
    await adopting.promise;
    const killing = relay.monitor.kill(relay.monitor.viewers()[0]?.sessionId ?? '');
    await new Promise((resolve) => setImmediate(resolve));
    datapath.adopt = adopt;
    taken.resolve();
    await killing;
    while ((await viewer.next()) !== undefined);
    await until(() => relay.intake.openConnections === 0);
  });

  it('ends the session of a connection that the engine cannot take over', async () => {
    const viewer = relay.dial();
    const Session = sessionOf(await setUp(viewer, tcp));
    relay.datapath.failNext('adopt', new WeirError('SOCKET_FAILED', 'scripted'));
    viewer.write(`PLAY ${url} RTSP/1.0\r\nCSeq: 9\r\nSession: ${Session}\r\n\r\n`);
    await until(() => relay.intake.openConnections === 0);
    assert.equal(relay.monitor.viewers().length, 0);
  });

  it('gives the ports back that were lent while the viewer hung up', async () => {
    const open = new Set<UdpPair>();
    const binding = Promise.withResolvers<void>();
    const bound = Promise.withResolvers<void>();
    const { datapath } = relay;
    const udpPair = datapath.udpPair.bind(datapath);
    datapath.udpPair = async (options) => {
      binding.resolve();
      await bound.promise;
      const pair = await udpPair(options);
      open.add(pair);
      const close = pair.close.bind(pair);
      pair.close = () => {
        open.delete(pair);
        return close();
      };
      return pair;
    };
    const viewer = relay.dial();
    await viewer.ask('DESCRIBE', url);
    viewer.write(`SETUP ${url}/stream=0 RTSP/1.0\r\nCSeq: 9\r\nTransport: ${udp}\r\n\r\n`);
    await binding.promise;
    viewer.stream.destroy(new Error('scripted'));
    (viewer.stream as unknown as { resetAndDestroy(): void }).resetAndDestroy();
    await until(() => relay.monitor.viewers().length === 0);
    bound.resolve();
    await until(() => relay.intake.openConnections === 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(open.size, 0);
  });

  it('leaves no session behind when no port can be lent', async () => {
    const viewer = relay.dial();
    await viewer.ask('DESCRIBE', url);
    relay.datapath.failNext('udpPair', new WeirError('SOCKET_FAILED', 'scripted'));
    assert.equal((await viewer.ask('SETUP', `${url}/stream=0`, { Transport: udp })).status, 500);
    assert.equal(relay.monitor.viewers().length, 0);
    assert.equal((await viewer.ask('SETUP', `${url}/stream=0`, { Transport: udp })).status, 200);
  });

  it('gives one connection no more than four sessions', async () => {
    const viewer = relay.dial();
    await viewer.ask('DESCRIBE', url);
    const answers = [];
    for (let number = 0; number < 6; number++) {
      answers.push((await viewer.ask('SETUP', `${url}/stream=0`, { Transport: udp })).status);
    }
    assert.deepEqual(answers, [200, 200, 200, 200, 453, 453]);
    assert.equal(relay.monitor.viewers().length, 4);
  });

  it('sets tracks up one after the other when two viewers ask for different ones at once', async () => {
    const [one, two] = [relay.dial('198.18.0.1'), relay.dial('198.18.0.2')];
    await one.ask('DESCRIBE', url);
    await two.ask('DESCRIBE', url);
    const answers = await Promise.all([
      one.ask('SETUP', `${url}/stream=0`, { Transport: udp }),
      two.ask('SETUP', `${url}/stream=1`, { Transport: udp }),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const [first, second] = relay.origin.requests.filter(({ method }) => method === 'SETUP');
    assert.equal(first?.headers.get('Session'), undefined);
    assert.equal(second?.headers.get('Session'), 'upstream');
  });
});

describe('RTSP: what a viewer asks after TEARDOWN while its last packets are not acknowledged', () => {
  let relay: SimRelay;
  let viewer: SimRtspViewer;
  let Session: string;
  let held: PromiseWithResolvers<void>;
  beforeEach(async () => {
    relay = await new SimRelay({ transport: 'tcp' }).open();
    viewer = relay.dial();
    Session = sessionOf((await viewer.watch('tcp')).at(-1) as RtspResponse);
    held = relay.holdPlaces();
  });
  afterEach(() => {
    held.resolve();
    return relay.close();
  });

  const text = (method: string, number: number, header: string) =>
    `${method} ${url}${method === 'SETUP' ? '/stream=0' : ''} RTSP/1.0\r\nCSeq: ${number}\r\n${header}\r\n\r\n`;
  const teardown = () => text('TEARDOWN', 20, `Session: ${Session}`);
  const setup = text('SETUP', 21, `Transport: ${tcp}`);
  /** CSeq and status of the next answer. */
  const answer = async () => {
    const response = await viewer.next();
    return [response?.headers.get('CSeq'), response?.status];
  };

  for (const [how, say] of [
    [
      'one after the other',
      async () => {
        viewer.write(teardown());
        const answered = await answer();
        viewer.write(setup);
        return answered;
      },
    ],
    [
      'both at once',
      () => {
        viewer.write(teardown() + setup);
        return answer();
      },
    ],
  ] as const) {
    it(`sets the same channels up when they are free: ${how} (RFC 2326 s.10.7)`, async () => {
      assert.deepEqual(await say(), ['20', 200]);
      const answers: unknown[] = [];
      const next = answer().then((given) => answers.push(given));
      await settled();
      assert.deepEqual(answers, []);
      held.resolve();
      await next;
      assert.deepEqual(answers, [['21', 200]]);
    });
  }

  it('plays again by the same channels on the same connection', async () => {
    viewer.write(teardown() + setup);
    assert.deepEqual(await answer(), ['20', 200]);
    held.resolve();
    const again = await viewer.next();
    assert.equal(again?.status, 200);
    const before = viewer.frames.length;
    assert.equal((await viewer.ask('PLAY', url, { Session: sessionOf(again) })).status, 200);
    await until(() => viewer.frames.length > before);
    assert.deepEqual(new Set(viewer.frames.slice(before).map(({ channel }) => channel)), new Set([0]));
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'user-request');
  });

  it('keeps no connection open of a viewer that hangs up before it is answered', async () => {
    viewer.write(teardown() + setup);
    assert.deepEqual(await answer(), ['20', 200]);
    (viewer.stream as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
    await settled();
    held.resolve();
    await until(() => relay.intake.openConnections === 0);
    assert.deepEqual(relay.monitor.viewers(), []);
    assert.equal(relay.monitor.endedViewers().length, 1);
  });

  it('keeps no connection open when the box ends before it is answered', async () => {
    viewer.write(teardown() + setup);
    assert.deepEqual(await answer(), ['20', 200]);
    const closing = relay.close();
    await settled();
    held.resolve();
    await closing;
    while ((await viewer.next()) !== undefined);
    await until(() => relay.intake.openConnections === 0);
    assert.deepEqual(relay.monitor.viewers(), []);
  });

  it('keeps no connection open that is half closed behind TEARDOWN', async () => {
    viewer.write(teardown());
    viewer.stream.end();
    assert.deepEqual(await answer(), ['20', 200]);
    held.resolve();
    await until(() => relay.intake.openConnections === 0);
    assert.equal(relay.monitor.endedViewers()[0]?.outcome?.cause, 'user-request');
  });
});

describe('RTSP: peers that do not read', () => {
  it('answers no more than a viewer takes, and ends it after the idle time', async () => {
    const connection = stuckConnection();
    const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096, sessionTimeoutSeconds: 60 };
    const front = new RtspConnection(
      {
        datapath: {} as Datapath,
        monitor: { forget: async () => {} } as unknown as Monitor,
        serverPorts: new ServerPorts({} as Datapath),
        clock: systemClock,
        log: silentLog,
        limits: () => ({ ...limits, firstRequestMs: 60, idleMs: 60 }),
      },
      new PlainLink({ datapath: {} as Datapath, limits, connection }),
    );
    const asked = Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(60));
    for (let round = 0; round < 200; round++) {
      connection.stream.push(asked);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(connection.stream.writableLength < 80 * 1024, `${connection.stream.writableLength} bytes wait`);
    await front.closed;
    assert.ok(connection.stream.destroyed);
  });

  it('cuts off an origin that asks for signs of life and does not read them', async () => {
    const connection = stuckConnection();
    const link = await OriginLink.connect({
      datapath: { connect: async () => connection } as unknown as Datapath,
      remote: originAt,
      limits: { maxHeaderBytes: 4096, maxBodyBytes: 4096 },
      timeoutMs: 1000,
      connectTimeoutMs: 1000,
      log: silentLog,
    });
    const ended = new Promise<{ text: string }>((resolve) => link.ended.on(resolve));
    const asked = Buffer.from('OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'.repeat(1000));
    for (let round = 0; round < 20; round++) connection.stream.push(asked);
    assert.match((await ended).text, /does not read/);
    await until(() => connection.stream.destroyed);
  });
});

describe('RTSP: origins that behave badly', () => {
  let relay: SimRelay;
  beforeEach(async () => {
    relay = await new SimRelay().open();
  });
  afterEach(() => relay.close());

  for (const control of ['rtsp://203.0.113.10/a b', 'stream=\x01', 'http://203.0.113.10/live']) {
    it(`refuses a description with the control ${JSON.stringify(control)}`, async () => {
      relay.origin.sdp = sdp.replace('a=range', `a=control:${control}\r\na=range`);
      const viewer = relay.dial();
      assert.equal((await viewer.ask('DESCRIBE', url)).status, 502);
      assert.equal((await viewer.ask('OPTIONS', url)).status, 200);
    });
  }

  it('takes a Content-Base that is no URL for none', async () => {
    relay.origin.scripts.set('DESCRIBE', () => ({
      status: 200,
      headers: [
        ['Content-Type', 'application/sdp'],
        ['Content-Base', '/live/'],
      ],
      body: sdp,
    }));
    const answers = await relay.dial().watch('udp');
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    );
  });

  it('ends its side when the origin hangs up after a challenge, each time', async () => {
    let open = 0;
    relay.datapath.serve(originAt, (stream) => {
      open += 1;
      stream.on('close', () => {
        open -= 1;
      });
      relay.origin.serve(stream);
      stream.on('data', () => setImmediate(() => stream.end()));
    });
    relay.origin.scripts.set('DESCRIBE', () => ({
      status: 401,
      headers: [['WWW-Authenticate', 'Basic realm="r"']],
    }));
    const viewer = relay.dial();
    for (let round = 0; round < 5; round++) {
      assert.equal((await viewer.ask('DESCRIBE', url)).status, 401);
      await until(() => open === 0);
    }
    assert.equal(relay.origin.connections, 5);
  });

  it('keeps an upstream with an endless session timeout alive at a sane pace', async () => {
    relay.origin.scripts.set('SETUP', (request) => ({
      status: 200,
      headers: [
        ['Transport', `${request.headers.get('Transport')};server_port=6000-6001`],
        ['Session', 'upstream;timeout=4294967295'],
      ],
    }));
    await relay.dial().watch('udp');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(relay.origin.methods.filter((method) => method === 'GET_PARAMETER').length, 0);
  });

  it('takes the address it dialled for the source where the origin names none that is an address', async () => {
    relay.origin.scripts.set('SETUP', (request) => ({
      status: 200,
      headers: [
        ['Transport', `${request.headers.get('Transport')};server_port=6000-6001;source=camera.example`],
        ['Session', 'upstream'],
      ],
    }));
    const answers = await relay.dial().watch('udp');
    assert.equal(answers.at(-1)?.status, 200);
  });

  it('asks nothing in its own name of an origin for which it cannot sign', async () => {
    const guard = () => ({
      status: 401,
      headers: [['WWW-Authenticate', 'Basic realm="r"']] as [string, string][],
    });
    for (const method of ['DESCRIBE', 'SETUP', 'PLAY', 'OPTIONS', 'GET_PARAMETER']) {
      relay.origin.scripts.set(method, ({ headers }) =>
        headers.get('Authorization') === undefined ? guard() : undefined,
      );
    }
    const viewer = relay.dial();
    const Authorization = 'Basic dTpw';
    assert.equal((await viewer.ask('DESCRIBE', url)).status, 401);
    assert.equal((await viewer.ask('DESCRIBE', url, { Authorization })).status, 200);
    const setUp = await viewer.ask('SETUP', `${url}/stream=0`, { Authorization, Transport: udp });
    const played = await viewer.ask('PLAY', url, { Authorization, Session: sessionOf(setUp) });
    assert.equal(played.status, 200);
    const unsigned = relay.origin.requests.filter(
      ({ headers }) => headers.get('Authorization') === undefined,
    );
    assert.deepEqual(
      unsigned.map(({ method }) => method),
      ['DESCRIBE'],
    );
  });
});

describe('Intake: bad input', () => {
  it('gives a first request that comes byte by byte no more time than another', async () => {
    const relay = await new SimRelay().open();
    relay.limits = { ...relay.limits, firstRequestMs: 100 };
    const viewer = relay.dial();
    const dripping = setInterval(() => viewer.write('O'), 20);
    try {
      const began = performance.now();
      await viewer.next();
      assert.ok(performance.now() - began < 1000);
      assert.ok(viewer.ended);
    } finally {
      clearInterval(dripping);
      await relay.close();
    }
  });

  it('survives an origin that resets a passed-through connection at any moment', async () => {
    const relay = await new SimRelay().open();
    const spoken = Promise.withResolvers<Duplex>();
    relay.datapath.serve(originAt, (stream) => {
      stream.on('error', () => {});
      stream.once('data', () => {
        stream.write('HTTP/1.1 200 OK\r\n\r\n');
        spoken.resolve(stream);
      });
    });
    const splicing = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { datapath } = relay;
    datapath.splice = async () => {
      splicing.resolve();
      await go.promise;
      throw new WeirError('ALREADY_CLOSED', 'the connection is over');
    };
    const stream = relay.datapath.dial({ address: '198.18.0.1', port: 9 }, originAt);
    stream.on('error', () => {}).on('data', () => {});
    stream.write('GET / HTTP/1.1\r\n\r\n');
    await splicing.promise;
    ((await spoken.promise) as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    go.resolve();
    await until(() => relay.intake.openConnections === 0);
    await relay.close();
  });
});
