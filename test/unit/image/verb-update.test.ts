import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUpdateStatus } from '../../../src/operations/update-status.ts';
import { SlotBox, slotStateProgram } from './slot-box.ts';

const image = join(import.meta.dirname, '..', '..', '..', 'image');

describe('what Weir may ask of RAUC', function () {
  this.timeout(60_000);
  let folder: string;
  let box: SlotBox;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-bundles-'));
    for (const name of ['ours', 'theirs']) {
      const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
      const request = [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '3650',
        '-subj',
        `/CN=${name}`,
      ];
      execFileSync('openssl', [...request, ...files], { cwd: folder, stdio: 'pipe' });
    }
    const content = join(folder, 'content');
    mkdirSync(content);
    writeFileSync(join(content, 'rootfs.img'), randomBytes(1_000_000));
    writeFileSync(
      join(content, 'manifest.raucm'),
      '[update]\ncompatible=weir-arm64\nversion=2.0.0\n[bundle]\nformat=verity\n[image.rootfs]\nfilename=rootfs.img\n',
    );
    for (const name of ['ours', 'theirs']) {
      const key = ['--cert', `${name}.pem`, '--key', `${name}.key`];
      execFileSync('rauc', ['bundle', ...key, content, `${name}.raucb`], { cwd: folder, stdio: 'pipe' });
    }
    const conf = readFileSync(join(image, 'rauc', 'system.conf'), 'utf8');
    writeFileSync(
      join(folder, 'system.conf'),
      conf.replaceAll(/\/etc\/rauc\/keyring.pem/g, join(folder, 'ours.pem')),
    );
    // The program calls `rauc`, which has no option in the environment for where its configuration is.
    mkdirSync(join(folder, 'bin'));
    const wrapper = `#!/bin/sh\nexec /usr/bin/rauc --conf=${join(folder, 'system.conf')} "$@"\n`;
    writeFileSync(join(folder, 'bin', 'rauc'), wrapper, { mode: 0o755 });
  });

  after(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    box = new SlotBox();
  });

  afterEach(() => box[Symbol.dispose]());

  /** `programs`: in the place of the system's. */
  const askWith = (programs: string, ...words: readonly string[]) => {
    writeFileSync(join(box.folder, 'cmdline'), 'weir.slot=a\n');
    const { stdout } = spawnSync('dash', [join(image, 'libexec', 'verb-update')], {
      encoding: 'utf8',
      input: `${words.join('\t')}\n`,
      env: {
        PATH: `${programs}:${process.env.PATH}`,
        TMPDIR: box.folder,
        WEIR_DATA: box.folder,
        WEIR_SLOTS: join(box.folder, 'slots'),
        WEIR_SLOTS_LOCK: join(box.folder, 'lock'),
        WEIR_CMDLINE: join(box.folder, 'cmdline'),
        WEIR_SLOT_STATE: slotStateProgram,
        WEIR_RAUC_STATUS: join(box.folder, 'rauc.status'),
        WEIR_RAUC_CONF: join(folder, 'system.conf'),
      },
    });
    return stdout.trimEnd().split('\n');
  };
  const ask = (...words: readonly string[]) => askWith(join(folder, 'bin'), ...words);
  const bundle = (name: string) => join(folder, `${name}.raucb`);
  /** As RAUC writes it after an installation. */
  const note = (status: string) =>
    writeFileSync(
      join(box.folder, 'rauc.status'),
      `[slot.rootfs.0]\nbundle.version=1.0.0\n\n[slot.rootfs.1]\nbundle.compatible=weir-arm64\nbundle.version=2.0.0\nstatus=${status}\n`,
    );

  it('says what a bundle is whose signature is right', () => {
    const [facts = '', last] = ask('inspect', bundle('ours'));
    const { compatible, version } = JSON.parse(facts);
    assert.deepEqual([compatible, version, last], ['weir-arm64', '2.0.0', 'ok']);
  });

  it('refuses a bundle that is signed by another key', () => {
    assert.match(ask('inspect', bundle('theirs')).join('\n'), /^failed key .*signature verification failed/);
  });

  it('refuses a bundle that is cut off at any place, and what never was one', () => {
    const whole = readFileSync(bundle('ours'));
    const cut = join(folder, 'cut.raucb');
    for (const length of [
      0,
      1,
      100,
      whole.length >> 1,
      whole.length - 1000,
      whole.length - 8,
      whole.length - 1,
    ]) {
      writeFileSync(cut, whole);
      truncateSync(cut, length);
      assert.match(ask('inspect', cut).join('\n'), /^failed (damaged|key) \S/, `${length} bytes`);
    }
    assert.match(ask('inspect', '/etc/passwd').join('\n'), /^failed damaged /);
    assert.match(ask('inspect', join(folder, 'nothing')).join('\n'), /^failed missing /);
  });

  it('says how the slots are, as the handlers read it', () => {
    note('ok');
    const lines = ask('status');
    assert.equal(lines.pop(), 'ok');
    const { compatible, slots } = parseUpdateStatus(lines, '1.5.0');
    assert.equal(compatible, 'weir-arm64');
    assert.deepEqual(
      slots.map(({ running, next, condition, triesLeft, version, installed }) => [
        running,
        next,
        condition,
        triesLeft,
        version,
        installed,
      ]),
      [
        [true, true, 'good', 3, '1.5.0', true],
        [false, false, 'bad', 0, '2.0.0', true],
      ],
    );
  });

  it('activates what was written whole, and nothing else', () => {
    assert.deepEqual(ask('activate'), ['failed empty slot b holds no whole version']);
    note('update');
    assert.deepEqual(ask('activate'), ['failed empty slot b holds no whole version']);
    assert.equal(box.state().primary, 'a');
    note('ok');
    assert.deepEqual(ask('activate'), ['ok']);
    assert.deepEqual([box.state().primary, box.state().b], ['b', { condition: 'new', tries: 3 }]);
  });

  it('goes back to a slot that was healthy before, whether it has notes or not', () => {
    box.put({ primary: 'b', a: { condition: 'good', tries: 3 }, b: { condition: 'good', tries: 3 } });
    assert.deepEqual(ask('activate'), ['ok']);
    assert.equal(box.state().primary, 'b');
  });

  it('marks the slot that runs good', () => {
    box.put({ primary: 'a', a: { condition: 'new', tries: 1 }, b: { condition: 'bad', tries: 0 } });
    assert.deepEqual(ask('healthy'), ['ok']);
    assert.deepEqual(box.state().a, { condition: 'good', tries: 3 });
  });

  it('gives a slot that was good its tries back when only what the box keeps is wrong, also with data in memory', () => {
    writeFileSync(join(box.folder, 'volatile'), '');
    const b = { condition: 'good', tries: 3 } as const;
    for (const [condition, tries] of [
      ['good', 3],
      ['new', 1],
    ] as const) {
      box.put({ primary: 'a', a: { condition, tries: 1 }, b });
      assert.deepEqual(ask('working'), ['ok']);
      assert.deepEqual(box.state(), { primary: 'a', a: { condition, tries }, b });
    }
  });

  it('writes over no version that may be needed again', () => {
    const good = { condition: 'good', tries: 3 } as const;
    for (const [condition, answer] of [
      ['new', /^failed unproven the version that runs has not shown yet/],
      // RAUC is asked, and looks for the bundle.
      ['good', /^failed (?!unproven)/],
    ] as const) {
      box.put({ primary: 'a', a: { condition, tries: 2 }, b: good });
      assert.match(ask('install', join(folder, 'nothing')).join('\n'), answer);
      assert.deepEqual(box.state().b, good);
    }
    // With nothing to go back to, another version can only be better.
    box.put({ primary: 'a', a: { condition: 'new', tries: 2 }, b: { condition: 'bad', tries: 0 } });
    assert.match(ask('install', join(folder, 'nothing')).join('\n'), /^failed (?!unproven)/);
  });

  it('says why an installation failed, which RAUC tells with its progress, and tells that on', () => {
    const programs = join(box.folder, 'bin');
    mkdirSync(programs);
    for (const [cause, answer] of [
      ['Error reading from file: Input/output error', /^failed damaged .*Error reading from file/],
      // That is the flash, not the bundle.
      ['Error writing to file: Input/output error', /^failed broken .*Error writing to file/],
    ] as const) {
      const said = [
        ' 40% Updating slots',
        '100% Installing failed.',
        `LastError: Installation error: Failed updating slot rootfs.1: Failed to copy data: ${cause}`,
      ];
      const rauc = `#!/bin/sh\ncat <<'END'\n${said.join('\n')}\nEND\necho 'Installing failed' >&2\nexit 1\n`;
      writeFileSync(join(programs, 'rauc'), rauc, { mode: 0o755 });
      const lines = askWith(programs, 'install', bundle('ours'));
      assert.deepEqual(lines.slice(0, 2), said.slice(0, 2));
      assert.match(lines.slice(2).join('\n'), answer);
    }
  });

  it('marks no slot good whose data is in memory alone', () => {
    box.put({ primary: 'a', a: { condition: 'new', tries: 1 }, b: { condition: 'good', tries: 3 } });
    writeFileSync(join(box.folder, 'volatile'), '');
    assert.match(ask('healthy').join('\n'), /^failed volatile the data partition is not mounted/);
    assert.deepEqual(box.state().a, { condition: 'new', tries: 1 });
  });

  it('takes no other order, and no more words than an order has', () => {
    for (const words of [
      [''],
      ['mark-bad'],
      ['install'],
      ['activate', '/b'],
      ['inspect', '/a', '/b'],
      ['status', '/a'],
    ]) {
      assert.deepEqual(ask(...words), ['failed usage no such order'], words.join(' '));
    }
    for (const option of ['--help', '--no-verify', `--keyring=${join(folder, 'theirs.pem')}`]) {
      assert.deepEqual(ask('inspect', option), ['failed usage a bundle is named by its whole path']);
    }
  });
});
