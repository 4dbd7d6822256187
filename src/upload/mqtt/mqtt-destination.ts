/** Records by MQTT 5. The only importer of mqtt. */
import { connect, ErrorWithReasonCode, type IClientOptions, type MqttClient } from 'mqtt';
import { type Clock, describeError, type Log, WeirError, within } from '#base';
import type { UsageRecord } from '../../billing/index.ts';
import { Backoff } from '../backoff.ts';
import { entryEvent, liveEvent } from '../cloud-event.ts';
import type { Delivery, Destination } from '../destination.ts';
import type { OutgoingEntry } from '../outgoing-entry.ts';

const connectMs = 10_000;
/** A broker that has not acknowledged for so long is given up, and the connection with it. */
const acknowledgeMs = 10_000;
/** How long the broker has to take the news that the box goes. */
const goodbyeMs = 1000;
/** Publications under way; brokers allow as a rule no more than their Receive Maximum (MQTT 5 s.3.3.4), often 20. */
const window = 20;
/** News of running sessions are dropped while so much waits for a broker that reads slowly or not at all. */
const maxUnsentBytes = 1_048_576;
/** MQTT 5 s.3.4.2.1: the publication itself is at fault (topic name invalid, packet too large, payload format invalid). */
const permanent = new Set([0x90, 0x95, 0x99]);

const disconnected: Delivery = { outcome: 'retry', reason: 'the broker closed the connection' };

/** A broker, and who we are to it. PEM texts. */
export interface BrokerOptions {
  readonly url: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly username?: string;
  readonly password?: string;
}

/**
 * One connection to a broker, kept up by itself: its last will (MQTT 5 s.3.1.2.5) tells that the box is gone. Records go
 * out with QoS 1. What the broker has not acknowledged is forgotten here with the connection: the outbox knows.
 */
export class MqttDestination implements Destination {
  readonly name: string;
  readonly batch = 200;
  readonly #topics: { readonly records: string; readonly interim: string; readonly state: string };
  readonly #broker: BrokerOptions;
  readonly #deviceId: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #keepingUp: Promise<void>;
  #client: MqttClient | undefined;
  #trouble = 'not connected yet';

  constructor(options: {
    name: string;
    broker: BrokerOptions;
    topic: string;
    deviceId: string;
    /** Called with each connection: what waits can go out now. */
    connected: () => void;
    clock: Clock;
    log: Log;
  }) {
    this.name = options.name;
    this.#broker = options.broker;
    this.#deviceId = options.deviceId;
    this.#clock = options.clock;
    this.#log = options.log.with({ destination: options.name });
    const base = `${options.topic}/${options.deviceId}`;
    this.#topics = { records: `${base}/records`, interim: `${base}/interim`, state: `${base}/state` };
    this.#keepingUp = this.#keepUp(options.connected);
  }

  async deliver(entries: readonly OutgoingEntry[]): Promise<readonly Delivery[]> {
    const client = this.#client;
    if (!client) {
      throw new WeirError('UPLOAD_FAILED', 'no connection to the broker', {
        fields: { reason: this.#trouble },
      });
    }
    const deliveries = new Map<OutgoingEntry, Delivery>();
    const waiting = [...entries];
    const publishNext = async () => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        deliveries.set(entry, await this.#publish(client, entry));
      }
    };
    const late = this.#clock.after(acknowledgeMs, () => client.end(true));
    try {
      await Promise.all(Array.from({ length: window }, publishNext));
    } finally {
      late[Symbol.dispose]();
    }
    return entries.map((entry) => deliveries.get(entry) ?? { outcome: 'retry', reason: 'not sent' });
  }

  async #publish(client: MqttClient, entry: OutgoingEntry): Promise<Delivery> {
    if (!client.connected) return disconnected;
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const gone = () => resolve(disconnected);
    client.once('close', gone);
    client.publish(
      this.#topics.records,
      entryEvent(entry, this.#deviceId),
      { qos: 1, properties: { contentType: 'application/cloudevents+json', payloadFormatIndicator: true } },
      (error) => resolve(error ? failed(error) : { outcome: 'acknowledged' }),
    );
    try {
      return await promise;
    } finally {
      client.off('close', gone);
    }
  }

  started(record: UsageRecord): void {
    this.#tell('started', record);
  }

  interim(record: UsageRecord): void {
    this.#tell('interim', record);
  }

  #tell(kind: 'started' | 'interim', record: UsageRecord): void {
    if (!this.#client?.connected || this.#client.stream.writableLength > maxUnsentBytes) return;
    this.#client.publish(this.#topics.interim, liveEvent(kind, record), { qos: 0 });
  }

  async #keepUp(connected: () => void): Promise<void> {
    const backoff = new Backoff();
    while (!this.#stopping.signal.aborted) {
      try {
        const client = await this.#connect();
        const closed = Promise.withResolvers<void>();
        client.once('close', closed.resolve);
        this.#client = client;
        backoff.reset();
        client.publish(this.#topics.state, '{"state":"online"}', { qos: 1, retain: true });
        connected();
        await closed.promise;
        this.#trouble = 'the broker closed the connection';
      } catch (error) {
        this.#trouble = describeError(error);
        this.#log.debug('no connection', { error: this.#trouble });
      }
      this.#client = undefined;
      await this.#clock.sleep(backoff.next(), this.#stopping.signal).catch(() => {});
    }
  }

  async #connect(): Promise<MqttClient> {
    const { url, ...identity } = this.#broker;
    const options: IClientOptions = {
      ...identity,
      protocolVersion: 5,
      clientId: `weir-${this.#deviceId}`,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: connectMs,
      queueQoSZero: false,
      will: { topic: this.#topics.state, payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
    };
    const client = connect(url, options);
    // Every publication under way listens for the end of the connection.
    client.setMaxListeners(window + 10);
    const { promise, resolve, reject } = Promise.withResolvers<MqttClient>();
    const abort = () => client.end(true);
    this.#stopping.signal.addEventListener('abort', abort, { once: true });
    client.once('connect', () => resolve(client));
    client.once('close', () => reject(new Error(this.#trouble)));
    // Stays for the life of the client: what is said here is also said by `close`.
    client.on('error', (error) => {
      this.#trouble = describeError(error);
      reject(error);
    });
    client.once('close', () => this.#stopping.signal.removeEventListener('abort', abort));
    try {
      return await promise;
    } catch (error) {
      client.end(true);
      throw error;
    }
  }

  /** Says that the box is gone, instead of leaving it to the last will. */
  async close(): Promise<void> {
    const client = this.#client;
    if (client?.connected) {
      const { promise, resolve } = Promise.withResolvers<void>();
      client.publish(this.#topics.state, '{"state":"offline"}', { qos: 1, retain: true }, () => resolve());
      await within(promise, goodbyeMs, this.#clock);
    }
    this.#stopping.abort();
    await this.#keepingUp;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function failed(error: Error): Delivery {
  const reason = `the broker answers: ${describeError(error)}`;
  const code = error instanceof ErrorWithReasonCode ? error.code : 0;
  return permanent.has(code) ? { outcome: 'rejected', reason } : { outcome: 'retry', reason };
}
