import assert from 'node:assert/strict';
import { type FanoutChoice, fanoutCases } from '../../bench/fanout-cases.ts';

const nothing: FanoutChoice = {
  ...{ transports: undefined, offload: undefined, threads: undefined, viewers: undefined },
  brief: false,
};
const rows = (choice: Partial<FanoutChoice>) =>
  fanoutCases({ ...nothing, ...choice }).map(
    ({ transport, offload, threads, viewers }) =>
      `${transport} ${offload ? 'on' : 'off'} ${threads} ${viewers}`,
  );

describe('the rows of the fan-out table', () => {
  it('measures every number of viewers where segmentation is on, and fewer elsewhere', () => {
    assert.deepEqual(rows({ transports: ['udp'] }), [
      ...[1, 10, 100, 500, 1000, 2000].map((viewers) => `udp on 1 ${viewers}`),
      ...['udp off 1 100', 'udp off 1 1000', 'udp on 2 100', 'udp on 2 1000'],
    ]);
    assert.deepEqual(rows({ transports: ['tcp'], threads: [1] }), [
      ...[1, 10, 100, 500, 1000].map((viewers) => `tcp on 1 ${viewers}`),
    ]);
  });

  it('measures what it is asked for, wherever that is asked', () => {
    assert.deepEqual(rows({ viewers: [7], threads: [2] }), ['udp on 2 7', 'udp off 2 7', 'tcp on 2 7']);
    assert.equal(rows({ transports: ['udp'], offload: [false], threads: [2] }).length, 5);
    assert.deepEqual(rows({ viewers: [50], transports: ['tcp'], offload: [false], threads: [1] }), [
      'tcp off 1 50',
    ]);
  });

  it('has as few as show the goals when it is brief', () => {
    assert.deepEqual(rows({ brief: true }), [
      ...['udp on 1 100', 'udp on 1 1000'],
      ...['tcp on 1 100', 'tcp on 1 1000'],
    ]);
  });

  it('gives every thread a viewer at least', () => {
    assert.deepEqual(rows({ viewers: [1, 2], threads: [2], transports: ['tcp'] }), ['tcp on 2 2']);
  });
});
