import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { verifyChain } from '#storage';
import type { BillingManager } from '../../../src/billing/index.ts';
import { recordRows } from '../../../src/operations/records.ts';
import { usageEntry } from '../../../src/upload/outgoing-entry.ts';
import { BilledViewer, entriesOf, recordsOf } from './billed-viewer.ts';
import { useBillingBench } from './billing-bench.ts';

describe('BillingManager', () => {
  const bench = useBillingBench();

  describe('on a clock that is not synchronised', () => {
    it('says so in the record, and signs by how much it was wrong once that is known', async () => {
      bench.synchronised = false;
      const billing = bench.billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      await bench.clock.pass(2000);
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
      bench.clock.setAheadMs = 1_700_000_000_000;
      bench.synchronised = true;
      await bench.clock.pass(6000);
      await billing.settled();
      const [record] = await recordsOf(bench.folder.store);
      assert.equal(record?.clockTrusted, false);
      assert.equal(record?.startedAt, '1970-01-01T00:00:01.000Z');
      const entries = await entriesOf(bench.folder.store);
      assert.deepEqual(
        entries.map(({ kind }) => kind),
        ['usage', 'clock'],
      );
      assert.deepEqual(await bench.folder.store.ledger.corrections(), [
        { bootEpoch: bench.folder.store.bootEpoch, offsetMs: 1_700_000_000_000 },
      ]);
      for (const name of ['auditor', 'collector']) {
        const { entries: waiting } = await bench.folder.store.outbox.waiting(name);
        assert.equal(waiting.at(-1)?.kind, 'clock', `${name}, who may have the record as it was`);
      }
      await bench.clock.pass(60_000);
      await billing.settled();
      assert.equal((await entriesOf(bench.folder.store)).length, 2, 'once a boot');
    });

    it('tells a session that ended after it was known by the right times, its start as well', async () => {
      bench.synchronised = false;
      const billing = bench.billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      await bench.clock.pass(3000);
      bench.clock.setAheadMs = 1_700_000_000_000;
      bench.synchronised = true;
      await bench.clock.pass(4000);
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
      const [record] = await recordsOf(bench.folder.store);
      assert.deepEqual(
        [record?.clockTrusted, record?.startedAt, record?.endedAt, record?.durationMs],
        [true, '2023-11-14T22:13:21.000Z', '2023-11-14T22:13:28.000Z', 7000],
      );
    });
  });

  describe('started again in a boot whose clock was not synchronised at first', () => {
    const trueAheadMs = 1_700_000_000_000;
    /** A session of two seconds. */
    const bill = async (billing: BillingManager, sessionId: string) => {
      const viewer = new BilledViewer(sessionId);
      await billing.started(viewer);
      await bench.clock.pass(2000);
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
    };
    /** Ends the run that was and starts another one. */
    const startAgain = async (bootId?: string) => {
      await bench.opened.at(-1)?.close();
      await bench.folder.reopen(bootId);
      return bench.billingOn();
    };
    const becomeKnown = () => {
      bench.clock.setAheadMs = trueAheadMs;
      bench.synchronised = true;
    };
    const kinds = async () => (await entriesOf(bench.folder.store)).map(({ kind }) => kind);
    const exportedTimes = async () => {
      const times: Record<string, unknown> = {};
      const damaged = () => assert.fail('damaged');
      for await (const row of recordRows(bench.folder.store, { damaged })) {
        times[row.sessionId] = [row.startedAt, row.clockCorrected];
      }
      return times;
    };

    it('signs by how much records were wrong that were written before it was known, whoever had them', async () => {
      bench.synchronised = false;
      await bill(bench.billingOn(), 'session-1');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'clock']);
      assert.deepEqual(await bench.folder.store.ledger.corrections(), [
        { bootEpoch: bench.folder.store.bootEpoch, offsetMs: trueAheadMs },
      ]);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:21.000Z', true] });
      const [entry] = await entriesOf(bench.folder.store);
      assert.ok(entry !== undefined);
      const uploaded = usageEntry(entry, await bench.folder.store.ledger.corrections());
      assert.deepEqual(uploaded.times, {
        startedAt: '2023-11-14T22:13:21.000Z',
        endedAt: '2023-11-14T22:13:23.000Z',
        correctedByMs: trueAheadMs,
        known: true,
      });
      for (const name of ['auditor', 'collector']) {
        const { entries: waiting } = await bench.folder.store.outbox.waiting(name);
        assert.equal(waiting.at(-1)?.kind, 'clock', `${name}, who may have the record as it was`);
      }
      const key = createPublicKey(bench.folder.store.device.publicKey);
      assert.deepEqual((await verifyChain(await entriesOf(bench.folder.store), key)).faults, []);
    });

    it('signs it once, however often it is started', async () => {
      bench.synchronised = false;
      await bill(bench.billingOn(), 'session-1');
      becomeKnown();
      for (let start = 0; start < 3; start++) await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'clock']);
    });

    it('goes on by the clock of the first start, so that one offset corrects what all of them told', async () => {
      bench.synchronised = false;
      await bill(bench.billingOn(), 'session-1');
      bench.clock.setAheadMs = 86_400_000;
      await bill(await startAgain(), 'session-2');
      bench.clock.setAheadMs = 5_000_000;
      await bill(await startAgain(), 'session-3');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'usage', 'usage', 'clock']);
      assert.deepEqual(await exportedTimes(), {
        'session-1': ['2023-11-14T22:13:21.000Z', true],
        'session-2': ['2023-11-14T22:13:23.000Z', true],
        'session-3': ['2023-11-14T22:13:25.000Z', true],
      });
    });

    it('signs it anew for what was written after it, by a start that found the clock unknown once more', async () => {
      bench.synchronised = false;
      await (await startAgain()).settled();
      becomeKnown();
      await bench.clock.pass(6000);
      await bench.opened.at(-1)?.settled();
      assert.deepEqual(await kinds(), ['clock']);
      bench.synchronised = false;
      bench.clock.setAheadMs = 1_000_000_000_000;
      await bill(await startAgain(), 'session-1');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['clock', 'usage', 'clock']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:27.000Z', true] });
    });

    it('closes a session left open by the same clock, and what follows it', async () => {
      bench.synchronised = false;
      await bench.billingOn().started(new BilledViewer('session-1'));
      await bench.clock.pass(3000);
      bench.clock.setAheadMs = 86_400_000;
      await bill(await startAgain(), 'session-2');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'usage', 'clock']);
      assert.deepEqual(await exportedTimes(), {
        'session-1': ['2023-11-14T22:13:21.000Z', true],
        'session-2': ['2023-11-14T22:13:24.000Z', true],
      });
    });

    it('has nothing to sign when there was but a session left open: its record has the right times', async () => {
      bench.synchronised = false;
      await bench.billingOn().started(new BilledViewer('session-1'));
      await bench.clock.pass(3000);
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:21.000Z', false] });
    });

    it('has nothing to sign when no record was written', async () => {
      bench.synchronised = false;
      bench.billingOn();
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), []);
    });

    it('says nothing of the clock of another boot, of which nobody knows any more', async () => {
      bench.synchronised = false;
      await bill(bench.billingOn(), 'session-1');
      becomeKnown();
      await (await startAgain('boot-2')).settled();
      assert.deepEqual(await kinds(), ['usage']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['1970-01-01T00:00:01.000Z', false] });
    });
  });
});
