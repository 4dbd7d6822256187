import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const verb = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec', 'verb-port-holders');
/** A character device that every machine has. */
const device = '/dev/full';

describe('what Weir may ask of who has a port open', () => {
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'weir-proc-'));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  const ask = (...words: string[]): string =>
    spawnSync('sh', [verb], {
      input: `${words.join('\t')}\n`,
      env: { ...process.env, WEIR_PROC: proc },
      encoding: 'utf8',
    }).stdout;
  const add = (pid: number, program: string, has: { terminal?: number; open?: readonly string[] } = {}) => {
    const { terminal = 0, open = [] } = has;
    mkdirSync(join(proc, String(pid), 'fd'), { recursive: true });
    writeFileSync(join(proc, String(pid), 'comm'), `${program}\n`);
    writeFileSync(
      join(proc, String(pid), 'stat'),
      `${pid} (${program}) S 1 ${pid} ${pid} ${terminal} ${pid} 0\n`,
    );
    for (const [fd, file] of open.entries()) symlinkSync(file, join(proc, String(pid), 'fd', String(fd)));
  };
  const { rdev } = statSync(device);

  it('is who has it open, and whose controlling terminal it is, each once, by number and name', () => {
    add(611, 'cat', { open: ['/dev/null', device] });
    add(612, 'a (strange) * name', { terminal: rdev });
    add(613, 'both', { terminal: rdev, open: [device, device] });
    add(614, 'none', { terminal: rdev + 1, open: [`${device}2`, `/x${device}`] });
    assert.equal(ask(device), '611 cat\n612 a (strange) * name\n613 both\nok\n');
  });

  it('leaves out what has ended meanwhile', () => {
    mkdirSync(join(proc, '615'));
    add(616, 'cat', { open: [device] });
    assert.equal(ask(device), '616 cat\nok\n');
  });

  it('is nothing else: no file that is no device, no pattern, no second word', () => {
    for (const words of [
      ['/etc/passwd'],
      ['/dev/../etc/shadow'],
      ['/dev/*'],
      ['/dev/none'],
      ['full'],
      [device, 'x'],
      [''],
    ]) {
      assert.match(ask(...words), /^failed usage /, words.join(' '));
    }
  });
});
