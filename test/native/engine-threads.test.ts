import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { isWeirError, silentLog } from '#base';
import { openDatapath } from '../../hal/datapath/datapath.ts';
import type { Datapath, FeedPath, InterleavedConnection, UdpPair } from '../../hal/datapath/face.ts';
import { type DatapathWorld, type FarUdp, loopbackWorld, next, until } from '../contract/datapath-world.ts';
import { rtp } from '../contract/media.ts';
import { StoppedThread } from '../lab/stopped-thread.ts';

const limits = { maxHeaderBytes: 4096, maxBodyBytes: 4096 };
const track = { clockRateHz: 90_000, codec: 'none', video: false } as const;
const code = (expected: string) => (error: unknown) => isWeirError(error) && error.code === expected;
const options = (cseq: number) => Buffer.from(`OPTIONS * RTSP/1.0\r\nCSeq: ${cseq}\r\n\r\n`);

describe('several engine threads', () => {
  let world: DatapathWorld;
  let datapath: Datapath;

  beforeEach(async () => {
    datapath = openDatapath({ log: silentLog, realtime: false, threads: 2 });
    world = await loopbackWorld(datapath, undefined);
  });

  afterEach(() => world.close());

  const createFeed = () => datapath.createFeed({ tracks: [track], ringBytes: 1 << 20, ringMs: 10_000 });
  const openPair = () => datapath.udpPair({ address: world.address, transparent: false });
  const loads = () =>
    datapath.engineThreads().map(({ feeds, viewers, splices }) => [feeds, viewers, splices]);

  async function addViewer(feed: FeedPath, pair: UdpPair, far: FarUdp) {
    const tracks = [
      { track: 0, transport: 'udp', pair, rtpTarget: far.local, rtcpTarget: far.local } as const,
    ];
    return feed.addViewer({ tracks, startWaitMs: 0 });
  }

  async function dialled() {
    const local = { address: world.address, port: 0 };
    await using listener = await datapath.listen({ local, transparent: false });
    const accepted = next(listener.accepted);
    const far = await world.dial(listener.local);
    far.on('error', () => {}); // a splice that is closed resets it
    return { near: await accepted, far };
  }

  async function adopted(): Promise<{ connection: InterleavedConnection; far: Duplex }> {
    const { near, far } = await dialled();
    return { connection: await datapath.adopt(near, { limits }), far };
  }

  const interleaved = (connection: InterleavedConnection, rtpChannel = 0) =>
    ({ track: 0, transport: 'interleaved', connection, rtpChannel, rtcpChannel: rtpChannel + 1 }) as const;

  it('have names of their own, and clocks that add up', async () => {
    const names = readdirSync('/proc/self/task')
      .map((tid) => readFileSync(`/proc/self/task/${tid}/comm`, 'utf8').trim())
      .filter((name) => name.startsWith('weir-datapath'));
    assert.deepEqual(names, ['weir-datapath', 'weir-datapath-1']);
    await datapath.ping();
    const threads = datapath.engineThreads();
    assert.ok(threads.length === 2 && threads.every(({ cpuNs }) => cpuNs > 0n));
    assert.ok(datapath.engineCpuNs() >= threads.reduce((sum, { cpuNs }) => sum + cpuNs, 0n));
  });

  it('are as many as are asked for, from 1 to 64', () => {
    for (const threads of [0, 65, 1.5]) {
      assert.throws(
        () => openDatapath({ log: silentLog, realtime: false, threads }),
        code('DATAPATH_BAD_ARGUMENT'),
      );
    }
  });

  it('get what is new by what they have: each feed, viewer and splice counts as one', async () => {
    const feed = await createFeed();
    const far = await world.udp();
    const viewers = [
      await addViewer(feed, await openPair(), far),
      await addViewer(feed, await openPair(), far),
    ];
    assert.deepEqual(loads(), [
      [1, 2, 0],
      [0, 0, 0],
    ]);
    // Asked for at the same time: what is about to be counts already.
    const feeds = await Promise.all([createFeed(), createFeed()]);
    const [a, b] = [await dialled(), await dialled()];
    const splice = await datapath.splice(a.near, b.near);
    assert.deepEqual(loads(), [
      [1, 2, 0],
      [2, 0, 1],
    ]);
    await splice.close();
    for (const viewer of viewers) await viewer.close();
    for (const one of [feed, ...feeds]) await one.close();
    assert.deepEqual(loads(), [
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('count nothing for a feed that could not be made, or a viewer that could not be taken in', async () => {
    const feed = await createFeed();
    const far = await world.udp();
    const pair = await openPair();
    await addViewer(feed, pair, far);
    await assert.rejects(addViewer(feed, pair, far), code('DATAPATH_FAILED'));
    assert.deepEqual(loads()[0], [1, 1, 0]);
  });

  it('serve one feed each at the same time, by pairs that were all made on the first', async () => {
    for (let each = 0; each < 4; each += 1) {
      const feed = await createFeed();
      const [source, far] = [await world.udp(), await world.udp()];
      const [upstream, pair] = [await openPair(), await openPair()];
      const from = { rtpSource: source.local, rtcpSource: source.local };
      await feed.receive([{ track: 0, transport: 'udp', pair: upstream, ...from }]);
      const viewer = await addViewer(feed, pair, far);
      await viewer.play();
      const sent = Array.from({ length: 20 }, (_, seq) => rtp({ seq, payload: Buffer.alloc(100, each) }));
      for (const packet of sent) source.send(upstream.rtp, packet);
      const received = await far.arrived(20);
      assert.deepEqual(
        received.map(({ bytes }) => Buffer.from(bytes)),
        sent,
      );
      assert.deepEqual(received[0]?.from, pair.rtp);
    }
    assert.deepEqual(loads(), [
      [2, 2, 0],
      [2, 2, 0],
    ]);
  });

  it('let two viewers that share a pair in at the same time, also when it is still elsewhere', async () => {
    await createFeed();
    const feed = await createFeed();
    const pair = await openPair();
    const far = await world.udp();
    const added = await Promise.allSettled([addViewer(feed, pair, far), addViewer(feed, pair, far)]);
    // The second one is refused for its address alone (one viewer of an address on a pair), not for the move.
    assert.deepEqual(
      added.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.match(String((added[1] as PromiseRejectedResult).reason), /pair has a viewer of that address/);
  });

  it('pass a connection on between sessions, and nothing that is said meanwhile is lost', async () => {
    const feeds = [await createFeed(), await createFeed()];
    const { connection, far } = await adopted();
    const heard: string[] = [];
    connection.message.on((bytes) => {
      const cseq = /CSeq: (\d+)/.exec(Buffer.from(bytes).toString())?.[1] ?? '';
      heard.push(cseq);
      connection.send(Buffer.from(`${cseq}.`));
    });
    let answers = '';
    far.on('data', (bytes: Buffer) => {
      answers += bytes.toString('latin1');
    });
    let cseq = 0;
    for (let round = 0; round < 20; round += 1) {
      const feed = feeds[round % 2];
      assert.ok(feed);
      for (let each = 0; each < 5; each += 1) far.write(options(cseq++));
      const adding = feed.addViewer({ tracks: [interleaved(connection)], startWaitMs: 0 });
      connection.send(Buffer.from(`r${round}.`));
      for (let each = 0; each < 5; each += 1) far.write(options(cseq++));
      const viewer = await adding;
      await viewer.close();
    }
    await until(() => heard.length === cseq);
    assert.deepEqual(
      heard,
      Array.from({ length: cseq }, (_, at) => String(at)),
    );
    const texts = () => answers.split('.').slice(0, -1);
    await until(() => texts().length === cseq + 20);
    assert.deepEqual(texts().filter((text) => text.startsWith('r')).length, 20);
    assert.deepEqual(
      texts().filter((text) => !text.startsWith('r')),
      heard,
    );
    await until(() => connection.counters().txBytes === BigInt(answers.length));
    assert.equal(
      connection.counters().rxBytes,
      BigInt(Buffer.concat(Array.from(heard, (_, at) => options(at))).length),
    );
  });

  it('end a connection in order when it is closed on its way', async () => {
    await createFeed();
    const feed = await createFeed();
    const { connection, far } = await adopted();
    const adding = feed.addViewer({ tracks: [interleaved(connection)], startWaitMs: 0 });
    connection.send(Buffer.from('last words'));
    const closing = connection.close();
    await assert.rejects(adding, code('ALREADY_CLOSED'));
    await closing;
    let said = '';
    for await (const bytes of far) said += bytes;
    assert.equal(said, 'last words');
  });

  it('refuse a connection that carries the frames of a feed on another thread, and that one goes on', async () => {
    const feeds = [await createFeed(), await createFeed()] as const;
    const source = await world.udp();
    const upstream = await openPair();
    const from = { rtpSource: source.local, rtcpSource: source.local };
    await feeds[0].receive([{ track: 0, transport: 'udp', pair: upstream, ...from }]);
    const { connection, far } = await adopted();
    const viewer = await feeds[0].addViewer({ tracks: [interleaved(connection)], startWaitMs: 0 });
    await viewer.play();
    const second = feeds[1].addViewer({ tracks: [interleaved(connection, 2)], startWaitMs: 0 });
    await assert.rejects(second, code('CONNECTION_BUSY'));
    const packet = rtp({ seq: 1, payload: Buffer.alloc(50) });
    source.send(upstream.rtp, packet);
    const [bytes] = (await once(far, 'data')) as [Buffer];
    assert.deepEqual(bytes.subarray(4), packet);
  });

  it('end with the datapath while something is between them', async () => {
    await createFeed();
    const feed = await createFeed();
    const { connection } = await adopted();
    const adding = feed.addViewer({ tracks: [interleaved(connection)], startWaitMs: 0 });
    adding.catch(() => {});
    await datapath.close();
    await assert.rejects(adding, code('ALREADY_CLOSED'));
    assert.equal(datapath.engineCpuNs(), 0n);
  });

  it('have all to answer a ping: one that is stuck makes it fail, and others serve on', async () => {
    {
      await using _stuck = await StoppedThread.stop(process.pid, 'weir-datapath-1');
      await assert.rejects(datapath.ping(), code('TIMED_OUT'));
      await createFeed();
    }
    await datapath.ping();
  });
});
