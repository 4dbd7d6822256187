import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock, silentLog as log } from '#base';
import { MqttDestination } from '../../src/upload/mqtt/mqtt-destination.ts';
import { Certificates, type Identity } from './upload/certificates.ts';
import { Mosquitto } from './upload/mosquitto.ts';
import { entry, record } from './upload/records.ts';
import { Subscriber } from './upload/subscriber.ts';

const port = 18_883;
const deviceId = 'weir-0123456789abcdef';

/** A destination, and what happens to its connections. */
function destination(identity: Identity): { mqtt: MqttDestination; connected: () => Promise<void> } {
  let next = Promise.withResolvers<void>();
  const { ca, cert, key } = identity;
  const mqtt = new MqttDestination({
    name: 'mqtt:lab',
    broker: { url: `mqtts://localhost:${port}`, ca, cert, key },
    topic: 'isp/weir',
    deviceId,
    connected: () => {
      next.resolve();
      next = Promise.withResolvers();
    },
    clock,
    log,
  });
  return { mqtt, connected: () => next.promise };
}

describe('lab: MQTT at mosquitto', function () {
  this.timeout(60_000);
  let folder: string;
  let broker: Mosquitto;
  let ours: Identity;
  let strange: Identity;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-mqtt-'));
    const authority = new Certificates(folder);
    ours = authority.issue('box');
    strange = new Certificates(folder, 'other-ca').issue('stranger');
    broker = await Mosquitto.start({ folder, port, identity: authority.issue('server') });
  });

  after(async () => {
    await broker?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const listen = (topic: string) => Subscriber.start({ port, identity: ours, topic });

  it('delivers records as CloudEvents, acknowledged by the broker (MQTT 5 s.4.3.2)', async () => {
    await using subscriber = await listen('isp/weir/+/records');
    const { mqtt, connected } = destination(ours);
    await using _mqtt = mqtt;
    await connected();
    const sent = Array.from({ length: 150 }, (_, index) => entry(index + 1));
    const told = await mqtt.deliver(sent);
    assert.ok(told.every(({ outcome }) => outcome === 'acknowledged'));
    const last = sent.at(-1)?.record.recordId;
    await subscriber.until(({ payload }) => JSON.parse(payload).id === last);
    const ids = subscriber.messages.map(({ payload }) => JSON.parse(payload).id);
    assert.deepEqual(ids.toSorted(), sent.map(({ record }) => record.recordId).toSorted());
    const [first] = subscriber.messages;
    assert.equal(first?.topic, `isp/weir/${deviceId}/records`);
    const event = JSON.parse(first?.payload ?? '');
    const original = sent.find(({ record }) => record.recordId === event.id);
    assert.equal(JSON.stringify(event.data.record), original?.body, 'the record is as it was signed');
    assert.equal(event.data.chain.sequence, original?.sequence);
    assert.equal(event.specversion, '1.0');
  });

  it('tells of sessions that run', async () => {
    await using subscriber = await listen(`isp/weir/${deviceId}/interim`);
    const { mqtt, connected } = destination(ours);
    await using _mqtt = mqtt;
    await connected();
    const running = record();
    mqtt.interim(running);
    const { payload } = await subscriber.until(() => true);
    assert.equal(JSON.parse(payload).type, 'weir.usage.interim.v1');
    assert.equal(JSON.parse(payload).data.record.sessionId, running.sessionId);
  });

  it('says online, and offline when it closes', async () => {
    await using subscriber = await listen(`isp/weir/${deviceId}/state`);
    const { mqtt, connected } = destination(ours);
    await connected();
    await subscriber.until(({ payload }) => payload === '{"state":"online"}');
    const before = subscriber.messages.length;
    await mqtt.close();
    await subscriber.until(
      (message) =>
        subscriber.messages.indexOf(message) >= before - 1 && message.payload === '{"state":"offline"}',
    );
  });

  it('leaves what was not acknowledged to be told again when the broker is killed, and connects again', async () => {
    const { mqtt, connected } = destination(ours);
    await using _mqtt = mqtt;
    await connected();
    const delivering = mqtt.deliver(Array.from({ length: 200 }, (_, index) => entry(index + 1)));
    await broker.kill();
    const told = await delivering;
    assert.ok(told.every(({ outcome }) => outcome === 'acknowledged' || outcome === 'retry'));
    await assert.rejects(mqtt.deliver([entry(201)]), { code: 'UPLOAD_FAILED' });
    const again = connected();
    await broker.start();
    await again;
    assert.deepEqual(await mqtt.deliver([entry(202)]), [{ outcome: 'acknowledged' }]);
  });

  it('has no connection with a certificate of strangers, and says so', async () => {
    const { mqtt } = destination({ ...strange, ca: ours.ca });
    await using _mqtt = mqtt;
    await assert.rejects(mqtt.deliver([entry(1)]), { code: 'UPLOAD_FAILED' });
  });
});
