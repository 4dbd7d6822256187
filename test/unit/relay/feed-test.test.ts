import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { systemClock } from '#base';
import { feedTestParts } from '../../../src/feed-test.ts';
import { type RelayTest, type TestParts, testRelay } from '../../../src/operations/index.ts';
import { type rtspWire, ServerPorts } from '../../../src/protocol/index.ts';
import { parseAuthorization, verifyDigest } from '../../../src/protocol/rtsp/wire/index.ts';
import { originAt, rtp, SimRelay, url } from './sim-relay.ts';

const password = 'correct horse';

describe('the test of a feed', () => {
  let relay: SimRelay;
  let parts: TestParts;
  beforeEach(async () => {
    relay = await new SimRelay().open();
    const box = { monitor: relay.monitor, serverPorts: new ServerPorts(relay.datapath) };
    parts = {
      ...feedTestParts(box, systemClock),
      resolve: async () => [originAt.address],
      connect: async () => {},
    };
  });
  afterEach(() => relay.close());

  const run = (wish: { url?: string; signal?: AbortSignal; onStep?: () => void } = {}): Promise<RelayTest> =>
    testRelay(parts, { url, mediaSeconds: 0.2, ...wish });
  const steps = ({ steps }: RelayTest) => steps.map(({ step, ok }) => `${step} ${ok ? 'ok' : 'failed'}`);
  const last = ({ steps }: RelayTest) => steps.at(-1)?.text ?? '';

  it('does what a viewer does, step by step, up to the first packet and the first picture', async () => {
    const result = await run();
    assert.deepEqual(steps(result), [
      'resolve ok',
      'connect ok',
      'describe ok',
      'setup ok',
      'play ok',
      'first packet ok',
      'start point ok',
    ]);
    assert.equal(result.ok, true);
    assert.deepEqual(relay.origin.methods.slice(0, 4), ['DESCRIBE', 'SETUP', 'SETUP', 'PLAY']);
  });

  it('leaves nothing behind: no viewer, no feed, and the upstream is torn down', async () => {
    await run();
    assert.equal(relay.monitor.viewers().length, 0);
    await relay.origin.asked('TEARDOWN');
    assert.equal(relay.monitor.feeds().length, 0);
  });

  it('joins a feed that plays, without asking the origin again, and leaves its viewers alone', async () => {
    const viewer = relay.dial();
    await viewer.watch('tcp');
    const asked = relay.origin.methods.length;
    const testing = run();
    // The feed goes on meanwhile.
    const push = setInterval(() => {
      for (const feed of relay.datapath.feeds)
        feed.push(0, rtp({ seq: 2, rtpTime: 3000, payload: Buffer.alloc(9) }));
    }, 5);
    const result = await testing.finally(() => clearInterval(push));
    assert.equal(result.ok, true, JSON.stringify(result));
    assert.match(result.steps.find(({ step }) => step === 'play')?.text ?? '', /joined/);
    assert.equal(relay.origin.methods.length, asked);
    assert.equal(relay.monitor.viewers().length, 1);
    assert.equal(viewer.ended, false);
  });

  it('says in the words of the origin why it refuses', async () => {
    relay.origin.scripts.set('DESCRIBE', () => ({ status: 404 }));
    const result = await run();
    assert.deepEqual(steps(result), ['resolve ok', 'connect ok', 'describe failed']);
    assert.match(last(result), /the origin answers 404/);
    assert.equal(result.ok, false);
  });

  it('says that a track is refused', async () => {
    relay.origin.scripts.set('SETUP', () => ({ status: 453 }));
    const result = await run();
    assert.equal(steps(result).at(-1), 'setup failed');
    assert.match(last(result), /453/);
    assert.equal(relay.monitor.viewers().length, 0);
  });

  it('says that no packet comes', async () => {
    relay.origin.playing = () => {};
    assert.match(last(await run()), /no packet came within 0.2 s/);
  });

  it('says that packets come, and none that a picture can begin with', async () => {
    relay.origin.playing = () => {
      for (const feed of relay.datapath.feeds)
        feed.push(0, rtp({ seq: 1, rtpTime: 0, payload: Buffer.from([0x41, 1, 2, 3]) }));
    };
    const result = await run();
    assert.equal(steps(result).at(-1), 'start point failed');
    assert.match(last(result), /viewers see no picture/);
  });

  it('says which name or address leads nowhere', async () => {
    const box = { monitor: relay.monitor, serverPorts: new ServerPorts(relay.datapath) };
    const real = feedTestParts(box, systemClock);
    const unknown = await testRelay(real, { url: 'rtsp://nobody.invalid/live' });
    assert.deepEqual(steps(unknown), ['resolve failed']);
    // A port that was just free: nobody listens there.
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const refused = await testRelay(real, { url: `rtsp://127.0.0.1:${port}/live` });
    assert.deepEqual(steps(refused), ['resolve ok', 'connect failed']);
    assert.match(last(refused), /ECONNREFUSED/);
  });

  const digest = 'Digest realm="tv", nonce="n1"';
  const proves = (request: rtspWire.RtspRequest): boolean => {
    const header = request.headers.get('Authorization');
    if (header === undefined) return false;
    const expected = { method: request.method, username: 'ann', password, nonce: 'n1' };
    return verifyDigest(parseAuthorization(header), expected);
  };
  const protect = () => {
    for (const method of ['DESCRIBE', 'SETUP', 'PLAY']) {
      relay.origin.scripts.set(method, (request) =>
        proves(request) ? undefined : { status: 401, headers: [['WWW-Authenticate', digest]] },
      );
    }
  };

  it('says that the origin wants a password', async () => {
    protect();
    const result = await run();
    assert.equal(steps(result).at(-1), 'describe failed');
    assert.match(last(result), /401.*rtsp:\/\/USER:PASSWORD@/);
  });

  it('signs each request as a viewer with the user name and password of the URL (RFC 7616), and shows neither', async () => {
    protect();
    const result = await run({ url: `rtsp://ann:${encodeURIComponent(password)}@203.0.113.10/live` });
    assert.equal(result.ok, true, JSON.stringify(result));
    assert.doesNotMatch(JSON.stringify(result), /horse|ann/);
    const wrong = await run({ url: 'rtsp://ann:wrong@203.0.113.10/live' });
    assert.match(last(wrong), /401/);
  });

  it('ends when it is told to, and leaves nothing behind then', async () => {
    relay.origin.playing = () => {};
    const stop = new AbortController();
    const result = await testRelay(parts, {
      url,
      mediaSeconds: 60,
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === 'play') setImmediate(() => stop.abort());
      },
    });
    assert.equal(last(result), 'ended early');
    assert.equal(relay.monitor.viewers().length, 0);
  });

  it('refuses what is no rtsp:// URL', async () => {
    for (const bad of ['', 'http://x/', 'rtsp://', 'rtsp://x/ y']) {
      await assert.rejects(run({ url: bad }), { code: 'USAGE' }, bad);
    }
  });
});
