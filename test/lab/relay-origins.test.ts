import { strict as assert } from 'node:assert';
import type { World } from '../../src/demo/world/index.ts';
import { Capture } from './capture.ts';
import { createLabWorld } from './lab-world.ts';
import { ScriptedOrigin } from './origin-scripted.ts';
import type { Packet } from './pcap.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

describe('lab: origins that do what few do', function () {
  this.timeout(60_000);
  let world: World;
  let weir: Weir;
  let url: string;

  before(async () => {
    world = await createLabWorld();
    weir = await Weir.start(world);
    url = `rtsp://${world.origin.address4}:8554/live`;
  });
  after(async () => {
    await weir?.close();
    await world?.close();
  });
  afterEach(async () => {
    await weir.shows(({ feeds }) => feeds.length === 0, 5_000, 'no feed after the last viewer');
  });

  const start = (options: Parameters<typeof ScriptedOrigin.start>[1] | object) =>
    ScriptedOrigin.start(world.origin.host, { port: 8554, ...options });
  const viewers = (options: object) =>
    ScriptedViewers.start(world.viewer.host, { url, sources: ['198.19.0.1', '198.19.0.2'], ...options });

  for (const [method, status] of [
    ['DESCRIBE', 404],
    ['DESCRIBE', 503],
    ['SETUP', 453],
    ['PLAY', 503],
  ] as const) {
    it(`hands ${status} to ${method} on to every viewer that waits, and keeps nothing`, async () => {
      await using _origin = await start({ refusals: { [method]: status } });
      await using waiting = await viewers({});
      assert.deepEqual(await waiting.settled(10_000), [status, status]);
      assert.deepEqual(waiting.told('media'), []);
    });
  }

  it('answers 504 when the origin has been silent for 10 s', async () => {
    await using _origin = await start({ refusals: { DESCRIBE: 'silent' } });
    await using waiting = await viewers({ sources: ['198.19.0.1'] });
    assert.deepEqual(await waiting.settled(15_000), [504]);
  });

  it('answers 503 where nothing listens', async () => {
    await using refused = await viewers({ sources: ['198.19.0.1'] });
    assert.deepEqual(await refused.settled(10_000), [503]);
  });

  it('plays from an origin that names no server_port', async () => {
    await using origin = await start({ serverPorts: false });
    await using playing = await viewers({});
    assert.deepEqual(await playing.settled(5_000), [200, 200]);
    await playing.watching(5_000);
    await playing.teardown();
    assert.equal(origin.requests('PLAY').length, 1);
  });

  for (const transport of ['udp', 'tcp'] as const) {
    it(`keeps what comes before the answer to PLAY, by ${transport}`, async () => {
      await using origin = await start({ packetsBeforePlayAnswer: 20 });
      await using playing = await viewers({ transport });
      assert.deepEqual(await playing.settled(5_000), [200, 200]);
      await playing.watching(5_000);
      await playing.teardown();
      assert.equal(origin.requests('PLAY').length, 1);
      assert.deepEqual(
        (await playing.counts()).map(({ lost }) => lost),
        [0, 0],
      );
    });
  }

  it('serves TCP viewers from an origin that has UDP only', async () => {
    await using origin = await start({ transports: ['udp'] });
    await using playing = await viewers({ transport: 'tcp' });
    assert.deepEqual(await playing.settled(5_000), [200, 200]);
    await playing.watching(5_000);
    await playing.teardown();
    assert.equal(origin.requests('PLAY').length, 1);
  });

  it('serves UDP viewers from an origin that has TCP only', async () => {
    await using origin = await start({ transports: ['tcp'] });
    await using playing = await viewers({});
    assert.deepEqual(await playing.settled(5_000), [200, 200]);
    await playing.watching(5_000);
    await playing.teardown();
    assert.equal(origin.requests('PLAY').length, 1);
  });

  it('gives each viewer its own upstream session where the source is not live (RFC 2326 app. C.1.5)', async () => {
    await using origin = await start({ range: 'npt=0-60.0' });
    await using playing = await viewers({});
    assert.deepEqual(await playing.settled(5_000), [200, 200]);
    await playing.watching(5_000);
    await playing.teardown();
    await origin.until(() => origin.requests('TEARDOWN').length === 2, 5_000, 'both TEARDOWNs');
    assert.equal(origin.requests('PLAY').length, 2);
  });

  it('keeps an upstream session alive that times out after 4 s without a request', async () => {
    await using origin = await start({ sessionTimeoutSeconds: 4 });
    await using capture = await Capture.start(world.box, world.wan.device);
    await using playing = await viewers({ sources: ['198.19.0.1'] });
    assert.deepEqual(await playing.settled(5_000), [200]);
    const alive = () => origin.requests('GET_PARAMETER').filter(({ status }) => status === 200).length >= 2;
    await origin.until(alive, 9_000, 'two GET_PARAMETER');
    await playing.teardown();
    // And by receiver reports (RFC 3550 s.6.4.2), the only sign of life that needs no signature.
    const isReport = ({ kind, payload, source }: Packet) =>
      kind === 'udp' && source.address === world.wan.address4 && payload.readUInt8(1) === 201;
    assert.ok((await capture.stop()).some(isReport));
  });
});
