import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'verb-power');

describe('what Weir may ask about power', () => {
  const ask = (line: string, systemctl: string) => {
    const env = { PATH: process.env.PATH, WEIR_SYSTEMCTL: systemctl };
    return spawnSync('dash', [program, 'reboot'], { encoding: 'utf8', input: line, env }).stdout;
  };

  it('says how systemd takes it, after it has read what it was asked', () => {
    assert.equal(ask('\n', 'echo told:'), 'told: --no-block reboot\nok\n');
    assert.equal(ask('', 'true'), 'ok\n');
    assert.match(ask('\n', 'false'), /^failed refused \S/);
  });

  it('says so though systemd ends it with everything else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-verb-power-'));
    const systemctl = join(folder, 'systemctl');
    writeFileSync(systemctl, '#!/bin/sh\nkill -TERM $PPID\n', { mode: 0o755 });
    try {
      assert.equal(ask('\n', systemctl), 'ok\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes no words', () => {
    assert.match(ask('--force\n', 'echo told:'), /^failed usage /);
  });
});
