import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { isWeirError, silentLog, systemClock } from '#base';
import { RadsecLink } from '../../../src/upload/radius/radsec-link.ts';
import { UdpLink } from '../../../src/upload/radius/udp-link.ts';
import { entry, record } from '../../lab/upload/records.ts';
import { RadiusResponder } from './radius-responder.ts';
import { radiusTo } from './radius-to.ts';

/** RFC 2866 s.5.1. */
const accountingOn = 7;
const stop = 2;

describe('upload: links to RADIUS servers', () => {
  it('by UDP are closed while a request waits for its socket, and nothing is sent after', async () => {
    const link = new UdpLink({
      host: '127.0.0.1',
      port: 9,
      secret: 'a secret',
      clock: systemClock,
      log: silentLog,
    });
    const answer = assert.rejects(link.request([]), (error) => isWeirError(error, 'ALREADY_CLOSED'));
    await link.close();
    await answer;
  });

  it('have room for the end of a session while a thousand others have news nobody answers', async () => {
    await using server = await RadiusResponder.start([accountingOn, stop]);
    const { port, secret } = server;
    const link = new UdpLink({ host: '127.0.0.1', port, secret, clock: systemClock, log: silentLog });
    await using destination = radiusTo([link]);
    for (let session = 0; session < 1000; session += 1) destination.started(record());
    const ends = Array.from({ length: destination.batch }, (_, index) => entry(index + 1));
    const deliveries = await destination.deliver(ends);
    assert.deepEqual(
      deliveries,
      ends.map(() => ({ outcome: 'acknowledged' })),
    );
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
