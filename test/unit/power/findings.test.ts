import assert from 'node:assert/strict';
import type { LeftOpenSession, StoredEntry } from '#storage';
import { compare, type Found } from '../../power/findings.ts';
import { decodeMarks, encodeMarks, type Mark, markBytes } from '../../power/marks.ts';
import { Promises } from '../../power/promises.ts';

const entry = (sequence: number, session: string): StoredEntry => ({
  ...{ sequence, kind: 'usage', body: JSON.stringify({ session }), previousHash: '', hash: `#${sequence}` },
  ...{ signature: '', bootEpoch: 1, at: 0, clockTrusted: true },
});

const open = (sessionId: string, txBytes: bigint): LeftOpenSession => ({
  ...{ sessionId, startedAt: 0, clockTrusted: true, startedMonoNs: 0n, facts: null, bootEpoch: 1 },
  ...{ sameBoot: false, aliveMonoNs: 0n },
  counters: { txBytes, txPackets: 0n, droppedPackets: 0n, reportedLostPackets: 0n },
});

const promised = (...marks: readonly Mark[]): Promises => {
  const promises = new Promises();
  for (const mark of marks) promises.take(mark);
  return promises;
};

const settle = (
  kind: 'settling' | 'settled',
  destination: string,
  sequence: number,
  session: string,
): Mark => ({
  ...{ kind, destination, deliveries: [{ sequence, session }] },
});

/** Two records and an open session; the first record is with the collector already. */
const marks: readonly Mark[] = [
  { kind: 'opened', run: 1, device: 'a', bootEpoch: 1 },
  ...['one', 'two', 'three'].map((session): Mark => ({ kind: 'started', session })),
  { kind: 'metered', sessions: ['one', 'two', 'three'], bytes: 4 },
  { kind: 'metered', sessions: ['three'], bytes: 5 },
  { kind: 'recorded', session: 'one', sequence: 1, hash: '#1' },
  settle('settling', 'collector', 1, 'one'),
  settle('settled', 'collector', 1, 'one'),
  { kind: 'recorded', session: 'two', sequence: 2, hash: '#2' },
  settle('settling', 'collector', 2, 'two'),
];
const promises = promised(...marks);

const asPromised: Found = {
  entries: [entry(1, 'one'), entry(2, 'two')],
  leftOpen: [open('three', 5n)],
  waiting: new Map([
    ['collector', new Set([2])],
    ['origin', new Set([1, 2])],
  ]),
};

const findings = (found: Partial<Found>, due = promises) =>
  [...compare({ ...asPromised, ...found }, due)].map(({ invariant, text }) => `${invariant}: ${text}`);

describe('what is found after a power cut', () => {
  it('is right when it is what was promised', () => {
    assert.deepEqual(findings({}), []);
  });

  it('may be more than was promised: what was stored and not yet acknowledged', () => {
    const found = {
      entries: [...asPromised.entries, entry(3, 'three')],
      leftOpen: [open('four', 0n)],
      waiting: new Map([
        // 2 was settled, and the power went before that was told.
        ['collector', new Set([3])],
        ['origin', new Set([1, 2, 3])],
      ]),
    };
    assert.deepEqual(findings(found), []);
  });

  it('may lack what retention removes: a record that all who were to get it may have', () => {
    const found = {
      entries: [entry(2, 'two')],
      waiting: new Map([
        ['collector', new Set([2])],
        ['origin', new Set([2])],
      ]),
    };
    const gone = ['record: record 1 of one is gone', 'session: session one is gone'];
    const settledByAll = [...marks, settle('settling', 'origin', 1, 'one')];
    assert.deepEqual(findings(found, promised(...settledByAll, { kind: 'retaining' })), []);
    assert.deepEqual(findings(found, promised(...settledByAll)), gone);
    assert.deepEqual(findings(found, promised(...marks, { kind: 'retaining' })), gone);
  });

  const faults: ReadonlyArray<[name: string, found: Partial<Found>, expected: readonly string[]]> = [
    [
      'an acknowledged record is missing, though its session is open again',
      { entries: [entry(1, 'one')], leftOpen: [open('two', 4n), open('three', 5n)] },
      ['record: record 2 of two is gone'],
    ],
    [
      'an acknowledged record is another one',
      { entries: [{ ...entry(1, 'one'), hash: '#?' }, entry(2, 'two')] },
      ['record: record 1 of one is another'],
    ],
    ['a started session is nowhere', { leftOpen: [] }, ['session: session three is gone']],
    [
      'a session has two records',
      {
        entries: [...asPromised.entries, entry(3, 'one')],
        waiting: new Map([
          ['collector', new Set([2, 3])],
          ['origin', new Set([1, 2, 3])],
        ]),
      },
      ['once: session one has two records'],
    ],
    [
      'a session with a record is still open',
      { leftOpen: [open('one', 4n), open('three', 5n)] },
      ['once: session one is recorded and open'],
    ],
    [
      'a stored checkpoint is missing',
      { leftOpen: [open('three', 4n)] },
      ['metering: session three has 4 bytes, 5 were stored'],
    ],
    [
      'a settled delivery waits again',
      {
        waiting: new Map([
          ['collector', new Set([1, 2])],
          ['origin', new Set([1, 2])],
        ]),
      },
      ['delivery: 1 waits again for collector'],
    ],
    [
      'a delivery is lost that nobody settled',
      {
        waiting: new Map([
          ['collector', new Set([2])],
          ['origin', new Set([2])],
        ]),
      },
      ['delivery: 1 does not wait for origin'],
    ],
  ];
  for (const [name, found, expected] of faults) {
    it(`is told when ${name}`, () => assert.deepEqual(findings(found), expected));
  }
});

describe('marks', () => {
  it('fill whole sectors, and are read back as they were written', () => {
    const marks: readonly Mark[] = [
      { kind: 'started', session: 'one' },
      { kind: 'ended', run: 1, how: 'killed' },
    ];
    const bytes = encodeMarks(marks);
    assert.equal(bytes.length, 512);
    assert.deepEqual(decodeMarks(bytes), marks);
    assert.deepEqual(decodeMarks(encodeMarks([])), []);
  });

  it('are refused when they do not fit into one write', () => {
    const sessions = Array.from({ length: 1000 }, (_, index) => `session-${index}`);
    assert.ok(JSON.stringify(sessions).length > markBytes);
    assert.throws(() => encodeMarks([{ kind: 'metered', sessions, bytes: 1 }]), RangeError);
  });
});
