import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { Alarms, isWeirError, Signal, silentLog, WeirError } from '#base';
import { type Store, type StoreHealth, verifyChain } from '#storage';
import { BillingManager, Unrecorded } from '../../../src/billing/index.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { recordRows } from '../../../src/operations/records.ts';
import { TerminateCause } from '../../../src/protocol/index.ts';
import { usageEntry } from '../../../src/upload/outgoing-entry.ts';
import { HandClock, settled } from '../session/scripted.ts';
import { BilledViewer, entriesOf, RecordsFolder, recordsOf } from './billed-viewer.ts';

const configOf = (billing: object) =>
  parseConfig({ interfaces: { wan: { device: 'wan0' }, access: { device: 'lan0' } }, billing }).billing;

const priced = configOf({
  currency: 'EUR',
  tariffs: [{ name: 'basic', version: '4', pricePerMegabyte: '0.10', pricePerMinute: '0.01', decimals: 4 }],
  subscribers: [{ id: 'flat-7', macs: ['02:00:00:00:00:05'] }],
});

describe('BillingManager', () => {
  let folder: RecordsFolder;
  let clock: HandClock;
  let alarms: Alarms;
  let config: ReturnType<typeof configOf>;
  let synchronised: boolean;
  let unrecorded: Unrecorded;
  let opened: BillingManager[];

  beforeEach(async () => {
    folder = await RecordsFolder.make();
    clock = new HandClock();
    alarms = new Alarms({ clock, log: silentLog });
    config = priced;
    synchronised = true;
    unrecorded = new Unrecorded({ config: () => config, alarms, log: silentLog });
    opened = [];
  });
  afterEach(async () => {
    for (const billing of opened) await billing.close();
    await folder[Symbol.asyncDispose]();
  });

  const billingOn = (store: Store = folder.store) => {
    const billing = new BillingManager({
      store,
      config: () => config,
      synchronised: () => synchronised,
      macOf: (address) => (address === '198.51.100.5' ? '02:00:00:00:00:05' : undefined),
      deliveries: () => ['collector'],
      readers: { noteDeliveries: (told) => ['auditor', ...told], giveUp: async () => {} },
      unrecorded,
      alarms,
      clock,
      log: silentLog,
    });
    billing.open();
    opened.push(billing);
    return billing;
  };
  const alarmNames = () => alarms.standing().map(({ name }) => name);

  it('records a session that has ended, with all that its bill rests on', async () => {
    const billing = billingOn();
    await clock.pass(1000);
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(2_500_000n, 2000n);
    viewer.count = { ...viewer.count, droppedPackets: 3n, reportedLostPackets: 4n };
    await clock.pass(30_000);
    billing.ended(viewer.end(clock.monoNs(), TerminateCause.idleTimeout));
    await billing.settled();
    const [record, ...others] = await recordsOf(folder.store);
    assert.deepEqual(others, []);
    assert.match(record?.recordId ?? '', /^[0-9a-f-]{36}$/);
    assert.deepEqual(record, {
      recordId: record?.recordId,
      deviceId: folder.store.device.id,
      bootEpoch: folder.store.bootEpoch,
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
    const billing = billingOn();
    const told: string[] = [];
    billing.sessionStarted.on(({ sessionId, facts }) => told.push(`${sessionId} ${facts.subscriber}`));
    billing.recorded.on(({ entry, record }) => told.push(`${record.sessionId} ${entry.sequence}`));
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    assert.deepEqual(told, ['session-1 flat-7']);
    billing.ended(viewer.end(clock.monoNs()));
    await billing.settled();
    assert.deepEqual(told, ['session-1 flat-7', 'session-1 1']);
    const { entries } = await folder.store.outbox.waiting('collector');
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      [1],
    );
  });

  it('records nothing of a session that never played', async () => {
    const billing = billingOn();
    billing.ended(new BilledViewer('session-1').end(clock.monoNs()));
    await billing.settled();
    assert.deepEqual(await recordsOf(folder.store), []);
  });

  it('charges by the terms of the start, whatever the configuration says at the end', async () => {
    const billing = billingOn();
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(1_000_000n, 10n);
    config = configOf({ currency: 'USD', tariffs: [{ name: 'dear', pricePerSession: '99' }] });
    billing.ended(viewer.end(clock.monoNs()));
    await billing.settled();
    const [record] = await recordsOf(folder.store);
    assert.deepEqual([record?.charge.amount, record?.charge.currency], ['0.1000', 'EUR']);
  });

  it('shows live counters of sessions, and none of one that has ended', async () => {
    const billing = billingOn();
    const viewer = new BilledViewer('session-1');
    await billing.started(viewer);
    viewer.gets(5n, 1n);
    assert.deepEqual(
      billing.samples().map(({ sessionId, txBytes }) => [sessionId, txBytes]),
      [['session-1', 5n]],
    );
    billing.ended(viewer.end(clock.monoNs()));
    assert.deepEqual(billing.samples(), []);
  });

  describe('after an end without order', () => {
    const leaveOpen = async () => {
      const billing = billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      viewer.gets(1_000_000n, 700n);
      const before = clock.monoNs();
      await clock.pass(5000);
      // Reads go through the same worker, after what was asked before.
      await folder.store.ledger.head();
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
        const bootEpoch = folder.store.bootEpoch;
        await folder.reopen(bootId);
        const billing = billingOn();
        await billing.settled();
        const [record, ...others] = await recordsOf(folder.store);
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
        await folder.reopen();
        await billingOn().settled();
      }
      assert.equal((await recordsOf(folder.store)).length, 1);
    });
  });

  it('waits for the records of all sessions when it is closed', async () => {
    const billing = billingOn();
    const viewers = Array.from({ length: 50 }, (_, index) => new BilledViewer(`session-${index}`));
    await Promise.all(viewers.map((viewer) => billing.started(viewer)));
    for (const viewer of viewers) billing.ended(viewer.end(clock.monoNs(), TerminateCause.adminReboot));
    await billing.close();
    assert.equal((await recordsOf(folder.store)).length, 50);
  });

  it('gives every session another record id, in the order they ended', async () => {
    const billing = billingOn();
    for (let index = 0; index < 20; index++) {
      const viewer = new BilledViewer(`session-${index}`);
      await billing.started(viewer);
      billing.ended(viewer.end(clock.monoNs()));
    }
    await billing.settled();
    const ids = (await recordsOf(folder.store)).map(({ recordId }) => recordId);
    assert.deepEqual(ids, [...new Set(ids)].toSorted());
  });

  describe('on a clock that is not synchronised', () => {
    it('says so in the record, and signs by how much it was wrong once that is known', async () => {
      synchronised = false;
      const billing = billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      await clock.pass(2000);
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
      clock.setAheadMs = 1_700_000_000_000;
      synchronised = true;
      await clock.pass(6000);
      await billing.settled();
      const [record] = await recordsOf(folder.store);
      assert.equal(record?.clockTrusted, false);
      assert.equal(record?.startedAt, '1970-01-01T00:00:01.000Z');
      const entries = await entriesOf(folder.store);
      assert.deepEqual(
        entries.map(({ kind }) => kind),
        ['usage', 'clock'],
      );
      assert.deepEqual(await folder.store.ledger.corrections(), [
        { bootEpoch: folder.store.bootEpoch, offsetMs: 1_700_000_000_000 },
      ]);
      for (const name of ['auditor', 'collector']) {
        const { entries: waiting } = await folder.store.outbox.waiting(name);
        assert.equal(waiting.at(-1)?.kind, 'clock', `${name}, who may have the record as it was`);
      }
      await clock.pass(60_000);
      await billing.settled();
      assert.equal((await entriesOf(folder.store)).length, 2, 'once a boot');
    });

    it('tells a session that ended after it was known by the right times, its start as well', async () => {
      synchronised = false;
      const billing = billingOn();
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      await clock.pass(3000);
      clock.setAheadMs = 1_700_000_000_000;
      synchronised = true;
      await clock.pass(4000);
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
      const [record] = await recordsOf(folder.store);
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
      await clock.pass(2000);
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
    };
    /** Ends the run that was and starts another one. */
    const startAgain = async (bootId?: string) => {
      await opened.at(-1)?.close();
      await folder.reopen(bootId);
      return billingOn();
    };
    const becomeKnown = () => {
      clock.setAheadMs = trueAheadMs;
      synchronised = true;
    };
    const kinds = async () => (await entriesOf(folder.store)).map(({ kind }) => kind);
    const exportedTimes = async () => {
      const times: Record<string, unknown> = {};
      const damaged = () => assert.fail('damaged');
      for await (const row of recordRows(folder.store, { damaged })) {
        times[row.sessionId] = [row.startedAt, row.clockCorrected];
      }
      return times;
    };

    it('signs by how much records were wrong that were written before it was known, whoever had them', async () => {
      synchronised = false;
      await bill(billingOn(), 'session-1');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'clock']);
      assert.deepEqual(await folder.store.ledger.corrections(), [
        { bootEpoch: folder.store.bootEpoch, offsetMs: trueAheadMs },
      ]);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:21.000Z', true] });
      const [entry] = await entriesOf(folder.store);
      assert.ok(entry !== undefined);
      const uploaded = usageEntry(entry, await folder.store.ledger.corrections());
      assert.deepEqual(uploaded.times, {
        startedAt: '2023-11-14T22:13:21.000Z',
        endedAt: '2023-11-14T22:13:23.000Z',
        correctedByMs: trueAheadMs,
        known: true,
      });
      for (const name of ['auditor', 'collector']) {
        const { entries: waiting } = await folder.store.outbox.waiting(name);
        assert.equal(waiting.at(-1)?.kind, 'clock', `${name}, who may have the record as it was`);
      }
      const key = createPublicKey(folder.store.device.publicKey);
      assert.deepEqual((await verifyChain(await entriesOf(folder.store), key)).faults, []);
    });

    it('signs it once, however often it is started', async () => {
      synchronised = false;
      await bill(billingOn(), 'session-1');
      becomeKnown();
      for (let start = 0; start < 3; start++) await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage', 'clock']);
    });

    it('goes on by the clock of the first start, so that one offset corrects what all of them told', async () => {
      synchronised = false;
      await bill(billingOn(), 'session-1');
      clock.setAheadMs = 86_400_000;
      await bill(await startAgain(), 'session-2');
      clock.setAheadMs = 5_000_000;
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
      synchronised = false;
      await (await startAgain()).settled();
      becomeKnown();
      await clock.pass(6000);
      await opened.at(-1)?.settled();
      assert.deepEqual(await kinds(), ['clock']);
      synchronised = false;
      clock.setAheadMs = 1_000_000_000_000;
      await bill(await startAgain(), 'session-1');
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['clock', 'usage', 'clock']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:27.000Z', true] });
    });

    it('closes a session left open by the same clock, and what follows it', async () => {
      synchronised = false;
      await billingOn().started(new BilledViewer('session-1'));
      await clock.pass(3000);
      clock.setAheadMs = 86_400_000;
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
      synchronised = false;
      await billingOn().started(new BilledViewer('session-1'));
      await clock.pass(3000);
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), ['usage']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['2023-11-14T22:13:21.000Z', false] });
    });

    it('has nothing to sign when no record was written', async () => {
      synchronised = false;
      billingOn();
      becomeKnown();
      await (await startAgain()).settled();
      assert.deepEqual(await kinds(), []);
    });

    it('says nothing of the clock of another boot, of which nobody knows any more', async () => {
      synchronised = false;
      await bill(billingOn(), 'session-1');
      becomeKnown();
      await (await startAgain('boot-2')).settled();
      assert.deepEqual(await kinds(), ['usage']);
      assert.deepEqual(await exportedTimes(), { 'session-1': ['1970-01-01T00:00:01.000Z', false] });
    });
  });

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
          if (this.checkpointMs > 0) return clock.sleep(this.checkpointMs);
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
      disk = new FaultyDisk(folder.store);
    });

    for (const health of ['full', 'failed'] as const) {
      it(`refuses new viewers with an alarm while the disk is ${health}, and admits them again after`, async () => {
        const billing = billingOn(disk.store);
        disk.become('nearly-full');
        assert.deepEqual(await billing.admit(), { admitted: true });
        disk.become(health);
        const refused = await billing.admit();
        assert.equal(!refused.admitted && refused.why, 'not-admitted');
        assert.deepEqual(alarmNames(), ['billing.refusing']);
        disk.become('ok');
        assert.deepEqual(await billing.admit(), { admitted: true });
        assert.deepEqual(alarmNames(), []);
      });
    }

    it('reads counters once a period though storing them takes long, and never stores twice at a time', async () => {
      const billing = billingOn(disk.store);
      await billing.started(new BilledViewer('session-1'));
      const secondsApart = async () => {
        disk.checkpoints.length = 0;
        await clock.pass(60_000);
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
      const billing = billingOn(disk.store);
      disk.starting = full();
      disk.starting.catch(() => {});
      const viewer = new BilledViewer('session-1');
      await assert.rejects(billing.started(viewer), (error) => isWeirError(error, 'STORAGE_FULL'));
      billing.ended(viewer.end(clock.monoNs(), TerminateCause.nasError));
      await billing.settled();
      assert.deepEqual(await recordsOf(folder.store), []);
    });

    it('relays without a record where it is told to, counts that, and raises an alarm', async () => {
      config = configOf({ whenFull: 'relay-unbilled' });
      const billing = billingOn(disk.store);
      disk.become('full');
      assert.deepEqual(await billing.admit(), { admitted: true });
      disk.starting = full();
      disk.starting.catch(() => {});
      const viewer = new BilledViewer('session-1');
      await billing.started(viewer);
      assert.deepEqual(alarmNames(), ['billing.unbilled']);
      assert.equal(unrecorded.sessions, 1);
      assert.deepEqual(billing.samples(), []);
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
      assert.deepEqual(await recordsOf(folder.store), []);
      disk.become('ok');
      assert.deepEqual(alarmNames(), []);
    });

    it('signs by how much the clock was wrong later, when the disk does not take it at once', async () => {
      synchronised = false;
      const billing = billingOn(disk.store);
      await clock.pass(1000);
      disk.correcting = full();
      disk.correcting.catch(() => {});
      synchronised = true;
      await clock.pass(10_000);
      await billing.settled();
      assert.deepEqual(await folder.store.ledger.corrections(), []);
      disk.correcting = Promise.resolve();
      await clock.pass(5000);
      await billing.settled();
      await clock.pass(60_000);
      await billing.settled();
      assert.equal((await folder.store.ledger.corrections()).length, 1);
      assert.equal((await entriesOf(folder.store)).length, 1, 'once a boot');
    });

    it('gives a start up after 5 s, and refuses new viewers for now until that disk has answered', async () => {
      const billing = billingOn(disk.store);
      const stalled = Promise.withResolvers<void>();
      disk.starting = stalled.promise;
      const viewer = new BilledViewer('session-1');
      const starting = assert.rejects(billing.started(viewer), (error) => isWeirError(error, 'TIMED_OUT'));
      await clock.pass(4750);
      assert.deepEqual(await billing.admit(), { admitted: true });
      await clock.pass(500);
      await starting;
      const refused = await billing.admit();
      assert.equal(!refused.admitted && refused.why, 'not-now');
      assert.deepEqual(alarmNames(), ['billing.startStalled']);
      billing.ended(viewer.end(clock.monoNs(), TerminateCause.nasError));
      stalled.resolve();
      await billing.settled();
      await settled();
      assert.deepEqual(await billing.admit(), { admitted: true });
      assert.deepEqual(alarmNames(), []);
      const [record] = await recordsOf(folder.store);
      assert.deepEqual(
        [record?.terminateCause, record?.viewerTxBytes, record?.charge.amount],
        ['nas-error', '0', '0.0000'],
        'a start that became durable after all gets its record',
      );
    });

    it('bills a session from its beginning when its start became durable late', async () => {
      config = configOf({ whenFull: 'relay-unbilled' });
      const billing = billingOn(disk.store);
      const stalled = Promise.withResolvers<void>();
      disk.starting = stalled.promise;
      const viewer = new BilledViewer('session-1');
      const starting = billing.started(viewer);
      await clock.pass(5250);
      await starting;
      viewer.gets(77n, 1n);
      stalled.resolve();
      await new Promise<void>((resolve) => {
        billing.sessionStarted.on(() => resolve());
      });
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
      const [record] = await recordsOf(folder.store);
      assert.equal(record?.viewerTxBytes, '77');
    });

    it('records a session that ended before its start was durable', async () => {
      const billing = billingOn(disk.store);
      const slow = Promise.withResolvers<void>();
      disk.starting = slow.promise;
      const viewer = new BilledViewer('session-1');
      const starting = billing.started(viewer);
      billing.ended(viewer.end(clock.monoNs(), TerminateCause.lostCarrier));
      slow.resolve();
      await starting;
      await billing.settled();
      const [record] = await recordsOf(folder.store);
      assert.equal(record?.terminateCause, 'lost-carrier');
    });
  });

  it('removes records that are older than they have to be kept, and that nobody waits for', async () => {
    config = configOf({ retentionDays: 1 });
    const billing = billingOn();
    for (const sessionId of ['session-1', 'session-2']) {
      const viewer = new BilledViewer(sessionId);
      await billing.started(viewer);
      billing.ended(viewer.end(clock.monoNs()));
      await billing.settled();
    }
    await clock.pass(90_000_000, 900_000);
    assert.equal((await recordsOf(folder.store)).length, 2, 'the collector still waits for them');
    await folder.store.outbox.settle('collector', [{ sequence: 1, outcome: 'acknowledged' }]);
    await clock.pass(3_600_000, 900_000);
    while ((await recordsOf(folder.store)).length > 1) await settled();
    assert.deepEqual(
      (await entriesOf(folder.store)).map(({ sequence, kind }) => [sequence, kind]),
      [
        [2, 'usage'],
        [3, 'anchor'],
      ],
    );
  });
});
