import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Clock, describeError, type Log, WeirError } from '#base';
import type { Config } from '../config/index.ts';
import type { Destination } from './destination.ts';
import { Collector } from './https/collector.ts';
import { HttpsDestination } from './https/https-destination.ts';
import { MqttDestination } from './mqtt/mqtt-destination.ts';
import { RadiusDestination, type RadiusPresence } from './radius/radius-destination.ts';
import type { RadiusLink } from './radius/radius-link.ts';
import { RadiusServers } from './radius/radius-servers.ts';
import { RadsecLink } from './radius/radsec-link.ts';
import { UdpLink } from './radius/udp-link.ts';

type Upload = Config['upload'];
type RadiusConfig = Upload['radius'][number];
type HttpsConfig = Upload['https'][number];
type MqttConfig = Upload['mqtt'][number];

/** One receiver in the configuration. */
export type Receiver =
  | ({ readonly kind: 'radius' } & RadiusConfig)
  | ({ readonly kind: 'https' } & HttpsConfig)
  | ({ readonly kind: 'mqtt' } & MqttConfig);

/** All receivers; one without a name has none of its own in the outbox either, and is left out. */
export function receiversIn(upload: Upload): readonly Receiver[] {
  return [
    ...upload.radius.map((one) => ({ kind: 'radius' as const, ...one })),
    ...upload.https.map((one) => ({ kind: 'https' as const, ...one })),
    ...upload.mqtt.map((one) => ({ kind: 'mqtt' as const, ...one })),
  ];
}

/** The name of a receiver in the outbox. */
export const receiverName = ({ kind, name }: Receiver): string => `${kind}:${name}`;

/** One without a name has none in the outbox either. */
export const isNamed = ({ name }: Receiver): boolean => name !== undefined;

/** Names of the receivers that get links of the chain, and so what it says beside records. RADIUS has no words for that. */
export const chainReceivers = (upload: Upload): readonly string[] =>
  receiversIn(upload)
    .filter((one) => isNamed(one) && one.kind !== 'radius')
    .map(receiverName);

/** What a destination needs of the box. */
export interface DestinationContext {
  /** Relative paths of PEM files begin here. */
  readonly folder: string;
  readonly deviceId: string;
  readonly bootEpoch: number;
  /** Whether the wall clock is synchronised. */
  readonly clockTrusted: () => boolean;
  /** Of this receiver, for as long as it is in the configuration. */
  readonly presence: RadiusPresence;
  /** Called when a destination is newly reachable. */
  readonly reachable: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Rejects with UPLOAD_MISCONFIGURED, naming the receiver and what is missing. */
export async function makeDestination(receiver: Receiver, context: DestinationContext): Promise<Destination> {
  switch (receiver.kind) {
    case 'radius':
      return radiusDestination(receiver, context);
    case 'https':
      return httpsDestination(receiver, context);
    case 'mqtt':
      return mqttDestination(receiver, context);
  }
}

const radiusPorts = { udp: 1813, tls: 2083 } as const;

async function radiusDestination(
  receiver: Extract<Receiver, { kind: 'radius' }>,
  context: DestinationContext,
): Promise<Destination> {
  const { servers, transport, vendorId, serverName } = receiver;
  const { clock, log, deviceId, bootEpoch, clockTrusted, presence } = context;
  if (servers.length === 0) throw misconfigured(receiver, 'it has no server', 'set one under servers');
  const pem = await readPem(receiver, context.folder);
  const links = servers.map(({ host, port = radiusPorts[transport], secret }): RadiusLink => {
    if (host === undefined) throw misconfigured(receiver, 'a server has no host', 'set its host');
    if (transport === 'udp') {
      if (secret === undefined) throw misconfigured(receiver, `${host} has no secret`, 'set its secret');
      return new UdpLink({ host, port, secret, clock, log });
    }
    const { ca, cert, key } = pem;
    if (ca === undefined || cert === undefined || key === undefined) {
      throw misconfigured(receiver, 'RadSec needs certificates', 'set caFile, certFile and keyFile');
    }
    const tls = { ca, cert, key, ...(serverName === undefined ? {} : { serverName }) };
    return new RadsecLink({ host, port, tls, clock, log });
  });
  return new RadiusDestination({
    name: receiverName(receiver),
    nas: { deviceId, vendorId },
    bootEpoch,
    clockTrusted,
    presence,
    servers: new RadiusServers({ links, clock, log }),
    clock,
    log,
  });
}

async function httpsDestination(
  receiver: Extract<Receiver, { kind: 'https' }>,
  { folder, deviceId, log }: DestinationContext,
): Promise<Destination> {
  const { url, token, timeoutSeconds, batch } = receiver;
  if (url === undefined) throw misconfigured(receiver, 'it has no url', 'set its url');
  const collector = new Collector({
    url: new URL(url),
    ...(await readPem(receiver, folder)),
    ...(token === undefined ? {} : { token }),
    timeoutMs: timeoutSeconds * 1000,
  });
  return new HttpsDestination({ name: receiverName(receiver), batch, deviceId, collector, log });
}

async function mqttDestination(
  receiver: Extract<Receiver, { kind: 'mqtt' }>,
  { folder, deviceId, reachable, clock, log }: DestinationContext,
): Promise<Destination> {
  const { url, topic, username, password } = receiver;
  if (url === undefined) throw misconfigured(receiver, 'it has no url', 'set its url');
  return new MqttDestination({
    name: receiverName(receiver),
    broker: {
      url,
      ...(await readPem(receiver, folder)),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    },
    topic,
    deviceId,
    connected: reachable,
    clock,
    log,
  });
}

interface Pem {
  ca?: string;
  cert?: string;
  key?: string;
}

async function readPem(receiver: Receiver, folder: string): Promise<Pem> {
  const pem: Pem = {};
  const files = { ca: receiver.caFile, cert: receiver.certFile, key: receiver.keyFile };
  for (const [part, file] of Object.entries(files) as [keyof Pem, string | undefined][]) {
    if (file === undefined) continue;
    try {
      pem[part] = await readFile(resolve(folder, file), 'utf8');
    } catch (error) {
      throw misconfigured(
        receiver,
        `its ${part} cannot be read: ${describeError(error)}`,
        'put the file there',
      );
    }
  }
  return pem;
}

function misconfigured(receiver: Receiver, what: string, advice: string): WeirError {
  return new WeirError('UPLOAD_MISCONFIGURED', `${receiverName(receiver)}: ${what}`, { advice });
}
