import assert from 'node:assert/strict';
import { WeirError } from '#base';
import {
  createWorld,
  Host,
  type HostProcess,
  type HostProcessOptions,
  insideSandbox,
  type World,
} from '../../src/demo/world/index.ts';
import { mustHaveSeenAll } from '../bench/checks.ts';
import {
  defaultClientPort,
  droppedAddress,
  Fanout,
  type Nic,
  NicClock,
  type NicReport,
  Receiver,
  receivingAddress,
  Trace,
} from '../bench/load/index.ts';
import { ownQueue, ownThreads } from '../bench/own-queue.ts';

/** An RTP packet with a send time that lies `ageNs` back, unless something of it is otherwise. */
interface Packet {
  readonly to: string;
  readonly ageNs: number;
  readonly port?: number;
  /** Bytes of it that are other ones, by their place. */
  readonly other?: Readonly<Record<number, number>>;
  readonly bytes?: number;
}

const bucketNs = 1024;
/** Of the receiver's histogram, whose buckets grow with the value. */
const receiverBucket = 1 + 1 / 32;
const always = [0n, 2n ** 63n] as const;

/** From the host, in this order, each stamped right before it is sent. Resolves when all are with the kernel. */
async function send(host: Host, packets: readonly Packet[]): Promise<void> {
  const script = `
    const { createSocket } = require('node:dgram');
    const { isIPv6 } = require('node:net');
    const sockets = { 4: createSocket('udp4'), 6: createSocket('udp6') };
    (async () => {
      for (const { to, ageNs, port = ${defaultClientPort}, other = {}, bytes = 100 } of ${JSON.stringify(packets)}) {
        const packet = Buffer.alloc(Math.max(bytes, 25));
        packet[0] = 0x90;
        packet.writeUInt32BE(0xbede0003, 12);
        packet[16] = 0x17;
        packet.writeBigUInt64BE(process.hrtime.bigint() - BigInt(ageNs), 17);
        for (const [at, byte] of Object.entries(other)) packet[at] = byte;
        await new Promise((sent) => sockets[isIPv6(to) ? 6 : 4].send(packet.subarray(0, bytes), port, to, sent));
      }
      sockets[4].close();
      sockets[6].close();
    })();`;
  await host.run(process.execPath, ['-e', script]);
}

/** Reports when it has seen so many packets. */
async function reportOf(clock: NicClock, packets: number): Promise<NicReport> {
  for (;;) {
    const report = await clock.report();
    if (report.latency.count + report.unstamped + report.early >= packets) return report;
  }
}

