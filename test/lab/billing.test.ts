import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { UsageRecord } from '../../src/billing/index.ts';
import { until } from '../unit/storage/box.ts';
import { Capture } from './capture.ts';
import { recorded, recordsIn } from './kept-records.ts';
import { liveLab } from './live-lab.ts';
import { mediaFlows, takenFlows } from './media-flows.ts';
import type { Packet } from './pcap.ts';
import { ScriptedViewers } from './viewers-scripted.ts';
import { Weir } from './weir.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const billing = {
  currency: 'EUR',
  checkpointSeconds: 1,
  tariffs: [
    { name: 'first-ten', version: '2', subscribers: ['first-ten'], pricePerMegabyte: '0.20', decimals: 6 },
    { name: 'others', version: '5', unit: 'packets', pricePerPacket: '0.001', decimals: 3 },
  ],
  subscribers: [
    { id: 'first-ten', prefixes: ['198.19.0.0/29'] },
    { id: 'six', prefixes: ['2001:db8:199::/64'] },
  ],
};

const sources = (count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, index) => `198.19.0.${from + index}`);

/** Nothing leaves the host any more or gets into it. */
const vanished = `
table inet weir_vanished {
  chain in { type filter hook input priority 0; policy drop; }
  chain out { type filter hook output priority 0; policy drop; }
}
`;

/** Until so many viewers by TCP have been sent packets that they do not acknowledge. */
async function onTheirWay(capture: Capture, viewers: number): Promise<void> {
  for (const until = Date.now() + 10_000; ; ) {
    const packets = await capture.packets();
    const acknowledged = takenFlows(packets);
    const behind = mediaFlows(packets).filter(
      ({ transport, destination, rtpPackets }) =>
        transport === 'tcp' &&
        rtpPackets >
          (acknowledged.find((flow) => flow.destination.port === destination.port)?.rtpPackets ?? 0),
    );
    if (behind.length >= viewers) return;
    if (Date.now() > until) throw new Error(`nothing is on its way to ${viewers} viewers`);
  }
}

/** Packets of each open session as of the last checkpoint. */
function storedPackets(folder: string): readonly number[] {
  using database = new DatabaseSync(join(folder, 'weir.db'), { readOnly: true });
  const rows = database
    .prepare('SELECT coalesce(tx_packets, 0) AS packets FROM session LEFT JOIN checkpoint USING (slot)')
    .all();
  return rows.map(({ packets }) => Number(packets));
}

