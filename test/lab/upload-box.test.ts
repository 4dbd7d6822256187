import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { World } from '../../src/demo/world/index.ts';
import type { DestinationStatus } from '../../src/operations/index.ts';
import { askDaemon } from '../../src/status/index.ts';
import { recorded, recordsIn } from './kept-records.ts';
import { createLabWorld } from './lab-world.ts';
import { GstreamerOrigin } from './origin-gstreamer.ts';
import { Program } from './program.ts';
import { Certificates, type Identity } from './upload/certificates.ts';
import { Freeradius } from './upload/freeradius.ts';
import { Mosquitto } from './upload/mosquitto.ts';
import { Subscriber } from './upload/subscriber.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const collectorProcess = fileURLToPath(new URL('upload/collector-process.ts', import.meta.url));
const ports = { radius: 1813, radsec: 2083, https: 8443, mqtt: 8883 };

/** All receivers run on the box itself: how to get there is not what is tested. */
describe('lab: records reach everybody who must have them', function () {
  this.timeout(120_000);
  let world: World;
  let folder: string;
  let dataDir: string;
  let server: Identity;
  let box: Identity;
  let origin: GstreamerOrigin;
  let url: string;

  before(async () => {
    world = await createLabWorld();
    folder = await mkdtemp(join(tmpdir(), 'weir-lab-upload-'));
    const authority = new Certificates(folder);
    server = authority.issue('server');
    box = authority.issue('box');
    origin = await GstreamerOrigin.start(world.origin.host, { port: 554 });
    url = `rtsp://${world.origin.address4}/live`;
  });
  after(async () => {
    await origin?.close();
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'weir-lab-data-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const tls = () => ({ caFile: box.files.ca, certFile: box.files.cert, keyFile: box.files.key });
  const upload = () => ({
    radius: [
      {
        name: 'udp',
        servers: [{ host: '127.0.0.1', port: ports.radius, secret: 's3cret' }],
        interimSeconds: 1,
      },
      {
        name: 'radsec',
        transport: 'tls',
        servers: [{ host: '127.0.0.1', port: ports.radsec }],
        serverName: 'localhost',
        ...tls(),
      },
    ],
    https: [{ name: 'collector', url: `https://localhost:${ports.https}/usage`, ...tls() }],
    mqtt: [{ name: 'broker', url: `mqtts://localhost:${ports.mqtt}`, topic: 'isp', ...tls() }],
  });
  const startRadius = (place: string) =>
    Freeradius.start({
      folder: place,
      host: world.box,
      port: ports.radius,
      secret: 's3cret',
      radsec: { port: ports.radsec, identity: server },
    });
  const startBroker = () => Mosquitto.start({ folder, host: world.box, port: ports.mqtt, identity: server });
  async function startCollector() {
    const taken: string[] = [];
    let listening = false;
    const { ca, cert, key } = server.files;
    const onLine = (line: string) => {
      listening ||= line === 'listening';
      const id = /^record (\S+)/.exec(line)?.[1];
      if (id !== undefined) taken.push(id);
    };
    const argv = [process.execPath, collectorProcess, ca, cert, key, String(ports.https)] as const;
    const program = await Program.start(world.box, [...argv], { onLine });
    await program.until(() => listening, 10_000, 'listening');
    return { program, taken };
  }
  const outbox = async (): Promise<readonly DestinationStatus[]> => {
    const told = (await askDaemon(dataDir, 'show outbox')) as {
      destinations: readonly DestinationStatus[];
    };
    return told.destinations;
  };
  /** There is no event to wait for on the control socket. */
  async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
    for (const end = Date.now() + 60_000; !(await holds()); ) {
      if (Date.now() > end) throw new Error(`${what}: ${JSON.stringify(await outbox())}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const delivered = () =>
    until(async () => (await outbox()).every(({ waiting }) => waiting === 0), 'all delivered');
  const notices = () =>
    origin.events
      .filter(({ event, method }) => event === 'request' && method === 'SET_PARAMETER')
      .map(({ body }) => JSON.parse(body ?? ''));

  it('at once: RADIUS, RadSec, HTTPS, MQTT, and the origin over the session its media came by', async () => {
    await using radius = await startRadius(await mkdtemp(join(folder, 'radius-')));
    await using _broker = await startBroker();
    const collector = await startCollector();
    await using _collector = collector.program;
    await using subscriber = await Subscriber.start({
      host: world.box,
      port: ports.mqtt,
      identity: box,
      topic: 'isp/+/records',
    });
    const before = notices().length;
    const torn = () => origin.requests('TEARDOWN');
    const tornBefore = torn();
    await using weir = await Weir.start(world, { dataDir, upload: upload() });
    const sources = ['198.19.0.1', '198.19.0.2', '198.19.0.3'];
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources });
    await viewers.settled(20_000);
    await viewers.watching(10_000);
    await until(
      async () => radius.packets().filter((text) => text.includes('Interim-Update')).length >= 3,
      'interims',
    );
    await viewers.teardown();
    const kept = await recorded(dataDir, 3);
    await delivered();
    const ids = kept.map(({ recordId }) => recordId).sort();
    assert.deepEqual(collector.taken.toSorted(), ids);
    await subscriber.until(() => subscriber.messages.length >= 3);
    assert.deepEqual(subscriber.messages.map(({ payload }) => JSON.parse(payload).id).toSorted(), ids);
    const rows = radius.rows();
    assert.equal(
      rows.length,
      3,
      'one row a session, of Start, Interim-Updates, Stop, and the same by RadSec',
    );
    for (const record of kept) {
      const row = rows.find(({ acctsessionid }) => acctsessionid === record.sessionId);
      assert.equal(row?.acctoutputoctets, Number(record.viewerTxBytes));
      assert.equal(row?.acctterminatecause, 'User-Request');
    }
    await weir.shows(({ feeds }) => feeds.length === 0, 10_000, 'the upstream session is over');
    const told = notices().slice(before);
    assert.deepEqual(told.map(({ record }) => record.recordId).toSorted(), ids);
    assert.equal(torn(), tornBefore + 1);
    const lastNotice = origin.events.findLastIndex(({ method }) => method === 'SET_PARAMETER');
    const teardown = origin.events.findLastIndex(({ method }) => method === 'TEARDOWN');
    assert.ok(lastNotice < teardown, 'the last viewer is told of before the session ends');
    const toOrigin = (await outbox()).find(({ destination }) => destination.startsWith('origin:'));
    assert.equal(toOrigin?.unconfirmed, 3, 'an unmodified GStreamer answers 451');
  });

  it('later, when they come back, and nobody waits for another', async () => {
    const place = await mkdtemp(join(folder, 'radius-'));
    const collector = await startCollector();
    await using _collector = collector.program;
    await using weir = await Weir.start(world, { dataDir, upload: upload() });
    await using viewers = await ScriptedViewers.start(world.viewer.host, {
      url,
      sources: ['198.19.0.1', '198.19.0.2'],
    });
    await viewers.settled(20_000);
    await viewers.watching(10_000);
    await viewers.teardown();
    const waitingFor = async () =>
      (await outbox()).filter(({ waiting }) => waiting > 0).map((one) => one.destination);
    const away = ['mqtt:broker', 'radius:radsec', 'radius:udp'];
    await until(
      async () => (await waitingFor()).sort().join() === away.join(),
      'only those that are away are waited for',
    );
    assert.equal(collector.taken.length, 2);
    await until(
      async () => (await outbox()).filter(({ lastError }) => lastError !== null).length === away.length,
      'it says why',
    );
    await weir.terminate();
    await using radius = await startRadius(place);
    await using _broker = await startBroker();
    await using _again = await Weir.start(world, { dataDir, upload: upload() });
    await delivered();
    assert.equal(radius.rows().length, 2);
    assert.equal(collector.taken.length, 2, 'what was acknowledged is not told again');
  });

  it('and the export proves what was delivered', async () => {
    const weir = await Weir.start(world, { dataDir });
    await using viewers = await ScriptedViewers.start(world.viewer.host, { url, sources: ['198.19.0.1'] });
    await viewers.settled(20_000);
    await viewers.watching(10_000);
    const before = notices().length;
    await weir.terminate();
    const [record] = await recordsIn(dataDir);
    const told = notices().slice(before);
    assert.deepEqual(
      told.map(({ record }) => record),
      [record],
      'a box that is told to stop tells the origin, too',
    );
    assert.equal(record?.terminateCause, 'admin-reboot');
  });
});
