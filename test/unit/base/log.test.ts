import assert from 'node:assert/strict';
import { createLog, type LogLevel, logLevels } from '#base';

function capture(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const state = { level };
  const log = createLog({
    write: (line) => lines.push(line),
    level: () => state.level,
    nowMs: () => Date.UTC(2026, 10, 5, 12, 0, 0, 7),
  });
  return { log, lines, state };
}

describe('the log', () => {
  it('writes one JSON object a line: when, how grave, what, facts', () => {
    const { log, lines } = capture();
    log.info('viewer joined', { viewer: '198.18.0.7', port: 5000, unknown: undefined });
    assert.deepEqual(lines, [
      '{"at":"2026-11-05T12:00:00.007Z","level":"info","event":"viewer joined","viewer":"198.18.0.7","port":5000}\n',
    ]);
  });

  it('writes 64-bit counters to the last digit, and line ends so that a line stays one', () => {
    const { log, lines } = capture();
    log.warn('odd', { bytes: 2n ** 63n, text: 'a\nb' });
    assert.equal(lines[0]?.split('\n').length, 2);
    const line = JSON.parse(lines[0] ?? '');
    assert.equal(line.bytes, '9223372036854775808');
    assert.equal(line.text, 'a\nb');
  });

  for (const [at, level] of logLevels.entries()) {
    it(`at level ${level} drops what is below it`, () => {
      const { log, lines } = capture(level);
      for (const each of logLevels) log[each]('event');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).level),
        logLevels.slice(at),
      );
    });
  }

  it('follows a change of level at once, also in logs made before', () => {
    const { log, lines, state } = capture('error');
    const child = log.with({ feed: 'a' });
    child.debug('dropped');
    state.level = 'debug';
    child.debug('written');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).event),
      ['written'],
    );
  });

  it('puts the facts of `with` on every line, the innermost last', () => {
    const { log, lines } = capture();
    log.with({ feed: 'a', viewer: 1 }).with({ viewer: 2 }).info('event', { port: 3 });
    assert.deepEqual(Object.entries(JSON.parse(lines[0] ?? '')).slice(3), [
      ['feed', 'a'],
      ['viewer', 2],
      ['port', 3],
    ]);
    log.info('plain');
    assert.equal(Object.keys(JSON.parse(lines[1] ?? '')).length, 3);
  });
});
