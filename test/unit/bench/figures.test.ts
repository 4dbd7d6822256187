import assert from 'node:assert/strict';
import { percentile, spreadOf, spreadText } from '../../bench/figures.ts';
import { below, none, renderReport } from '../../bench/report.ts';

describe('the figures of a benchmark', () => {
  it('gives the middle of several rounds, whatever their order, and how far apart they lie', () => {
    assert.deepEqual(spreadOf([30, 10, 20]), { median: 20, min: 10, max: 30 });
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
    assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
    assert.throws(() => spreadOf([]), RangeError);
  });

  it('finds percentiles between values', () => {
    const values = Array.from({ length: 101 }, (_, index) => index);
    assert.deepEqual(
      [0, 0.5, 0.99, 1].map((share) => percentile(values, share)),
      [0, 50, 99, 100],
    );
    assert.equal(percentile([10, 20], 0.25), 12.5);
  });

  it('says of each goal whether it is met, with the measured value beside it', () => {
    const text = renderReport({
      title: 'title',
      table: [
        ['a', 'long head'],
        ['wide cell', '1'],
      ],
      goals: [below('reached', 1.04, 1.5, ''), below('missed', 20, 20, ' ms'), none('dropped', 0)],
      notes: ['a note'],
      figures: [],
    });
    assert.deepEqual(text.split('\n'), [
      'title',
      '',
      '|         a | long head |',
      '| --------: | --------: |',
      '| wide cell |         1 |',
      '',
      '- a note',
      '',
      '- met: reached: 1.04, goal below 1.5',
      '- NOT MET: missed: 20 ms, goal below 20 ms',
      '- met: dropped: 0, goal none',
    ]);
    assert.equal(spreadText({ median: 1.234, min: 1, max: 2 }, 2), '1.23 (1.00-2.00)');
  });
});
