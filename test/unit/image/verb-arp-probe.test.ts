import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const verb = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'verb-arp-probe');

describe('what Weir may ask of ARP', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** With a program in the place of arping; what it was asked is kept. */
  const ask = (words: readonly string[], body = 'exit 0') => {
    const program = join(folder, 'arping');
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${folder}/asked\n${body}\n`);
    chmodSync(program, 0o755);
    const env = { ...process.env, WEIR_ARPING: program };
    return spawnSync('sh', [verb], { input: `${words.join('\t')}\n`, env, encoding: 'utf8' }).stdout;
  };

  it('is whether somebody else has an address, by three probes without a sender (RFC 5227 s.2.1.1)', () => {
    assert.equal(ask(['wan.100', '203.0.113.1']), 'ok\n');
    assert.equal(readFileSync(join(folder, 'asked'), 'utf8'), '-D -c 3 -w 4 -I wan.100 203.0.113.1\n');
  });

  it('is answered by the MAC address of who has it, as arping of iputils and busybox tell it', () => {
    for (const line of [
      'Unicast reply from 203.0.113.1 [02:00:00:00:00:AB]  0.621ms',
      'Broadcast request from 203.0.113.1 [02:0:0:0:0:ab] 0.012ms',
    ]) {
      const said = ask(
        ['wan0', '203.0.113.1'],
        `echo "ARPING 203.0.113.1 from 0.0.0.0 wan0"\necho "${line}"\nexit 1`,
      );
      assert.match(said, /^02:[0:]*ab\nok\n$/i);
    }
  });

  it('says what hinders it, which is no answer', () => {
    const said = ask(['wan0', '203.0.113.1'], 'echo "arping: wan0: No such device" >&2\nexit 1');
    assert.equal(said, 'failed refused arping: wan0: No such device\n');
  });

  it('is nothing else: no option, no other program', () => {
    for (const words of [
      ['-U', '203.0.113.1'],
      ['wan0', '-A'],
      ['wan0', '2001:db8::1'],
      ['wan0;reboot', '203.0.113.1'],
      ['wan0', '203.0.113.1', 'more'],
      ['wan0'],
      [''],
    ]) {
      assert.match(ask(words), /^failed usage /, words.join(' '));
    }
  });
});
