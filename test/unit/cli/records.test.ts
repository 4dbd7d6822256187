import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseMoment } from '../../../src/cli/index.ts';
import { RecordsFolder } from '../billing/billed-viewer.ts';
import { march, recordSessions } from '../billing/recorded-sessions.ts';

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const billing = {
  currency: 'EUR',
  tariffs: [{ name: 'basic', version: '4', pricePerMegabyte: '0.10', decimals: 3 }],
};
interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function weir(...args: string[]): Promise<Ran> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [main, ...args])) };
  } catch (error) {
    return error as Ran;
  }
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');

describe('weir records', function () {
  this.timeout(20_000);
  let folder: RecordsFolder;
  let exported: string;
  let data: readonly [string, string];

  before(async () => {
    folder = await RecordsFolder.make();
    data = ['--data', folder.path];
    await recordSessions(folder, billing, [1, 2, 3, 4]);
    // The store is open all the while, as the daemon has it.
    const { code, stdout, stderr } = await weir('records', '--json', ...data);
    assert.equal(code, 0, stderr);
    exported = stdout;
  });
  after(() => folder[Symbol.asyncDispose]());

  const verify = async (text: string, ...more: string[]) => {
    const file = join(folder.path, 'export.jsonl');
    await writeFile(file, text);
    return weir('records', 'verify', file, ...more);
  };
  const withLines = (change: (lines: string[]) => string[]) => `${change(linesOf(exported)).join('\n')}\n`;

  it('shows who got what, for how much, beside the daemon', async () => {
    const { stdout } = await weir('records', ...data);
    const [head, ...rows] = linesOf(stdout);
    assert.match(head ?? '', /^SEQUENCE {2}ENDED .* CHARGE {2}ENDED BY {6}FEED$/);
    assert.equal(rows.length, 4);
    assert.match(
      rows[2] ?? '',
      /^ +3 {2}2026-03-04T00:00:00\.000Z +86400\.0 {2}198\.51\.100\.5:40000 +3000000 +10 +0\.300 EUR {2}user-request {2}rtsp:\/\/tv\/live$/,
    );
  });

  it('shows those from one time on, and before another', async () => {
    const between = ['--since', '2026-03-03', '--until', '2026-03-04T12:00:00Z'];
    const { stdout } = await weir('records', '--csv', ...between, ...data);
    const sequences = linesOf(stdout).map((line) => line.split(',')[0]);
    assert.deepEqual(sequences, ['sequence', '2', '3']);
  });

  it('writes CSV that a reader of RFC 4180 takes apart', async () => {
    const { stdout } = await weir('records', '--csv', ...data);
    const [head = '', , second = ''] = linesOf(stdout);
    assert.ok(second.includes(',"rtsp://tv/a,""b""",'), second);
    assert.equal(head.split(',').length, 27);
    assert.equal(second.replaceAll(/"[^"]*"/g, '').split(',').length, 27);
  });

  it('exports whole records as JSON lines, with the device and its key in front', async () => {
    const [header = '', ...entries] = linesOf(exported);
    const { deviceId, publicKey } = JSON.parse(header);
    assert.deepEqual([deviceId, publicKey], [folder.store.device.id, folder.store.device.publicKey]);
    const bodies = entries.map((line) => JSON.parse(JSON.parse(line).body));
    assert.deepEqual(
      bodies.map(({ sessionId, charge }) => [sessionId, charge.amount]),
      [
        ['session-0', '0.100'],
        ['session-1', '0.200'],
        ['session-2', '0.300'],
        ['session-3', '0.400'],
      ],
    );
  });

  describe('verify', () => {
    it('proves an export, and says whose key it used', async () => {
      const { code, stdout } = await verify(exported);
      assert.equal(code, 0);
      assert.match(
        stdout,
        /^proven: 4 entries, 1 to 4 of \S+; from the very first one\nchecked with the key in the file/,
      );
    });

    it("proves it with the box's own key", async () => {
      const key = join(folder.path, 'public.pem');
      await writeFile(key, (await weir('records', 'key', ...data)).stdout);
      const { code, stdout } = await verify(exported, '--key', key);
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, /key in the file/);
    });

    it('does not take the word of a box that signed with another key', async () => {
      await using other = await RecordsFolder.make();
      const key = join(folder.path, 'other.pem');
      await writeFile(key, other.store.device.publicKey);
      const { code, stdout } = await verify(exported, '--key', key);
      assert.equal(code, 1);
      assert.match(stdout, /^NOT PROVEN: .*\nentry 1: bad-signature \(line 2\)/);
    });

    it('proves a part of the chain, and says that it is one', async () => {
      const { code, stdout } = await verify(withLines(([header = '', , ...rest]) => [header, ...rest]));
      assert.equal(code, 0);
      assert.match(stdout, /^proven: 3 entries, 2 to 4 .*a part of the chain/);
    });

    const faults: readonly [name: string, change: (lines: string[]) => string[], words: RegExp][] = [
      ['a missing entry', (lines) => lines.toSpliced(2, 1), /^NOT PROVEN: .*\nentry 2: missing \(line 3\)\n/],
      [
        'a changed charge',
        (lines) => lines.with(3, (lines[3] ?? '').replace('0.300', '9.300')),
        /^NOT PROVEN: .*\nentry 3: changed \(line 4\)\n/,
      ],
      [
        'entries in another order',
        ([header = '', one = '', two = '', ...rest]) => [header, two, one, ...rest],
        /^NOT PROVEN: .*\nentry 1: reordered \(line 3\)\n/,
      ],
    ];
    for (const [name, change, words] of faults) {
      it(`names ${name}`, async () => {
        const { code, stdout } = await verify(withLines(change));
        assert.equal(code, 1);
        assert.match(stdout, words);
      });
    }

    it('gives its findings as JSON as well', async () => {
      const { code, stdout } = await verify(
        withLines((lines) => lines.toSpliced(2, 1)),
        '--json',
      );
      assert.equal(code, 1);
      const { ok, faults, keyFrom } = JSON.parse(stdout);
      assert.deepEqual(
        [ok, faults, keyFrom],
        [false, [{ kind: 'missing', sequence: 2, index: 1 }], 'export'],
      );
    });

    const unreadable: readonly [name: string, text: () => string, words: RegExp][] = [
      ['an empty file', () => '', /line 1: no JSON object/],
      ['no export', () => '{"a":1}\n', /line 1: no export header/],
      ['a line cut off', () => exported.slice(0, -20), /line 5: no JSON object/],
      ['a line that is no entry', () => `${exported}{"sequence":5}\n`, /line 6: no entry of an export/],
      ['a key that is none', () => exported.replace('BEGIN PUBLIC', 'BEGIN'), /no Ed25519 key/],
    ];
    for (const [name, text, words] of unreadable) {
      it(`says what it cannot read: ${name}`, async () => {
        const { code, stderr } = await verify(text());
        assert.equal(code, 1);
        assert.match(stderr, words);
      });
    }

    it('says which file is not there', async () => {
      const { code, stderr } = await weir('records', 'verify', join(folder.path, 'none'));
      assert.equal(code, 1);
      assert.match(stderr, /^weir: cannot read .*none: ENOENT/);
    });
  });

  it('tells in `weir outbox` what waits, for whom, since when', async () => {
    await folder.store.outbox.settle('radius:main', [
      { sequence: 1, outcome: 'acknowledged' },
      { sequence: 2, outcome: 'quarantined', reason: 'no such user' },
    ]);
    const text = (await weir('outbox', ...data)).stdout;
    assert.match(
      text,
      /^radius:main +2 {2}2026-03-04T00:00:00\.000Z +0 +1\n {2}last refused: no such user$/m,
    );
    const { destinations } = JSON.parse((await weir('outbox', '--json', ...data)).stdout);
    assert.deepEqual(
      destinations.find(({ destination }: { destination: string }) => destination === 'https:billing'),
      {
        destination: 'https:billing',
        waiting: 4,
        waitingSince: '2026-03-02T00:00:00.000Z',
        unconfirmed: 0,
        quarantined: 0,
        quarantineReason: null,
        failingSince: null,
        lastError: null,
      },
    );
  });

  it('names an entry whose text was changed on the disk, leaves it out, and ends with status 1', async () => {
    await using broken = await RecordsFolder.make();
    await recordSessions(broken, billing, [1, 2, 3]);
    await broken.store.close();
    const file = join(broken.path, 'weir.db');
    const bytes = await readFile(file);
    const at = bytes.indexOf('"amount":"0.300"');
    assert.ok(at > 0);
    bytes.write('9', at + 10);
    await writeFile(file, bytes);
    const { code, stdout, stderr } = await weir('records', '--csv', '--data', broken.path);
    assert.deepEqual(
      linesOf(stdout).map((line) => line.split(',')[0]),
      ['sequence', '1', '2'],
    );
    assert.equal(stderr, 'weir: left out, not as they were written: 3\n');
    assert.equal(code, 1);
  });

  it('shows no secret: the private key is nowhere in what is exported', async () => {
    const key = await readFile(join(folder.path, 'device.key'), 'utf8');
    assert.ok(!exported.includes(linesOf(key)[1] ?? 'nothing'));
  });

  it('says what is wrong on the command line, with exit status 2', async () => {
    const wrong = [
      ['records'],
      ['records', '--json', '--csv', ...data],
      ['records', '--since', 'yesterday', ...data],
      ['records', 'verify'],
      ['outbox'],
    ];
    for (const args of wrong) assert.equal((await weir(...args)).code, 2, args.join(' '));
  });
});

describe('a time on the command line', () => {
  const cases: readonly [text: string, at: string][] = [
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.000Z'],
    ['2026-03-01T12:00:00+02:00', '2026-03-01T10:00:00.000Z'],
    ['90m', '2026-02-28T22:30:00.000Z'],
    ['24h', '2026-02-28T00:00:00.000Z'],
    ['7d', '2026-02-22T00:00:00.000Z'],
  ];
  for (const [text, at] of cases) {
    it(`${text} is ${at}`, () => assert.equal(new Date(parseMoment(text, march)).toISOString(), at));
  }
});
