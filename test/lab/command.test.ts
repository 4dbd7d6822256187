import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { insideSandbox } from '../../src/demo/world/index.ts';

const program = fileURLToPath(new URL('command-program.ts', import.meta.url));

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 20_000 });

describe('a command of the rigs', function () {
  this.timeout(30_000);
  before(function () {
    if (!insideSandbox()) this.skip(); // `npm test` runs these inside
  });

  it('does what it is asked for', () => {
    const { status, stdout, stderr } = run('--times', '2');
    assert.deepEqual([status, stdout, stderr], [0, 'done done \n', '']);
  });

  it('tells how it is used', () => {
    const { status, stdout } = run('--times', '0', '--help');
    assert.deepEqual([status, stdout], [0, 'usage: example [--times N] [TASK]\n']);
  });

  for (const [args, why] of [
    [['--times', '0'], /^example: --times takes a whole number from 1 on, not "0"/],
    [['--times', '1.5'], /^example: --times takes a whole number from 1 on, not "1.5"/],
    [['--times', ''], /^example: --times takes a whole number from 1 on, not ""/],
    [['--often'], /^example: Unknown option '--often'/],
    [['--times'], /^example: Option '--times <value>' argument missing/],
  ] as const) {
    it(`says what is wrong, and how it is used, with status 2: ${args.join(' ')}`, () => {
      const { status, stdout, stderr } = run(...args);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, why);
      assert.match(stderr, /^usage: example/m);
    });
  }

  it('ends with status 1 when it fails, and says why in a line', () => {
    const { status, stderr } = run('refuse');
    assert.deepEqual([status, stderr], [1, 'example: not today\n']);
  });

  it('says where, too, when it is a mistake of its own', () => {
    const { status, stderr } = run('stumble');
    assert.equal(status, 1);
    assert.match(stderr, /^example: a mistake\n.*\n\s+at .*command-program\.ts/);
  });

  it('ends with the status that it chose', () => assert.equal(run('find').status, 1));

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`tells what it has by then when it is stopped by ${signal}`, async () => {
      const child = spawn(process.execPath, [program, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'exit');
      child.stdout.once('data', () => child.kill(signal));
      assert.equal(await text(child.stdout), 'begun\nso far\n');
      assert.deepEqual(await ended, [status, null]);
    });
  }
});
