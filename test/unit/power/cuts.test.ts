import assert from 'node:assert/strict';
import { choosePositions } from '../../power/cuts.ts';
import { disk, encodeMarks, type Mark } from '../../power/marks.ts';
import type { WriteSource } from '../../power/volatile-disk.ts';
import type { LogEntry } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';

const none = {
  offset: 0,
  length: 0,
  flush: false,
  fua: false,
  discard: false,
  dataAt: 0,
  dataLength: 0,
  end: 0,
};
const write: LogEntry = { ...none, length: 4096, dataLength: 4096 };
const flush: LogEntry = { ...none, flush: true };
const marked = (mark: Mark): LogEntry & { mark: Mark } => ({ ...write, offset: disk.marksAt, mark });
const started = marked({ kind: 'started', session: 'one' });
const opened = marked({ kind: 'opened', run: 1, device: 'a', bootEpoch: 1 });
const ended = marked({ kind: 'ended', run: 1, how: 'closed' });

const logOf = (entries: readonly LogEntry[]): WriteSource => ({
  entries,
  data: (entry) => encodeMarks([(entry as LogEntry & { mark: Mark }).mark]),
});

const chosen = (entries: readonly LogEntry[]): number[] => [
  ...new Set(choosePositions(logOf(entries), 400, randomOf(1))),
];

describe('the moments at which the power is cut', () => {
  it('are all those at which something written is not flushed, and no others', () => {
    assert.deepEqual(chosen([flush, write, write, flush, flush, write, flush]), [2, 3, 6]);
  });

  it('are also right behind a promise that was given while something was loose', () => {
    assert.deepEqual(chosen([started, write, started, flush, started]), [2, 3]);
  });

  it('are for one quarter such at which much is loose, for one such at which the store is being opened', () => {
    const quiet = Array.from({ length: 200 }, () => [write, flush]).flat();
    const entries = [write, flush, opened, ...quiet, write, write, write, write, flush, ended, write, flush];
    const positions = choosePositions(logOf(entries), 400, randomOf(1));
    const opening = positions.filter((position) => position === 1 || position === 410);
    const worst = positions.filter((position) => position === 407);
    assert.ok(opening.length >= 100 && opening.length < 110, `${opening.length}`);
    assert.ok(worst.length >= 100 && worst.length < 110, `${worst.length}`);
  });

  it('come in order, and again by their seed', () => {
    const entries = Array.from({ length: 100 }, () => write);
    const positions = choosePositions(logOf(entries), 20, randomOf(5));
    assert.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
    );
    assert.deepEqual(choosePositions(logOf(entries), 20, randomOf(5)), positions);
    assert.notDeepEqual(choosePositions(logOf(entries), 20, randomOf(6)), positions);
  });

  it('do not exist in a log in which every write is flushed at once', () => {
    assert.throws(() => chosen([flush, started, flush]), /nothing was written/);
  });
});
