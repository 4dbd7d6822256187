import assert from 'node:assert/strict';
import type { UsageRecord } from '../../../src/billing/index.ts';
import type { AccountingRow } from '../../lab/upload/freeradius.ts';
import {
  accountedOtherwise,
  billedForNothing,
  doubled,
  type LedgerRecord,
  meteringGapMs,
  misbilled,
  neverTold,
  unknownOrChanged,
  unrecorded,
} from '../../storm/books.ts';
import type { StormSession } from '../../storm/viewers-options.ts';

/** What these books look at of a record. */
function record(number: number, changes: Partial<UsageRecord> = {}): UsageRecord {
  const some = {
    recordId: `record-${number}`,
    sessionId: `session-${number}`,
    viewer: { address: `198.19.0.${number}`, port: 20_000 },
    viewerTxBytes: '5000',
    viewerTxPackets: '5',
    durationMs: 4400,
    terminateCause: 'user-request',
    recovered: false,
    ...changes,
  };
  return some as unknown as UsageRecord;
}

const entry = (number: number, changes: Partial<UsageRecord> = {}): LedgerRecord => ({
  record: record(number, changes),
  sequence: number,
  hash: `hash-${number}`,
});

const session = (number: number, changes: Partial<StormSession> = {}): StormSession => ({
  viewer: `198.19.0.${number} 20000`,
  transport: 'udp',
  end: 'teardown',
  firstMediaAt: 1000,
  lastMediaAt: 5000,
  endedAt: 5010,
  packets: 5,
  bytes: 5000,
  lately: [1, 2, 3, 4, 5].map((count) => [count * 1000, count * 1000] as const),
  ...changes,
});

const note = (number: number, changes: Partial<UsageRecord> = {}) => ({
  record: record(number, changes),
  chain: { sequence: number, hash: `hash-${number}` },
  answered: true,
});

const row = (number: number, changes: Partial<AccountingRow> = {}) =>
  ({
    acctsessionid: `session-${number}`,
    acctoutputoctets: 5000,
    acctsessiontime: 4,
    ...changes,
  }) as AccountingRow;

const limit = { gapMs: 2000 };
const cutOff = { recovered: true, terminateCause: 'nas-error' } as const;

describe('storm: the books', () => {
  it('find nothing where everything is as it should be', () => {
    const ledger = [entry(1), entry(2, { ...cutOff, viewerTxBytes: '4000', viewerTxPackets: '4' })];
    const sessions = [session(1), session(2, { end: 'closed' })];
    const notes = [note(1), note(1), { ...note(2), record: ledger[1]?.record ?? record(2) }];
    assert.deepEqual(doubled(ledger), []);
    assert.deepEqual(unknownOrChanged('it', notes, ledger), []);
    assert.deepEqual(neverTold('it', notes, ledger), []);
    assert.deepEqual(unrecorded(sessions, ledger), []);
    assert.deepEqual(misbilled(sessions, ledger, limit), []);
    assert.deepEqual(billedForNothing(sessions, ledger), []);
    assert.deepEqual(accountedOtherwise([row(1), row(2, { acctoutputoctets: 4000 })], ledger), []);
  });

  const { sessionId, viewer } = record(1);
  for (const [what, second] of [
    ['record', { recordId: 'record-1' }],
    ['session', { sessionId }],
    ['viewer', { viewer }],
  ] as const) {
    it(`find a ${what} that is twice in the ledger`, () => {
      assert.match(doubled([entry(1), entry(2, second)]).join(), new RegExp(`^${what} .* again at 2$`));
    });
  }

  it('find a record that was acknowledged and is not in the ledger', () => {
    assert.match(unknownOrChanged('it', [note(1)], [entry(2)]).join(), /acknowledged record-1, which is not/);
  });

  it('find a record that somebody got with another body', () => {
    const changed = [note(1, { viewerTxBytes: '5001' })];
    assert.match(unknownOrChanged('it', changed, [entry(1)]).join(), /another body/);
  });

  it('find a record that somebody got with another place in the chain', () => {
    const moved = { ...note(1), chain: { sequence: 1, hash: 'another' } };
    assert.match(unknownOrChanged('it', [moved], [entry(1)]).join(), /another place/);
  });

  it('find a record that was sent and never acknowledged', () => {
    const unheard = { ...note(1), answered: false };
    assert.match(neverTold('it', [unheard], [entry(1)]).join(), /never got record-1/);
  });

  it('find a viewer that got media and has no record', () => {
    assert.match(unrecorded([session(1)], [entry(2)]).join(), /198\.19\.0\.1 20000 got 5 packets/);
  });

  for (const [what, changes] of [
    ['one byte too much', { viewerTxBytes: '5001' }],
    ['one packet too much', { viewerTxPackets: '6' }],
    ['too much though it was cut off', { ...cutOff, viewerTxBytes: '5001' }],
    ['one byte too little', { viewerTxBytes: '4999' }],
    ['too little for being cut off', { ...cutOff, viewerTxBytes: '1000', viewerTxPackets: '1' }],
    ['a cut-off session under another name', { recovered: true }],
  ] as const) {
    it(`find a bill of ${what}`, () => {
      assert.equal(misbilled([session(1)], [entry(1, changes)], limit).length, 1);
    });
  }

  it('measure the gap from the first media that is not billed', () => {
    assert.equal(meteringGapMs(session(1), 5000), 0);
    assert.equal(meteringGapMs(session(1), 4999), 0);
    assert.equal(meteringGapMs(session(1), 4000), 0);
    assert.equal(meteringGapMs(session(1), 3000), 1000);
    assert.equal(meteringGapMs(session(1), 0), 4000);
  });

  it('find media that is billed to nobody the wire knows', () => {
    assert.match(billedForNothing([], [entry(1)]).join(), /got nothing and is billed 5 packets/);
    assert.deepEqual(billedForNothing([], [entry(1, { viewerTxPackets: '0' })]), []);
  });

  for (const [what, rows] of [
    ['a missing row', []],
    ['two rows', [row(1), row(1)]],
    ['other counters', [row(1, { acctoutputoctets: 4999 })]],
    ['another duration', [row(1, { acctsessiontime: 2 })]],
    ['a row without a record', [row(1), row(2)]],
  ] as const) {
    it(`find ${what} at the RADIUS server`, () => {
      assert.equal(accountedOtherwise(rows, [entry(1)]).length, 1);
    });
  }
});
