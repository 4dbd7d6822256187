import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { isWeirError, silentLog, systemClock } from '#base';
import { RadiusDestination } from '../../../src/upload/radius/radius-destination.ts';
import { RadiusServers } from '../../../src/upload/radius/radius-servers.ts';
import { RadsecLink } from '../../../src/upload/radius/radsec-link.ts';
import { UdpLink } from '../../../src/upload/radius/udp-link.ts';
import { entry, record } from '../../lab/upload/records.ts';

const secret = 'a secret';
const statusType = 40;
const accountingOn = 7;
const stop = 2;

/** An Accounting-Response without attributes (RFC 2866 s.4.2). */
function responseTo(request: Buffer): Buffer {
  const head = Buffer.from([5, request[1] ?? 0, 0, 20]);
  const authenticator = createHash('md5')
    .update(head)
    .update(request.subarray(4, 20))
    .update(secret)
    .digest();
  return Buffer.concat([head, authenticator]);
}

/** RFC 2866 s.5.1. */
function statusOf(packet: Buffer): number {
  for (let at = 20; at < packet.length; at += packet[at + 1] || packet.length) {
    if (packet[at] === statusType) return packet.readUInt32BE(at + 2);
  }
  return 0;
}

describe('upload: links to RADIUS servers', () => {
  it('by UDP are closed while a request waits for its socket, and nothing is sent after', async () => {
    const link = new UdpLink({ host: '127.0.0.1', port: 9, secret, clock: systemClock, log: silentLog });
    const answer = assert.rejects(link.request([]), (error) => isWeirError(error, 'ALREADY_CLOSED'));
    await link.close();
    await answer;
  });

  it('have room for the end of a session while a thousand others have news nobody answers', async () => {
    const server = createSocket('udp4');
    server.on('message', (packet, { port, address }) => {
      if ([accountingOn, stop].includes(statusOf(packet))) server.send(responseTo(packet), port, address);
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const clock = systemClock;
    const log = silentLog;
    const link = new UdpLink({ host: '127.0.0.1', port: server.address().port, secret, clock, log });
    await using destination = new RadiusDestination({
      name: 'radius:test',
      nas: { deviceId: 'weir-1', vendorId: 32473 },
      servers: new RadiusServers({ links: [link], clock, log }),
      clock,
      log,
    });
    for (let session = 0; session < 1000; session += 1) destination.started(record());
    const ends = Array.from({ length: destination.batch }, (_, index) => entry(index + 1));
    const deliveries = await destination.deliver(ends);
    assert.deepEqual(
      deliveries,
      ends.map(() => ({ outcome: 'acknowledged' })),
    );
    server.close();
  }).timeout(10_000);

  it('by TLS are closed in the middle of a handshake that gets no answer', async () => {
    const server = createServer();
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const tls = { ca: '', cert: '', key: '' };
    const link = new RadsecLink({ host: '127.0.0.1', port, tls, clock: systemClock, log: silentLog });
    const answer = link.request([]).then(
      () => undefined,
      (error) => error,
    );
    const [socket] = await accepted;
    await link.close();
    assert.ok(isWeirError(await answer, 'UPLOAD_FAILED'));
    socket.destroy();
    server.close();
  });
});
