import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { isWeirError } from '#base';
import type {
  InterleavedConnection,
  TcpConnection,
  TcpListener,
  TrackOptions,
  UdpPair,
} from '../../hal/datapath/face.ts';
import { encodeFrame } from '../../hal/sim/interleaved.ts';
import { type DatapathWorld, next, until } from './datapath-world.ts';
import { rtp } from './media.ts';

const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096 };
const audio: TrackOptions = { clockRateHz: 48_000, codec: 'none', video: false };
const ring = { ringBytes: 1 << 20, ringMs: 10_000 };

const request = (cseq: number, body = ''): Buffer =>
  Buffer.from(
    `OPTIONS rtsp://a/ RTSP/1.0\r\nCSeq: ${cseq}\r\n${body && `Content-Length: ${body.length}\r\n`}\r\n${body}`,
  );

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const code = (expected: string) => (error: unknown) => isWeirError(error) && error.code === expected;

/** What every Datapath has to do. `open` makes a fresh one for each test. */
export function datapathContract(open: () => Promise<DatapathWorld>): void {
  let world: DatapathWorld;

  beforeEach(async () => {
    world = await open();
  });

  afterEach(() => world.close());

  const listen = (port = 0): Promise<TcpListener> =>
    world.datapath.listen({ local: { address: world.address, port }, transparent: false });

  /** A connection through a listener: the datapath's side and the far one. */
  async function connected(): Promise<{ near: TcpConnection; far: Duplex }> {
    const listener = await listen();
    const accepted = next(listener.accepted);
    const far = await world.dial(listener.local);
    const near = await accepted;
    await listener.close();
    return { near, far };
  }

  async function adopted(): Promise<{ connection: InterleavedConnection; far: Duplex }> {
    const { near, far } = await connected();
    return { connection: await world.datapath.adopt(near, { limits }), far };
  }

  describe('TCP connections', () => {
    it('are accepted with both addresses and carry bytes and half-closes both ways', async () => {
      const listener = await listen();
      const accepted = next(listener.accepted);
      const far = await world.dial(listener.local);
      const { stream, local, remote } = await accepted;
      assert.deepEqual(local, listener.local);
      assert.ok(remote.port > 0 && remote.address !== '');
      far.end('from far');
      assert.equal(await readAll(stream), 'from far');
      stream.end('from near');
      assert.equal(await readAll(far), 'from near');
    });

    it('are refused at a listener that was closed, and its port is free again', async () => {
      const listener = await listen();
      await listener.close();
      await listener.close();
      await assert.rejects(world.dial(listener.local), { code: 'ECONNREFUSED' });
      const again = await listen(listener.local.port);
      assert.deepEqual(again.local, listener.local);
    });

    it('cannot be listened for twice at one address', async () => {
      const { local } = await listen();
      await assert.rejects(
        listen(local.port),
        (error) => isWeirError(error, 'SOCKET_FAILED') && error.fields.errno === 'EADDRINUSE',
      );
    });

    it('are opened to an origin', async () => {
      const served = Promise.withResolvers<Duplex>();
      const remote = await world.serve(served.resolve);
      const connection = await world.datapath.connect({ remote, timeoutMs: 1000 });
      assert.deepEqual(connection.remote, remote);
      const far = await served.promise;
      connection.stream.end('hello');
      assert.equal(await readAll(far), 'hello');
      far.end('you');
      assert.equal(await readAll(connection.stream), 'you');
    });

    it('that are refused say so', async () => {
      await assert.rejects(
        world.datapath.connect({ remote: world.refusing, timeoutMs: 1000 }),
        (error) => isWeirError(error, 'ORIGIN_UNREACHABLE') && error.fields.errno === 'ECONNREFUSED',
      );
    });

    it('that nobody answers time out', async function () {
      const { silent } = world;
      if (silent === undefined) return this.skip(); // only the test runner's namespaces have such a place
      await assert.rejects(world.datapath.connect({ remote: silent, timeoutMs: 50 }), code('TIMED_OUT'));
    });
  });

  describe('an adopted connection', () => {
    it('delivers what the caller had read, what the stream holds and what comes, whole and in order', async () => {
      const { near, far } = await connected();
      const all = Buffer.concat([request(1), request(2, 'body'), request(3)]);
      far.write(all.subarray(0, 30));
      await once(near.stream, 'readable');
      const unread: Buffer = near.stream.read(10);
      const connection = await world.datapath.adopt(near, { unread, limits });
      const messages = collect(connection, 3);
      far.write(all.subarray(30));
      assert.deepEqual(
        (await messages).map(textOf),
        [request(1), request(2, 'body'), request(3)].map(textOf),
      );
      assert.equal(near.stream.destroyed, true);
    });

    it('finds the messages however they are cut', async () => {
      const { connection, far } = await adopted();
      const messages = collect(connection, 2);
      for (const byte of Buffer.concat([
        request(1, 'x'),
        encodeFrame(7, Buffer.from('$R\r\n')),
        request(2),
      ])) {
        far.write(Uint8Array.of(byte));
      }
      assert.deepEqual((await messages).map(textOf), [request(1, 'x'), request(2)].map(textOf));
      await until(() => connection.counters().rxUnknownFrames === 1n);
    });

    it("parts '$' frames from text and counts those that nobody asked for (RFC 2326 s.10.12)", async () => {
      const { connection, far } = await adopted();
      const sent = [
        encodeFrame(4, rtp({ seq: 1 })),
        request(1),
        encodeFrame(5, new Uint8Array()),
        request(2),
      ];
      const messages = collect(connection, 2);
      far.write(Buffer.concat(sent));
      assert.deepEqual((await messages).map(textOf), [request(1), request(2)].map(textOf));
      await until(() => connection.counters().rxUnknownFrames === 2n);
      assert.equal(connection.counters().rxBytes, BigInt(Buffer.concat(sent).length));
      assert.ok(connection.counters().lastProgressMonoNs > 0n);
    });

    it('delivers a thousand pipelined messages in order', async () => {
      const { connection, far } = await adopted();
      const wanted = Array.from({ length: 1000 }, (_, cseq) => request(cseq, 'b'.repeat(200)));
      const messages = collect(connection, wanted.length);
      far.write(Buffer.concat(wanted));
      assert.deepEqual((await messages).map(textOf), wanted.map(textOf));
    });

    it('sends text and counts it', async () => {
      const { connection, far } = await adopted();
      connection.send(Buffer.from('RTSP/1.0 200 OK\r\n\r\n'));
      connection.send(Buffer.from('second'));
      await connection.close();
      assert.equal(await readAll(far), 'RTSP/1.0 200 OK\r\n\r\nsecond');
      assert.equal(connection.counters().txBytes, 25n);
    });

    for (const [name, bytes] of [
      ['whose head is over its limit', Buffer.alloc(limits.maxHeaderBytes + 1, 'a')],
      ['whose body is over its limit', Buffer.from('A b RTSP/1.0\r\nContent-Length: 4097\r\n\r\n')],
      ['whose Content-Length is no number', Buffer.from('A b RTSP/1.0\r\nContent-Length: -1\r\n\r\n')],
    ] as const) {
      it(`ends at a message ${name}, and can still answer it`, async () => {
        const { connection, far } = await adopted();
        const ended = next(connection.ended);
        far.write(bytes);
        assert.equal((await ended).end, 'bad-message');
        connection.send(Buffer.from('400'));
        await connection.close();
        assert.equal(await readAll(far), '400');
      });
    }

    it('tells once that the far side ended, and what was sent before', async () => {
      const { connection, far } = await adopted();
      const order: string[] = [];
      connection.message.on(() => order.push('message'));
      connection.ended.on(({ end }) => order.push(end));
      far.end(request(1));
      await until(() => order.length === 2);
      await connection.close();
      await connection.close();
      assert.deepEqual(order, ['message', 'fin']);
    });

    it('tells that the far side went away', async () => {
      const { connection, far } = await adopted();
      const ended = next(connection.ended);
      (far as Duplex & { resetAndDestroy(): void }).resetAndDestroy();
      assert.equal((await ended).end, 'reset');
    });

    it('ends when it is closed, twice is once', async () => {
      const { connection, far } = await adopted();
      const ends: string[] = [];
      connection.ended.on(({ end }) => ends.push(end));
      await Promise.all([connection.close(), connection.close()]);
      assert.equal(await readAll(far), '');
      await until(() => ends.length > 0);
      assert.deepEqual(ends, ['closed-by-us']);
      connection.send(Buffer.from('too late, and harmless'));
    });

    it('cannot be adopted twice', async () => {
      const { near } = await connected();
      await world.datapath.adopt(near, { limits });
      await assert.rejects(world.datapath.adopt(near, { limits }), code('DATAPATH_BAD_ARGUMENT'));
    });
  });

  describe('a UDP pair', () => {
    const pairAt = (rtpPort?: number): Promise<UdpPair> =>
      world.datapath.udpPair({ address: world.address, transparent: false, ...(rtpPort && { rtpPort }) });

    it('has an even port for RTP and the next one for RTCP (RFC 3550 s.11)', async () => {
      const { rtp, rtcp } = await pairAt();
      assert.equal(rtp.port % 2, 0);
      assert.deepEqual(rtcp, { address: world.address, port: rtp.port + 1 });
    });

    it('takes the port that is wanted, another when it is busy, and gives it back', async () => {
      const first = await pairAt();
      const second = await pairAt(first.rtp.port);
      assert.notEqual(second.rtp.port, first.rtp.port);
      await first.close();
      await first.close();
      const third = await pairAt(first.rtp.port);
      assert.deepEqual(third.rtp, first.rtp);
    });
  });

  describe('a splice', () => {
    it('carries bytes and half-closes both ways, what is given first before all else', async () => {
      const [a, b] = [await connected(), await connected()];
      a.far.write('from a');
      await once(a.near.stream, 'readable');
      const splice = await world.datapath.splice(a.near, b.near, {
        toA: Buffer.from('for a, '),
        toB: Buffer.from('for b, '),
      });
      a.far.end(', more of a');
      assert.equal(await readAll(b.far), 'for b, from a, more of a');
      b.far.end('from b');
      assert.equal(await readAll(a.far), 'for a, from b');
      assert.deepEqual(await splice.ended, { aToBBytes: 24n, bToABytes: 13n });
      assert.deepEqual(splice.counters(), { aToBBytes: 24n, bToABytes: 13n });
      await splice.close();
      await splice.close();
    });

    it('carries megabytes to a reader that is slow to begin', async () => {
      const [a, b] = [await connected(), await connected()];
      const splice = await world.datapath.splice(a.near, b.near);
      const bytes = Buffer.alloc(8 << 20, 'weir');
      a.far.end(bytes);
      await until(() => splice.counters().aToBBytes > 0n);
      assert.equal((await readAll(b.far)).length, bytes.length);
      b.far.end();
      assert.equal((await splice.ended).aToBBytes, BigInt(bytes.length));
    });

    it('cuts both connections off when it is closed, which is no orderly end for them', async () => {
      const [a, b] = [await connected(), await connected()];
      const splice = await world.datapath.splice(a.near, b.near);
      const cut = [a, b].map(({ far }) => assert.rejects(readAll(far), { code: 'ECONNRESET' }));
      await splice.close();
      await Promise.all(cut);
      assert.deepEqual(await splice.ended, { aToBBytes: 0n, bToABytes: 0n });
    });
  });

  describe('arguments outside their range are refused:', () => {
    const datapath = () => world.datapath;
    const cases: ReadonlyArray<[name: string, call: () => Promise<unknown>]> = [
      ['no address', () => datapath().listen({ local: { address: 'host', port: 1 }, transparent: false })],
      [
        'a port above 65535',
        () => datapath().connect({ remote: { address: '::1', port: 65_536 }, timeoutMs: 1 }),
      ],
      [
        'a fractional time',
        () => datapath().connect({ remote: { address: '::1', port: 1 }, timeoutMs: 0.5 }),
      ],
      [
        'an odd RTP port',
        () => datapath().udpPair({ address: world.address, transparent: false, rtpPort: 5001 }),
      ],
      ['a feed without tracks', () => datapath().createFeed({ tracks: [], ...ring })],
      [
        'a catch-up of no time',
        () => datapath().createFeed({ tracks: [audio], ...ring, catchUp: { maxMs: 0, maxBytes: 1 } }),
      ],
      ['a ring of a few bytes', () => datapath().createFeed({ tracks: [audio], ringBytes: 10, ringMs: 1 })],
    ];
    for (const [name, call] of cases) {
      it(name, () => assert.rejects(call(), code('DATAPATH_BAD_ARGUMENT')));
    }
  });

  describe('a closed datapath', () => {
    it('refuses every call, and closing again is nothing', async () => {
      const [a, b] = [await connected(), await connected()];
      const { datapath, address } = world;
      await Promise.all([datapath.close(), datapath.close()]);
      const closed = code('ALREADY_CLOSED');
      await assert.rejects(listen(), closed);
      await assert.rejects(datapath.connect({ remote: world.refusing, timeoutMs: 10 }), closed);
      await assert.rejects(datapath.adopt(a.near, { limits }), closed);
      await assert.rejects(datapath.splice(a.near, b.near), closed);
      await assert.rejects(datapath.udpPair({ address, transparent: false }), closed);
      await assert.rejects(datapath.createFeed({ tracks: [audio], ...ring }), closed);
    });

    it('has ended what was open', async () => {
      const { connection, far } = await adopted();
      const listener = await listen();
      const ended = next(connection.ended);
      await world.datapath.close();
      assert.equal((await ended).end, 'closed-by-us');
      assert.equal(await readAll(far), '');
      await assert.rejects(world.dial(listener.local), { code: 'ECONNREFUSED' });
      await Promise.all([connection.close(), listener.close()]);
    });
  });
}

async function readAll(stream: Duplex): Promise<string> {
  let text = '';
  stream.setEncoding('latin1');
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) text += chunk;
  return text;
}

/** The first `count` messages. */
function collect(connection: InterleavedConnection, count: number): Promise<readonly Uint8Array[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Uint8Array[]>();
  const messages: Uint8Array[] = [];
  connection.message.on((bytes) => {
    messages.push(bytes);
    if (messages.length === count) resolve(messages);
  });
  return promise;
}