describe('lab: what is billed', function () {
  this.timeout(60_000);
  const lab = liveLab();
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'weir-lab-data-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  const flow = ({ viewer, viewerTxPackets, viewerTxBytes }: UsageRecord) =>
    `${viewer.address} ${viewerTxPackets} ${viewerTxBytes}`;

  it('is what the wire carried to each viewer, to the byte, by UDP and by TCP, IPv4 and IPv6', async () => {
    const { host } = lab.world.viewer;
    await using _weir = await Weir.start(lab.world, { billing, dataDir });
    await using capture = await Capture.start(host, 'eth0');
    const url6 = `rtsp://[${lab.world.origin.address6}]/live`;
    await using udp = await ScriptedViewers.start(host, { url: lab.url, sources: sources(5) });
    await using tcp = await ScriptedViewers.start(host, {
      url: lab.url,
      transport: 'tcp',
      sources: sources(5, 6),
    });
    await using udp6 = await ScriptedViewers.start(host, { url: url6, sources: ['2001:db8:199::1'] });
    const groups = [udp, tcp, udp6];
    for (const group of groups) await group.settled(10_000);
    for (const group of groups) await group.watching(5_000);
    // One after the other, so that no two counts need be equal.
    for (const viewer of [0, 1, 2, 3, 4]) for (const group of [udp, tcp]) await group.teardown([viewer]);
    await udp6.teardown();
    const all = await recorded(dataDir, 11);
    const carried = mediaFlows(await capture.stop())
      .filter(({ rtpPackets }) => rtpPackets > 0)
      .map(({ destination, rtpPackets, rtpBytes }) => `${destination.address} ${rtpPackets} ${rtpBytes}`);
    assert.equal(all.length, 11);
    assert.deepEqual(all.map(flow).sort(), carried.sort());
    for (const { viewer, subscriber, charge, viewerTxBytes, viewerTxPackets } of all) {
      const first = /^198\.19\.0\.[1-7]$/.test(viewer.address);
      assert.equal(subscriber, first ? 'first-ten' : viewer.address.includes(':') ? 'six' : null);
      const amount = first ? (Number(viewerTxBytes) * 0.2) / 1e6 : Number(viewerTxPackets) / 1000;
      assert.equal(charge.amount, amount.toFixed(first ? 6 : 3));
    }
  });

  /** As `flow`, of everybody who got media: by TCP what was acknowledged. */
  const taken = (packets: readonly Packet[]): string[] =>
    takenFlows(packets)
      .filter(({ rtpPackets }) => rtpPackets > 0)
      .map(({ destination, rtpPackets, rtpBytes }) => `${destination.address} ${rtpPackets} ${rtpBytes}`);

  for (const transport of ['udp', 'tcp'] as const) {
    it(`is by ${transport} what a viewer got until it was killed, to the byte`, async () => {
      const { host } = lab.world.viewer;
      await using _weir = await Weir.start(lab.world, { billing, dataDir });
      await using capture = await Capture.start(host, 'eth0');
      await using viewers = await ScriptedViewers.start(host, {
        url: lab.url,
        transport,
        sources: sources(8),
      });
      await viewers.settled(10_000);
      await viewers.watching(5_000);
      viewers.program.signal('SIGKILL');
      const all = await recorded(dataDir, 8);
      assert.deepEqual(all.map(flow).sort(), taken(await capture.stop()).sort());
    });
  }

  it('is of viewers whose host vanished what the box sent by UDP, and what they had acknowledged by TCP', async () => {
    const { host } = lab.world.viewer;
    const weir = await Weir.start(lab.world, { billing, dataDir });
    await using capture = await Capture.start(host, 'eth0');
    await using udp = await ScriptedViewers.start(host, { url: lab.url, sources: sources(3) });
    await using tcp = await ScriptedViewers.start(host, {
      url: lab.url,
      transport: 'tcp',
      sources: sources(3, 6),
    });
    for (const group of [udp, tcp]) await group.settled(10_000);
    for (const group of [udp, tcp]) await group.watching(5_000);
    // Its link stands, so that it can still be seen what comes there.
    await host.run('nft', ['-f', '-'], { input: vanished });
    try {
      await onTheirWay(capture, 3);
      await weir.terminate();
      await weir.close();
      const packets = await capture.stop();
      assert.deepEqual((await recordsIn(dataDir)).map(flow).sort(), taken(packets).sort());
      assert.equal(taken(packets).length, 6);
    } finally {
      await host.run('nft', ['delete', 'table', 'inet', 'weir_vanished']);
    }
  });

  it('is billed to the subscriber with that MAC address, where the viewer is directly attached', async () => {
    const { host, address4 } = lab.world.viewer;
    const mac = (await host.run('cat', ['/sys/class/net/eth0/address'])).trim();
    const byMac = { currency: 'EUR', subscribers: [{ id: 'house-7', macs: [mac.toUpperCase()] }] };
    await using _weir = await Weir.start(lab.world, { billing: byMac, dataDir });
    await using viewers = await ScriptedViewers.start(host, {
      url: lab.url,
      sources: [address4, ...sources(1)],
    });
    await viewers.settled(10_000);
    await viewers.watching(5_000);
    await viewers.teardown();
    const all = await recorded(dataDir, 2);
    assert.deepEqual(
      all.map((record) => `${record.viewer.address} ${record.mac} ${record.subscriber}`).sort(),
      [`${address4} ${mac} house-7`, '198.19.0.1 null null'].sort(),
    );
  });

  it('is recorded before the box has ended, and the export proves itself', async () => {
    const weir = await Weir.start(lab.world, { billing, dataDir });
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: sources(8),
    });
    await viewers.settled(10_000);
    await viewers.watching(5_000);
    await weir.terminate();
    await weir.close();
    assert.deepEqual(
      (await recordsIn(dataDir)).map(({ terminateCause, recovered }) => `${terminateCause} ${recovered}`),
      new Array(8).fill('admin-reboot false'),
    );
    const run = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);
    const file = join(dataDir, 'export.jsonl');
    await writeFile(file, (await run('records', '--json', '--data', dataDir)).stdout);
    assert.match((await run('records', 'verify', file)).stdout, /^proven: 8 entries, 1 to 8 /);
  });

  it('is not lost when Weir is killed: each session has one record, at most a checkpoint short', async () => {
    const killed = await Weir.start(lab.world, { billing, dataDir });
    await using viewers = await ScriptedViewers.start(lab.world.viewer.host, {
      url: lab.url,
      sources: sources(6),
    });
    await viewers.settled(10_000);
    await viewers.watching(5_000);
    await viewers.teardown([0]);
    const before = await viewers.counts();
    const most = Math.max(...before.map(({ rtpPackets }) => rtpPackets));
    await until('the counters of that moment are stored', () =>
      storedPackets(dataDir).every((packets) => packets >= most),
    );
    killed.program.signal('SIGKILL');
    await killed.program.ended(5_000);
    await killed.close();
    const atMost = await viewers.counts();
    assert.equal((await recordsIn(dataDir)).length, 1, 'the one that had ended before');
    await using _again = await Weir.start(lab.world, { billing, dataDir });
    const all = await recorded(dataDir, 6);
    assert.equal(new Set(all.map(({ sessionId }) => sessionId)).size, 6);
    const recovered = all.filter((record) => record.recovered);
    assert.deepEqual(
      recovered.map(({ terminateCause }) => terminateCause),
      new Array(5).fill('nas-error'),
    );
    for (const { viewer, viewerTxPackets } of recovered) {
      const index = Number(viewer.address.split('.').at(-1)) - 1;
      const [least, greatest] = [before[index]?.rtpPackets ?? 0, atMost[index]?.rtpPackets ?? 0];
      const packets = Number(viewerTxPackets);
      assert.ok(
        packets >= least && packets <= greatest,
        `${viewer.address}: ${least} ≤ ${packets} ≤ ${greatest}`,
      );
    }
  });
});