describe('the clock at the NIC', function () {
  this.timeout(30_000);
  let world: World;
  let access: Nic;
  let viewers: Nic;

  before(async function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
    world = await createWorld({ prefix: 'clock-' });
    access = { host: world.box, device: world.access.device };
    viewers = { host: world.viewer.host, device: 'eth0' };
  });
  after(() => world?.close());

  const to = receivingAddress(0, '0.0.0.0');
  const nothing = { addresses: 0, fewest: 0, most: 0, unstamped: 0, early: 0 };

  it('tells the age of each packet when the NIC got it: not less, and no more than the kernel at the far end finds', async () => {
    await using clock = await NicClock.start(access, viewers);
    await using receiver = await Receiver.start(viewers.host);
    await receiver.bind(0, 0, to, defaultClientPort);
    await clock.window(...always);
    const ages = [
      ...Array<number>(30).fill(2e6),
      ...Array<number>(60).fill(5e6),
      ...Array<number>(10).fill(20e6),
    ];
    await send(
      world.origin.host,
      ages.map((ageNs) => ({ to, ageNs })),
    );
    const { latency, ...rest } = await reportOf(clock, 100);
    assert.deepEqual(rest, { ...nothing, addresses: 1, fewest: 100, most: 100 });
    assert.equal(latency.count, 100);
    let { latency: there } = await receiver.report();
    while (there.count < 100) there = (await receiver.report()).latency;
    const within = (ageNs: number, nicNs: number, thereNs: number) =>
      assert.ok(ageNs - bucketNs < nicNs && nicNs <= thereNs, `${ageNs} ${nicNs} ${thereNs}`);
    within(2e6, latency.minNs, there.minNs * receiverBucket);
    within(5e6, latency.p50Ns, there.p50Ns * receiverBucket);
    within(20e6, latency.p99Ns, there.p99Ns * receiverBucket);
    within(20e6, latency.maxNs, there.maxNs);
  });

  it('puts what took longer than its last bucket into that, and what was sent later than it arrived apart', async () => {
    await using clock = await NicClock.start(access, viewers);
    await clock.window(...always);
    await send(world.origin.host, [
      { to, ageNs: 1e9 },
      { to, ageNs: -60e9 },
    ]);
    const { latency, ...rest } = await reportOf(clock, 2);
    assert.deepEqual(rest, { ...nothing, addresses: 1, fewest: 2, most: 2, early: 1 });
    assert.deepEqual([latency.count, latency.minNs], [1, 65_535 * bucketNs]);
  });

  it('counts what was sent in its window only, and anew with the next', async () => {
    await using clock = await NicClock.start(access, viewers);
    const nowNs = process.hrtime.bigint();
    const packets = (...ages: number[]) => ages.map((seconds) => ({ to, ageNs: seconds * 1e9 }));
    await clock.window(nowNs - 12_000_000_000n, nowNs - 2_000_000_000n);
    await send(world.origin.host, packets(0, 20, 7));
    const { addresses, most } = await reportOf(clock, 1);
    assert.deepEqual([addresses, most], [1, 1]);
    await clock.window(nowNs - 2_000_000_000n, nowNs + 60_000_000_000n);
    const { latency, ...rest } = await clock.report();
    assert.deepEqual([latency.count, rest], [0, nothing]);
    await send(world.origin.host, packets(7, 20, 0));
    assert.equal((await reportOf(clock, 1)).most, 1);
  });

  it('leaves alone what is none of the feed', async () => {
    await using clock = await NicClock.start(access, viewers);
    await clock.window(...always);
    const packet = { to, ageNs: 1e6 };
    await send(world.origin.host, [
      { ...packet, port: defaultClientPort + 1 },
      { ...packet, to: receivingAddress(0, '::') },
      { ...packet, other: { 0: 0x80 } },
      { ...packet, other: { 12: 0xab } },
      { ...packet, other: { 13: 0xac } },
      { ...packet, other: { 15: 4 } },
      { ...packet, other: { 16: 0x27 } },
      { ...packet, bytes: 24 },
      { ...packet, bytes: 0 },
      // Cut into fragments on the way.
      { ...packet, bytes: 3000 },
      { ...packet, bytes: 25 },
    ]);
    const { latency, ...rest } = await reportOf(clock, 1);
    assert.deepEqual([rest, latency.count], [{ ...nothing, addresses: 1, fewest: 1, most: 1 }, 1]);
  });

  it('tells how many packets each address got, also one whose media is dropped', async () => {
    await using clock = await NicClock.start(access, viewers);
    await clock.window(...always);
    const others = [receivingAddress(1, to), droppedAddress(0, to), droppedAddress(0, to)];
    await send(
      world.origin.host,
      [to, to, to, ...others].map((address) => ({ to: address, ageNs: 1e6 })),
    );
    const { addresses, fewest, most } = await reportOf(clock, 6);
    assert.deepEqual([addresses, fewest, most], [3, 1, 3]);
  });

  it('says that packets did not leave by the NIC that stamps', async () => {
    await using clock = await NicClock.start({ host: world.box, device: world.wan.device }, viewers);
    await clock.window(...always);
    await send(world.origin.host, [{ to, ageNs: 1e6 }]);
    const { unstamped, latency } = await reportOf(clock, 1);
    assert.deepEqual([unstamped, latency.count], [1, 0]);
  });

  for (const { mode, takenIn } of [
    { mode: 'gso', takenIn: ownQueue },
    { mode: 'gso', takenIn: ownThreads },
    { mode: 'sendto', takenIn: ownQueue },
  ] as const) {
    it(`sees every packet that a C loop sends by ${mode}, by ${takenIn.name}`, async () => {
      const viewerCount = 10;
      const feed = { address: world.wan.address4, port: 7000 };
      await using _ = await takenIn(viewers, access);
      await using clock = await NicClock.start(access, viewers);
      await using receiver = await Receiver.start(viewers.host);
      receiver.takeWhole(false);
      for (let viewer = 0; viewer < viewerCount; viewer++) {
        await receiver.bind(viewer, 0, receivingAddress(viewer, to), defaultClientPort);
      }
      await using fanout = await Fanout.start(world.box, {
        ...{ mode, ...feed, firstViewer: to, viewerCount, viewerPort: defaultClientPort },
      });
      await clock.window(...always);
      const before = await sentPackets(access);
      await using trace = await Trace.start(world.origin, feed, { bitsPerSecond: 4e6, stampPayload: true });
      const all = () => receiver.report().then(({ tracks }) => tracks);
      while ((await all()).reduce((sum, { packets }) => sum + packets, 0) < 100 * viewerCount);
      const sent = await trace.stop();
      while ((await all()).some(({ packets }) => packets < sent.packets));
      assert.equal((await fanout.report()).notSent, 0);
      const { latency, ...rest } = await clock.report();
      const seen = { addresses: viewerCount, fewest: sent.packets, most: sent.packets };
      assert.deepEqual(rest, { ...nothing, ...seen });
      assert.doesNotThrow(() => mustHaveSeenAll({ latency, ...rest }, viewerCount, 'test'));
      const { latency: there } = await receiver.report();
      assert.deepEqual([latency.count, there.count], [10 * sent.packets, 10 * sent.packets]);
      assert.ok(latency.p50Ns > 0 && latency.p50Ns <= there.p50Ns * receiverBucket);
      assert.ok(latency.maxNs <= there.maxNs);
      // Several came in one piece, or none did.
      const pieces = (await sentPackets(access)) - before;
      assert.equal(pieces < viewerCount * sent.packets, mode === 'gso', `${pieces}`);
    });
  }

  it('leaves a NIC as it was when it has given it queues and threads', async () => {
    const state = async () => [
      await access.host.run('ethtool', ['-k', access.device]),
      await viewers.host.run('ethtool', ['-k', viewers.device]),
      await viewers.host.run('ethtool', ['-l', viewers.device]),
      await viewers.host.run('cat', [`/sys/class/net/${viewers.device}/threaded`]),
    ];
    const before = await state();
    const own = await ownThreads(viewers, access);
    const meanwhile = await state();
    assert.equal(meanwhile.filter((text, index) => text === before[index]).length, 0);
    await own[Symbol.asyncDispose]();
    assert.deepEqual(await state(), before);
  });

  it('says that it is not to be had, and why, where the kernel does not allow it', async () => {
    const poor = { ...viewers, host: new PoorHost(viewers.host.name, viewers.host.namespace) };
    await assert.rejects(NicClock.start(access, poor), (error) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.code, 'NOT_AVAILABLE');
      assert.match(error.message, /BPF_\w+: Operation not permitted/);
      return true;
    });
    const missing = { ...viewers, device: 'none0' };
    await assert.rejects(NicClock.start(access, missing), { code: 'COMMAND_FAILED' });
  });
});

