import assert from 'node:assert/strict';
import { isWeirError, Signal, WeirError } from '#base';
import type { Store, StoreHealth } from '#storage';
import { TerminateCause } from '../../../src/protocol/index.ts';
import { settled } from '../session/scripted.ts';
import { BilledViewer, entriesOf, recordsOf } from './billed-viewer.ts';
import { configOf, useBillingBench } from './billing-bench.ts';

describe('BillingManager', () => {
  const bench = useBillingBench();

  describe('when records cannot be stored', () => {
    /** The real store behind a disk whose faults a test decides. */
    class FaultyDisk {
      health: StoreHealth = 'ok';
      readonly healthChanged = new Signal<StoreHealth>((error) => {
        throw error;
      });
      /** What a start waits for before it reaches the store. */
      starting: Promise<void> = Promise.resolve();
      /** As well for the error of the clock. */
      correcting: Promise<void> = Promise.resolve();
      /** How long storing counters takes, by the test's clock. */
      checkpointMs = 0;
      /** When counters were read that were to be stored. */
      readonly checkpoints: bigint[] = [];
      readonly store: Store;

      constructor(real: Store) {
        const disk = this;
        const start: Store['ledger']['start'] = async (row) => {
          await this.starting;
          return real.ledger.start(row);
        };
        const correctClock: Store['ledger']['correctClock'] = async (...correction) => {
          await this.correcting;
          return real.ledger.correctClock(...correction);
        };
        const checkpoint: Store['ledger']['checkpoint'] = async (monoNs, samples) => {
          this.checkpoints.push(monoNs);
          // By the test's clock alone: the real store has times of its own.
          if (this.checkpointMs > 0) return bench.clock.sleep(this.checkpointMs);
          return real.ledger.checkpoint(monoNs, samples);
        };
        this.store = {
          folder: real.folder,
          device: real.device,
          bootEpoch: real.bootEpoch,
          leftOpen: real.leftOpen,
          untrustedTimes: real.untrustedTimes,
          outbox: real.outbox,
          ledger: { ...real.ledger, start, checkpoint, correctClock },
          get health() {
            return disk.health;
          },
          healthChanged: this.healthChanged,
          close: () => real.close(),
          [Symbol.asyncDispose]: () => real.close(),
        };
      }

      become(health: StoreHealth): void {
        this.health = health;
        this.healthChanged.emit(health);
      }
    }
    const full = () => Promise.reject(new WeirError('STORAGE_FULL', 'scripted'));
    let disk: FaultyDisk;
    beforeEach(() => {
      disk = new FaultyDisk(bench.folder.store);
    });

    for (const health of ['full', 'failed'] as const) {
      it(`refuses new viewers with an alarm while the disk is ${health}, and admits them again after`, async () => {
        const billing = bench.billingOn(disk.store);
        disk.become('nearly-full');
        assert.deepEqual(await billing.admit(), { admitted: true });
        disk.become(health);
        const refused = await billing.admit();
        assert.equal(!refused.admitted && refused.why, 'not-admitted');
        assert.deepEqual(bench.alarmNames(), ['billing.refusing']);
        disk.become('ok');
        assert.deepEqual(await billing.admit(), { admitted: true });
        assert.deepEqual(bench.alarmNames(), []);
      });
    }

    it('reads counters once a period though storing them takes long, and never stores twice at a time', async () => {
      const billing = bench.billingOn(disk.store);
      await billing.started(new BilledViewer('session-1'));
      const secondsApart = async () => {
        disk.checkpoints.length = 0;
        await bench.clock.pass(60_000);
        const steps = disk.checkpoints.slice(1).map((at, index) => at - (disk.checkpoints[index] ?? 0n));
        return new Set(steps.map((ns) => Number(ns) / 1e9));
      };
      disk.checkpointMs = 3000;
      assert.deepEqual(await secondsApart(), new Set([5]));
      disk.checkpointMs = 7000;
      const [slow, ...others] = await secondsApart();
      assert.ok(slow !== undefined && slow >= 7 && slow < 8 && others.length === 0, `${slow} ${others}`);
    });

    it('rejects a start that is not stored, and records nothing of that session', async () => {
      const billing = bench.billingOn(disk.store);
      disk.starting = full();
      disk.starting.catch(() => {});
      const viewer = new BilledViewer('session-1');
      await assert.rejects(billing.started(viewer), (error) => isWeirError(error, 'STORAGE_FULL'));
      billing.ended(viewer.end(bench.clock.monoNs(), TerminateCause.nasError));
      await billing.settled();
      assert.deepEqual(await recordsOf(bench.folder.store), []);
    });

    it('relays without a record where it is told to, counts that, and raises an alarm', async () => {
      bench.config = configOf({ whenFull: 'relay-unbilled' });
      const billing = bench.billingOn(disk.store);
      disk.become('full');
      assert.deepEqual(await billing.admit(), { admitted: true });
      disk.starting = full();
      disk.starting.catch(() => {});
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      assert.deepEqual(bench.alarmNames(), ['billing.unbilled']);
      assert.equal(bench.unrecorded.sessions, 1);
      assert.deepEqual(billing.samples(), []);
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
      assert.deepEqual(await recordsOf(bench.folder.store), []);
      disk.become('ok');
      assert.deepEqual(bench.alarmNames(), []);
    });

    it('signs by how much the clock was wrong later, when the disk does not take it at once', async () => {
      bench.synchronised = false;
      const billing = bench.billingOn(disk.store);
      await bench.clock.pass(1000);
      disk.correcting = full();
      disk.correcting.catch(() => {});
      bench.synchronised = true;
      await bench.clock.pass(10_000);
      await billing.settled();
      assert.deepEqual(await bench.folder.store.ledger.corrections(), []);
      disk.correcting = Promise.resolve();
      await bench.clock.pass(5000);
      await billing.settled();
      await bench.clock.pass(60_000);
      await billing.settled();
      assert.equal((await bench.folder.store.ledger.corrections()).length, 1);
      assert.equal((await entriesOf(bench.folder.store)).length, 1, 'once a boot');
    });

    it('gives a start up after 5 s, and refuses new viewers for now until that disk has answered', async () => {
      const billing = bench.billingOn(disk.store);
      const stalled = Promise.withResolvers<void>();
      disk.starting = stalled.promise;
      const viewer = new BilledViewer('session-1');
      const starting = assert.rejects(billing.started(viewer), (error) => isWeirError(error, 'TIMED_OUT'));
      await bench.clock.pass(4750);
      assert.deepEqual(await billing.admit(), { admitted: true });
      await bench.clock.pass(500);
      await starting;
      const refused = await billing.admit();
      assert.equal(!refused.admitted && refused.why, 'not-now');
      assert.deepEqual(bench.alarmNames(), ['billing.startStalled']);
      billing.ended(viewer.end(bench.clock.monoNs(), TerminateCause.nasError));
      stalled.resolve();
      await billing.settled();
      await settled();
      assert.deepEqual(await billing.admit(), { admitted: true });
      assert.deepEqual(bench.alarmNames(), []);
      const [record] = await recordsOf(bench.folder.store);
      assert.deepEqual(
        [record?.terminateCause, record?.viewerTxBytes, record?.charge.amount],
        ['nas-error', '0', '0.0000'],
        'a start that became durable after all gets its record',
      );
    });

    it('bills a session from its beginning when its start became durable late', async () => {
      bench.config = configOf({ whenFull: 'relay-unbilled' });
      const billing = bench.billingOn(disk.store);
      const stalled = Promise.withResolvers<void>();
      disk.starting = stalled.promise;
      const viewer = new BilledViewer('session-1');
      const starting = billing.started(viewer);
      await bench.clock.pass(5250);
      await starting;
      viewer.gets(77n, 1n);
      stalled.resolve();
      await new Promise<void>((resolve) => {
        billing.sessionStarted.on(() => resolve());
      });
      billing.ended(viewer.end(bench.clock.monoNs()));
      await billing.settled();
      const [record] = await recordsOf(bench.folder.store);
      assert.equal(record?.viewerTxBytes, '77');
    });

    it('records a session that ended before its start was durable', async () => {
      const billing = bench.billingOn(disk.store);
      const slow = Promise.withResolvers<void>();
      disk.starting = slow.promise;
      const viewer = new BilledViewer('session-1');
      const starting = billing.started(viewer);
      billing.ended(viewer.end(bench.clock.monoNs(), TerminateCause.lostCarrier));
      slow.resolve();
      await starting;
      await billing.settled();
      const [record] = await recordsOf(bench.folder.store);
      assert.equal(record?.terminateCause, 'lost-carrier');
    });
  });
});
