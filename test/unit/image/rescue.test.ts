import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const libexec = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec');

describe('the rescue console', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-rescue-'));
    program('systemctl', 'echo "$*" >>"$HERE/asked"; [ "$1" != show ] || cat "$HERE/state"');
    program('journalctl', 'echo "[ 12.3] node: it is broken"');
    program('slot-state', 'echo "primary=a a=good:3 b=good:3 sequence=9"');
    program('verb-update', 'read -r words; echo "update $words" >>"$HERE/asked"; cat "$HERE/answer"');
    program(
      'verb-factory-reset',
      'read -r words; echo "factory-reset $words" >>"$HERE/asked"; cat "$HERE/answer"',
    );
    writeFileSync(join(folder, 'answer'), 'ok\n');
    unit('failed', 'failed');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const program = (name: string, body: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\nHERE=${folder}\n${body}\n`, { mode: 0o755 });
  /** What systemd says of Weir; each start of a unit has an ID of its own. */
  const unit = (state: string, step: string, start = '') =>
    writeFileSync(join(folder, 'state'), `ActiveState=${state}\nSubState=${step}\nInvocationID=${start}\n`);
  const run = (name: string, input = '') => {
    const { stdout, status } = spawnSync('dash', [join(libexec, name)], {
      encoding: 'utf8',
      input,
      env: {
        PATH: `${folder}:${process.env.PATH}`,
        WEIR_LIBEXEC: folder,
        WEIR_RESCUE_MISSED: join(folder, 'missed'),
      },
    });
    assert.equal(status, 0);
    return stdout;
  };
  const type = (...lines: readonly string[]) => run('rescue', lines.map((line) => `${line}\n`).join(''));
  const asked = () => {
    const file = join(folder, 'asked');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    rmSync(file, { force: true });
    return lines;
  };

  const offered = () => asked().includes('start --no-block weir-rescue.service');

  it('says what is wrong and what can be done, and says it again to whatever it does not know', () => {
    const said = type('sh', 'status; sh');
    assert.equal(said.match(/Weir does not run on this gateway/g)?.length, 3);
    assert.deepEqual(asked(), []);
    for (const line of said.split('\n').slice(0, -1)) assert.ok(line.endsWith('\r'), JSON.stringify(line));
  });

  it('shows the state, the slots and the log', () => {
    const said = type('status', 'log');
    assert.match(said, /primary=a a=good:3 b=good:3/);
    assert.match(said, /it is broken\r\n/);
    assert.match(asked().join(), /^show --property=\S+ weir.service$/);
  });

  it('starts Weir again without a question, and does the rest only after a yes', () => {
    type('restart');
    assert.deepEqual(asked(), ['--no-block restart weir.service']);
    const orders = {
      reboot: ['--no-block reboot'],
      'other-version': ['update activate', '--no-block reboot'],
      'factory-reset': ['factory-reset '],
    };
    for (const [order, expected] of Object.entries(orders)) {
      for (const answer of ['', 'y', 'yes please', 'no']) {
        assert.match(type(order, answer), /nothing was done/);
        assert.deepEqual(asked(), [], `${order}, ${answer}`);
      }
      type(order, 'yes');
      assert.deepEqual(
        asked().map((line) => line.trimEnd()),
        expected.map((line) => line.trimEnd()),
      );
    }
  });

  it('does not start again with another version that is not there', () => {
    writeFileSync(join(folder, 'answer'), 'failed empty slot b holds no whole version\n');
    assert.match(type('other-version', 'yes'), /it cannot be done: slot b holds no whole version\r\n/);
    assert.deepEqual(asked(), ['update activate']);
  });

  it('ends when the line does', () => {
    assert.match(run('rescue', 'reboot\n'), /nothing was done/);
    assert.deepEqual(asked(), []);
  });

  it('is there when Weir was not running for three minutes, and goes when it runs', () => {
    run('rescue-check');
    run('rescue-check');
    assert.ok(!asked().some((line) => line.startsWith('start')));
    run('rescue-check');
    assert.ok(asked().includes('start --no-block weir-rescue.service'));
    unit('active', 'running', 'f00');
    run('rescue-check');
    assert.ok(asked().includes('stop weir-rescue.service'));
    unit('failed', 'failed');
    run('rescue-check');
    assert.ok(!offered(), 'counts anew');
  });

  it('leaves a start alone that goes on for long, as what it found is mended, and is there when it does not end well', () => {
    unit('activating', 'start', 'f00');
    for (let minute = 0; minute < 10; minute += 1) {
      run('rescue-check');
      assert.ok(!offered(), `minute ${minute}`);
    }
    unit('activating', 'auto-restart', 'f00');
    run('rescue-check');
    assert.ok(!offered());
    run('rescue-check');
    assert.ok(offered());
  });

  it('is there for a Weir that begins again and again, whatever it does at the moment of the look', () => {
    for (const [step, start] of [
      ['start', 'f00'],
      ['auto-restart', 'f01'],
      ['start', 'f02'],
    ] as const) {
      assert.ok(!offered());
      unit('activating', step, start);
      run('rescue-check');
    }
    assert.ok(offered());
  });
});
