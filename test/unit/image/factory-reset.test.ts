import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const libexec = join(import.meta.dirname, '..', '..', '..', 'image', 'libexec');

const identity = ['machine-id', 'rauc.status', 'lost+found/found'];
const books = [
  'weir/device.key',
  'weir/weir.db',
  'weir/weir.db-wal',
  'weir/weir.state',
  'weir/weir-damaged-1.db',
];
const configured = [
  'weir/config.json',
  'weir/config/7.json',
  'weir/tls/box.key',
  'weir/.hidden',
  'weir/two words/a file',
  'dhcp/lease',
  '.profile',
];

describe('the factory reset', () => {
  let data: string;
  let bin: string;

  beforeEach(() => {
    bin = mkdtempSync(join(tmpdir(), 'weir-programs-'));
    data = mkdtempSync(join(tmpdir(), 'weir-data-'));
    for (const path of [...identity, ...books, ...configured]) {
      mkdirSync(dirname(join(data, path)), { recursive: true });
      writeFileSync(join(data, path), path);
    }
  });

  afterEach(() => {
    for (const folder of [data, bin]) rmSync(folder, { recursive: true });
  });

  const order = (line: string) => {
    // Asked to start the box again, it fails unless the order stands written by then.
    const systemctl = join(bin, 'systemctl');
    writeFileSync(
      systemctl,
      `#!/bin/sh\n[ "$*" = '--no-block reboot' ] && [ -s ${data}/factory-reset ] && kill -TERM $PPID\n`,
      {
        mode: 0o755,
      },
    );
    const { stdout } = spawnSync('dash', [join(libexec, 'verb-factory-reset')], {
      encoding: 'utf8',
      input: line,
      env: {
        PATH: process.env.PATH,
        WEIR_DATA: data,
        WEIR_SYSTEMCTL: systemctl,
      },
    });
    return stdout.trim();
  };
  const reset = (path = process.env.PATH) =>
    spawnSync('dash', [join(libexec, 'factory-reset'), data], { env: { PATH: path }, encoding: 'utf8' })
      .status;
  const left = () =>
    globSync('**', { cwd: data, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(data.length + 1));
  const hidden = () => ['weir/.hidden', '.profile'].filter((name) => existsSync(join(data, name)));

  it('forgets what was configured; the identity, the key and the books stay', () => {
    writeFileSync(join(data, 'factory-reset'), 'keep-records\n');
    assert.equal(reset(), 0);
    assert.deepEqual(left().sort(), [...identity, ...books].sort());
    assert.deepEqual(hidden(), []);
    for (const path of books) assert.equal(readFileSync(join(data, path), 'utf8'), path);
  });

  it('forgets key and books as well when it is told so', () => {
    writeFileSync(join(data, 'factory-reset'), 'including-records\n');
    assert.equal(reset(), 0);
    assert.deepEqual(left().sort(), [...identity].sort());
  });

  it('keeps the records when what it is told cannot be read as anything else', () => {
    writeFileSync(join(data, 'factory-reset'), '');
    assert.equal(reset(), 0);
    assert.deepEqual(left().sort(), [...identity, ...books].sort());
  });

  it('goes on at the next start wherever it was cut short, and is then as one that was not', () => {
    // An rm that works so often, then the power goes.
    for (let cut = 0; ; cut += 1) {
      for (const path of configured) {
        mkdirSync(dirname(join(data, path)), { recursive: true });
        writeFileSync(join(data, path), path);
      }
      writeFileSync(join(data, 'factory-reset'), 'keep-records\n');
      writeFileSync(join(bin, 'left'), String(cut));
      writeFileSync(
        join(bin, 'rm'),
        `#!/bin/sh\nread -r left <${bin}/left\n[ "$left" -gt 0 ] || { kill -9 "$PPID"; exit 1; }\necho $((left - 1)) >${bin}/left\nexec /bin/rm "$@"\n`,
        { mode: 0o755 },
      );
      const status = reset(`${bin}:${process.env.PATH}`);
      if (status === 0) {
        assert.ok(cut > 4, 'several things were removed one by one');
        break;
      }
      for (const path of [...identity, ...books])
        assert.ok(existsSync(join(data, path)), `${path}, cut ${cut}`);
      assert.ok(existsSync(join(data, 'factory-reset')), `still to be done, cut ${cut}`);
      assert.equal(reset(), 0);
      assert.deepEqual(left().sort(), [...identity, ...books].sort(), `cut ${cut}`);
    }
  });

  it('is ordered by a line, durably, before the box starts again', () => {
    assert.equal(order('\n'), 'ok');
    assert.equal(readFileSync(join(data, 'factory-reset'), 'utf8'), 'keep-records\n');
    assert.equal(order('including-records\n'), 'ok');
    assert.equal(readFileSync(join(data, 'factory-reset'), 'utf8'), 'including-records\n');
    assert.ok(!existsSync(join(data, 'factory-reset.new')));
  });

  it('is not ordered by anything else, nor where it cannot be written down', () => {
    assert.match(order('everything\n'), /^failed usage /);
    assert.ok(!existsSync(join(data, 'factory-reset')));
    rmSync(data, { recursive: true });
    assert.match(order('\n'), /^failed broken /);
    mkdirSync(data);
  });
});
