import assert from 'node:assert/strict';
import { TerminateCause } from '../../../src/protocol/index.ts';
import { settled } from '../session/scripted.ts';
import { BilledViewer, entriesOf, recordsOf } from './billed-viewer.ts';
import { configOf, useBillingBench } from './billing-bench.ts';

describe('BillingManager', () => {
  const bench = useBillingBench();

  it('records a session that has ended, with all that its bill rests on', async () => {
    const billing = bench.billingOn();
    await bench.clock.pass(1000);
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(2_500_000n, 2000n);
    viewer.count = { ...viewer.count, droppedPackets: 3n, reportedLostPackets: 4n };
    await bench.clock.pass(30_000);
    billing.ended(viewer.end(bench.clock.monoNs(), TerminateCause.idleTimeout));
    await billing.settled();
    const [record, ...others] = await recordsOf(bench.folder.store);
    assert.deepEqual(others, []);
    assert.match(record?.recordId ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual(record, {
      recordId: record?.recordId,
      deviceId: bench.folder.store.device.id,
      bootEpoch: bench.folder.store.bootEpoch,
      sessionId: 'session-1',
      url: 'rtsp://203.0.113.10/live',
      origin: { address: '203.0.113.10', port: 554 },
      viewer: { address: '198.51.100.5', port: 40_000 },
      mac: '02:00:00:00:00:05',
      subscriber: 'flat-7',
      protocol: 'rtsp',
      transport: 'udp',
      startedAt: '1970-01-01T00:00:02.000Z',
      endedAt: '1970-01-01T00:00:32.000Z',
      clockTrusted: true,
      startedMonoNs: '2000000000',
      endedMonoNs: '32000000000',
      durationMs: 30_000,
      viewerTxBytes: '2500000',
      viewerTxPackets: '2000',
      droppedPackets: '3',
      reportedLostPackets: '4',
      charge: {
        amount: '0.2550',
        currency: 'EUR',
        tariff: 'basic',
        version: '4',
        unit: 'bytes',
        units: '2500000',
      },
      terminateCause: 'idle-timeout',
      recovered: false,
    });
  });

  it('tells of the durable start, then of the durable record, which waits for its deliveries', async () => {
    const billing = bench.billingOn();
    const told: string[] = [];
    billing.sessionStarted.on(({ sessionId, facts }) => told.push(`${sessionId} ${facts.subscriber}`));
    billing.recorded.on(({ entry, record }) => told.push(`${record.sessionId} ${entry.sequence}`));
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    assert.deepEqual(told, ['session-1 flat-7']);
    billing.ended(viewer.end(bench.clock.monoNs()));
    await billing.settled();
    assert.deepEqual(told, ['session-1 flat-7', 'session-1 1']);
    const { entries } = await bench.folder.store.outbox.waiting('collector');
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      [1],
    );
  });

  it('records nothing of a session that never played', async () => {
    const billing = bench.billingOn();
    billing.ended(new BilledViewer('session-1').end(bench.clock.monoNs()));
    await billing.settled();
    assert.deepEqual(await recordsOf(bench.folder.store), []);
  });

  it('charges by the terms of the start, whatever the configuration says at the end', async () => {
    const billing = bench.billingOn();
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(1_000_000n, 10n);
    bench.config = configOf({ currency: 'USD', tariffs: [{ name: 'dear', pricePerSession: '99' }] });
    billing.ended(viewer.end(bench.clock.monoNs()));
    await billing.settled();
    const [record] = await recordsOf(bench.folder.store);
    assert.deepEqual([record?.charge.amount, record?.charge.currency], ['0.1000', 'EUR']);
  });

  it('shows live counters of sessions, and none of one that has ended', async () => {
    const billing = bench.billingOn();
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(5n, 1n);
    assert.deepEqual(
      billing.samples().map(({ sessionId, txBytes }) => [sessionId, txBytes]),
      [['session-1', 5n]],
    );
    billing.ended(viewer.end(bench.clock.monoNs()));
    assert.deepEqual(billing.samples(), []);
  });

  describe('after an end without order', () => {
    const leaveOpen = async () => {
      const billing = bench.billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      viewer.gets(1_000_000n, 700n);
      const before = bench.clock.monoNs();
      await bench.clock.pass(5000);
      // Reads go through the same worker, after what was asked before.
      await bench.folder.store.ledger.head();
      viewer.gets(9_000_000n, 9000n);
      return before;
    };

    const cases: readonly [name: string, bootId: string, cause: string][] = [
      ['a crash', 'boot-1', 'nas-error'],
      ['a power cut', 'boot-2', 'nas-reboot'],
    ];
    for (const [name, bootId, cause] of cases) {
      it(`closes what was open with the counters of the last checkpoint: ${name}`, async () => {
        const startedMonoNs = await leaveOpen();
        const bootEpoch = bench.folder.store.bootEpoch;
        await bench.folder.reopen(bootId);
        const billing = bench.billingOn();
        await billing.settled();
        const [record, ...others] = await recordsOf(bench.folder.store);
        assert.deepEqual(others, []);
        assert.deepEqual(
          [record?.sessionId, record?.terminateCause, record?.recovered, record?.bootEpoch],
          ['session-1', cause, true, bootEpoch],
        );
        assert.deepEqual([record?.viewerTxBytes, record?.viewerTxPackets], ['1000000', '700']);
        assert.deepEqual([record?.startedMonoNs, record?.durationMs], [String(startedMonoNs), 5000]);
        assert.equal(record?.charge.amount, '0.1008');
        assert.equal(record?.charge.version, '4');
      });
    }

    it('closes each but once, however often it is started', async () => {
      await leaveOpen();
      for (let start = 0; start < 3; start++) {
        await bench.folder.reopen();
        await bench.billingOn().settled();
      }
      assert.equal((await recordsOf(bench.folder.store)).length, 1);
    });
  });

  it('waits for the records of all sessions when it is closed', async () => {
    const billing = bench.billingOn();
    const viewers = Array.from({ length: 50 }, (_, index) => new BilledViewer(`session-${index}`));
    await Promise.all(viewers.map((viewer) => billing.started(viewer)));
    for (const viewer of viewers) billing.ended(viewer.end(bench.clock.monoNs(), TerminateCause.adminReboot));
    await billing.close();
    assert.equal((await recordsOf(bench.folder.store)).length, 50);
  });

  it('gives every session another record id, in the order they ended', async () => {
    const billing = bench.billingOn();
    for (let index = 0; index < 20; index++) {
      const viewer = new BilledViewer(`session-${index}`);
      await billing.started(viewer);
      billing.ended(viewer.end(bench.clock.monoNs()));
    }
    await billing.settled();
    const ids = (await recordsOf(bench.folder.store)).map(({ recordId }) => recordId);
    assert.deepEqual(ids, [...new Set(ids)].toSorted());
  });

  it('removes records that are older than they have to be kept, and that nobody waits for', async () => {
    bench.config = configOf({ retentionDays: 1 });
    const billing = bench.billingOn();
    for (const sessionId of ['session-1', 'session-2']) {
      const viewer = new BilledViewer(sessionId);
      await billing.started(viewer);
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
    }
    await bench.clock.pass(90_000_000, 900_000);
    assert.equal((await recordsOf(bench.folder.store)).length, 2, 'the collector still waits for them');
    await bench.folder.store.outbox.settle('collector', [{ sequence: 1, outcome: 'acknowledged' }]);
    await bench.clock.pass(3_600_000, 900_000);
    while ((await recordsOf(bench.folder.store)).length > 1) await settled();
    assert.deepEqual(
      (await entriesOf(bench.folder.store)).map(({ sequence, kind }) => [sequence, kind]),
      [
        [2, 'usage'],
        [3, 'anchor'],
      ],
    );
  });
});