describe('what the clock at the NIC must have seen', () => {
  const latency = { count: 30, minNs: 0, p50Ns: 0, p99Ns: 0, p999Ns: 0, maxNs: 0 };
  const good: NicReport = { addresses: 3, fewest: 10, most: 10, unstamped: 0, early: 0, latency };
  it('is every packet of every viewer', () => {
    assert.doesNotThrow(() => mustHaveSeenAll(good, 3, 'test'));
  });
  for (const fault of [{ addresses: 2 }, { addresses: 4 }, { fewest: 9 }, { unstamped: 1 }, { early: 1 }]) {
    it(`is not ${JSON.stringify(fault)}`, () => {
      assert.throws(() => mustHaveSeenAll({ ...good, ...fault }, 3, 'test'), { code: 'COMMAND_FAILED' });
    });
  }
});

/** What runs here may do nothing that only root may. */
class PoorHost extends Host {
  override spawn(
    command: string,
    args: readonly string[] = [],
    options: HostProcessOptions = {},
  ): Promise<HostProcess> {
    return super.spawn('setpriv', ['--bounding-set=-all', '--inh-caps=-all', command, ...args], options);
  }
}

const sentPackets = async ({ host, device }: Nic): Promise<number> =>
  Number(await host.run('cat', [`/sys/class/net/${device}/statistics/tx_packets`]));
