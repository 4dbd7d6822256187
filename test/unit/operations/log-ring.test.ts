import assert from 'node:assert/strict';
import { createLog } from '#base';
import { LogRing } from '../../../src/operations/index.ts';

describe('the log in memory', () => {
  it('has the last lines, oldest first, as they were written', () => {
    const ring = new LogRing();
    const log = createLog({ write: (line) => ring.add(line), level: () => 'info', nowMs: () => 0 });
    for (let n = 1; n <= 5; n += 1) log.info('tick', { n });
    log.debug('dropped before it is built');
    const read = ring.last(2);
    assert.deepEqual(read, [
      { at: '1970-01-01T00:00:00.000Z', level: 'info', event: 'tick', n: 4 },
      { at: '1970-01-01T00:00:00.000Z', level: 'info', event: 'tick', n: 5 },
    ]);
    assert.equal(ring.last(100).length, 5);
    assert.equal(ring.text(1)[0]?.endsWith('\n'), true);
  });

  it('never holds more than 5,000 lines, nor more than 2 MiB of them', () => {
    const ring = new LogRing();
    for (let n = 0; n < 20_000; n += 1) ring.add(`{"n":${n}}\n`);
    assert.equal(ring.length, 5000);
    assert.deepEqual(
      ring.last(5000).map(({ n }) => n),
      Array.from({ length: 5000 }, (_, index) => 15_000 + index),
    );
    for (let n = 0; n < 100; n += 1) ring.add(`${JSON.stringify({ n, text: 'x'.repeat(100_000) })}\n`);
    const bytes = ring.text(5000).reduce((sum, line) => sum + line.length, 0);
    assert.ok(bytes <= 2 << 20, String(bytes));
    assert.equal(ring.last(1)[0]?.n, 99);
  });

  it('keeps a line that alone is longer than all it may hold', () => {
    const ring = new LogRing();
    ring.add('{"n":1}\n');
    ring.add(`${JSON.stringify({ text: 'x'.repeat(3 << 20) })}\n`);
    assert.equal(ring.length, 1);
  });
});
