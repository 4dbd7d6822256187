import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const verb = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'verb-dhcp');

describe('what Weir may ask of DHCP clients', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
    systemctl('');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A program in the place of systemctl that keeps what it was asked. */
  const systemctl = (body: string) => {
    writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\necho "$@" >> ${folder}/asked\n${body}\n`);
    chmodSync(join(folder, 'systemctl'), 0o755);
  };
  const ask = (...words: string[]): string => {
    const env = { ...process.env, WEIR_SYSTEMCTL: join(folder, 'systemctl'), WEIR_LEASES: folder };
    return spawnSync('sh', [verb], { input: `${words.join('\t')}\n`, env, encoding: 'utf8' }).stdout;
  };
  const asked = () => (existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8') : '');

  it('is to start, rebind and stop the client of a device and family, and nothing of its lease stays', () => {
    writeFileSync(join(folder, 'wan.100-4.lease'), 'reason=BOUND\n');
    for (const word of ['start', 'rebind', 'stop']) assert.equal(ask(word, 'wan.100', '4'), 'ok\n');
    assert.equal(
      asked(),
      [
        'start --no-block weir-dhcp-client@wan.100-4.service',
        'kill --kill-whom=main --signal=SIGHUP weir-dhcp-client@wan.100-4.service',
        'stop weir-dhcp-client@wan.100-4.service',
        '',
      ].join('\n'),
    );
    assert.equal(existsSync(join(folder, 'wan.100-4.lease')), false);
  });

  it('is that of a device with hyphens in its name, too', () => {
    assert.equal(ask('start', 'eth-wan-0', '6'), 'ok\n');
    assert.equal(asked(), 'start --no-block weir-dhcp-client@eth-wan-0-6.service\n');
  });

  it('is which clients run', () => {
    const running = ['wan0-4', 'wan.7-6', 'eth-wan-0-4'].map(
      (name) => `echo "weir-dhcp-client@${name}.service loaded active running DHCP"`,
    );
    systemctl(running.join(';'));
    assert.equal(ask('list'), 'wan0 4\nwan.7 6\neth-wan-0 4\nok\n');
  });

  it('is nothing else: no other unit, no file, no option', () => {
    for (const words of [
      ['start', '../x', '4'],
      ['start', 'wan0;reboot', '4'],
      ['start', '-H', '4'],
      ['start', 'wan0', '5'],
      ['start', 'wan0'],
      ['start', 'wan0', '4', 'more'],
      ['mask', 'wan0', '4'],
      ['start', 'wan0 x', '4'],
      ['start', '*', '4'],
      [''],
    ]) {
      assert.match(ask(...words), /^failed usage /, words.join(' '));
    }
    assert.equal(asked(), '');
  });

  it('says so when systemd does not do it', () => {
    systemctl('exit 1');
    assert.equal(ask('start', 'wan0', '4'), 'failed refused systemd does not do it\n');
  });
});
