import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configTree, type RawBranch, renderSetLines, secretsIn } from '../../../src/config/index.ts';
import { writeSupportBundle } from '../../../src/operations/index.ts';

const tree: RawBranch = {
  system: {
    users: [
      { name: 'ann', class: 'operator', passwordHash: '$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g' },
    ],
  },
  relay: { origins: [{ address: '192.0.2.9', username: 'u', password: 'Pa"ss\\word' }] },
  upload: {
    radius: [{ name: 'isp', servers: [{ host: '192.0.2.1', secret: 'radius secret!' }] }],
    https: [{ name: 'c', url: 'https://c.example/', token: 'tok-0123456789' }],
    mqtt: [{ name: 'm', url: 'mqtts://b.example', username: 'x', password: 'mqttpass' }],
  },
};

describe('the support bundle', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-test-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const bundle = (parts: Record<string, () => unknown>, nowMs = 0, print = false) =>
    writeSupportBundle({ folder, secrets: secretsIn(tree), nowMs, parts, print });
  const read = (file: string, entry: string) =>
    execFileSync('tar', ['-xOzf', file, entry], { encoding: 'utf8', maxBuffer: 64 << 20 });

  it('finds every secret of a configuration', () => {
    assert.deepEqual([...secretsIn(tree)].sort(), [
      '$scrypt$ln=15,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
      'Pa"ss\\word',
      'mqttpass',
      'radius secret!',
      'tok-0123456789',
    ]);
  });

  it('is told whole to who asks for that, and to nobody else', async () => {
    const { file, base64 } = await bundle({ 'a.txt': () => 'text\n' }, 0, true);
    assert.deepEqual(Buffer.from(base64 ?? '', 'base64'), await readFile(file));
    assert.equal((await bundle({ 'a.txt': () => 'text\n' })).base64, null);
  });

  it('is a tar archive that tar reads, readable for its owner alone', async () => {
    const long = 'x'.repeat(1000);
    const { file, bytes, entries } = await bundle({
      'a.txt': () => 'text\n',
      'b.json': () => ({ n: 1 }),
      'c.txt': () => long,
    });
    assert.deepEqual(entries, ['a.txt', 'b.json', 'c.txt']);
    assert.equal(execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }), 'a.txt\nb.json\nc.txt\n');
    assert.equal(read(file, 'a.txt'), 'text\n');
    assert.deepEqual(JSON.parse(read(file, 'b.json')), { n: 1 });
    assert.equal(read(file, 'c.txt'), long);
    const found = await stat(file);
    assert.deepEqual([found.size, found.mode & 0o777], [bytes, 0o600]);
  });

  it('holds no secret, however it got in: as it is, in JSON, in a URL, in the whole configuration', async () => {
    const secrets = secretsIn(tree);
    const everywhere = {
      'configuration.txt': () => renderSetLines(configTree, tree, [], { secrets: true }).join('\n'),
      'log.jsonl': () =>
        secrets.map((secret) => `${JSON.stringify({ event: 'x', text: secret })}\n`).join(''),
      'facts.json': () => ({ tree, url: `rtsp://u:${encodeURIComponent('Pa"ss\\word')}@192.0.2.9/live` }),
      'plain.txt': () => secrets.join(' '),
    };
    const { file } = await bundle(everywhere);
    const whole = execFileSync('tar', ['-xOzf', file], { encoding: 'utf8' });
    for (const secret of secrets) {
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
        assert.ok(!whole.includes(form), form);
      }
    }
    assert.match(read(file, 'facts.json'), /rtsp:\/\/\*{8}@192\.0\.2\.9\/live/);
    assert.match(whole, /c\.example/);
  });

  it('has what can be had when a part of the box is broken', async () => {
    const { file } = await bundle({
      'good.txt': () => 'good',
      'bad.json': async () => {
        throw new Error('the disk is gone');
      },
    });
    assert.equal(read(file, 'good.txt'), 'good');
    assert.equal(read(file, 'bad.json'), 'not available: the disk is gone\n');
  });

  it('does not fill the disk: an entry has an end, and three bundles are kept', async () => {
    const huge = () => 'y'.repeat(20 << 20);
    for (let time = 0; time < 5; time += 1) await bundle({ 'huge.txt': huge }, 1000 * time);
    const kept = (await readdir(join(folder, 'support'))).sort();
    assert.equal(kept.length, 3);
    assert.match(kept[0] ?? '', /00-00-02/);
    assert.equal(read(join(folder, 'support', kept[2] ?? ''), 'huge.txt').length, 8 << 20);
  });
});
