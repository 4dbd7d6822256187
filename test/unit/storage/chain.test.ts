import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type ChainEntry, chainHash, type EntryKind, genesisHash, verifyChain } from '#storage';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');

/** A link as a device makes it. */
function link(
  sequence: number,
  previousHash: string,
  body: string,
  kind: EntryKind = 'usage',
  key: KeyObject = privateKey,
): ChainEntry {
  const hash = chainHash({ sequence, kind, body, previousHash });
  return {
    sequence,
    kind,
    body,
    previousHash,
    hash: hash.toString('hex'),
    signature: sign(null, hash, key).toString('base64url'),
  };
}

/** Usage entries 1 to `count`. */
function chain(count: number): ChainEntry[] {
  const entries: ChainEntry[] = [];
  for (let sequence = 1; sequence <= count; sequence += 1) {
    entries.push(link(sequence, entries.at(-1)?.hash ?? genesisHash, `{"bytes":"${sequence}"}`));
  }
  return entries;
}

const at = (entries: readonly ChainEntry[], sequence: number): ChainEntry => {
  const found = entries.find((entry) => entry.sequence === sequence);
  assert.ok(found);
  return found;
};

const replaced = (sequence: number, change: (entry: ChainEntry) => Partial<ChainEntry>) =>
  chain(6).map((entry) => (entry.sequence === sequence ? { ...entry, ...change(entry) } : entry));

const flipped = (text: string): string => (text.startsWith('a') ? 'b' : 'a') + text.slice(1);

const anchor = (sequence: number, previousHash: string, body: object): ChainEntry =>
  link(sequence, previousHash, JSON.stringify(body), 'anchor');

describe('verifyChain', () => {
  it('proves a whole chain from its very first entry', async () => {
    const report = await verifyChain(chain(6), publicKey);
    assert.deepEqual(report, {
      ok: true,
      count: 6,
      range: { from: 1, to: 6 },
      start: 'first',
      declaredMissing: [],
      faults: [],
    });
  });

  it('proves a part, and says that what was before is not known', async () => {
    const report = await verifyChain(chain(6).slice(2), publicKey);
    assert.deepEqual([report.ok, report.start, report.range], [true, 'unknown', { from: 3, to: 6 }]);
  });

  it('has nothing to say about nothing', async () => {
    const report = await verifyChain([], publicKey);
    assert.deepEqual([report.ok, report.count, report.range], [true, 0, undefined]);
  });

  const other = generateKeyPairSync('ed25519');
  const cases: ReadonlyArray<[name: string, entries: readonly ChainEntry[], fault: string]> = [
    ['a changed body', replaced(3, ({ body }) => ({ body: body.replace('3', '4') })), 'changed 3'],
    ['a changed kind', replaced(3, () => ({ kind: 'clock' })), 'changed 3'],
    ['a changed hash', replaced(3, ({ hash }) => ({ hash: flipped(hash) })), 'changed 3'],
    ['a changed previous hash', replaced(3, ({ hash }) => ({ previousHash: flipped(hash) })), 'changed 3'],
    ['a previous hash that is none', replaced(3, () => ({ previousHash: 'no hash' })), 'changed 3'],
    ['a changed sequence', replaced(6, () => ({ sequence: 60 })), 'changed 60'],
    ['a sequence that is no number', replaced(6, () => ({ sequence: Number.NaN })), 'changed NaN'],
    ['a changed signature', replaced(3, (e) => ({ signature: flipped(e.signature) })), 'bad-signature 3'],
    ['a signature that is none', replaced(3, () => ({ signature: '' })), 'bad-signature 3'],
    [
      'a body and hash made anew by somebody without the key',
      replaced(3, (e) => link(3, e.previousHash, '{"bytes":"0"}', 'usage', other.privateKey)),
      'bad-signature 3',
    ],
    [
      'an entry that another signed one took the place of',
      replaced(3, (e) => link(3, e.previousHash, '{}')),
      'broken-link 4',
    ],
    ['a missing entry', chain(6).filter(({ sequence }) => sequence !== 3), 'missing 3'],
    [
      'several missing entries by the first',
      chain(6).filter(({ sequence }) => sequence < 2 || sequence > 4),
      'missing 2',
    ],
    ['a repeated entry', [...chain(6), at(chain(6), 6)], 'reordered 6'],
    [
      'two entries in the wrong order',
      [...chain(2), at(chain(6), 4), at(chain(6), 3), ...chain(6).slice(4)],
      'reordered 3',
    ],
  ];
  for (const [name, entries, expected] of cases) {
    it(`names ${name}`, async () => {
      const report = await verifyChain(entries, publicKey);
      assert.equal(report.ok, false);
      const [first] = report.faults;
      assert.equal(`${first?.kind} ${first?.sequence}`, expected);
    });
  }

  it('takes the gap that a damage anchor declares, and no other', async () => {
    const before = chain(3);
    const last = { sequence: 3, hash: at(before, 3).hash };
    const jump = anchor(10, last.hash, { reason: 'damage', last, missing: [{ from: 4, to: 9 }] });
    const declared = await verifyChain([...before, jump], publicKey);
    assert.deepEqual([declared.ok, declared.declaredMissing], [true, [{ from: 4, to: 9 }]]);
    const further = await verifyChain([...before.slice(0, 1), at(before, 3), jump], publicKey);
    assert.deepEqual(further.faults, [{ kind: 'missing', sequence: 2, index: 1 }]);
  });

  it('does not believe an anchor that the device has not signed', async () => {
    const before = chain(3);
    const forged = link(
      10,
      at(before, 3).hash,
      JSON.stringify({ reason: 'damage', last: null, missing: [{ from: 4, to: 9 }] }),
      'anchor',
      other.privateKey,
    );
    const report = await verifyChain([...before, forged], publicKey);
    assert.deepEqual(report.faults.map(({ kind, sequence }) => `${kind} ${sequence}`).toSorted(), [
      'bad-signature 10',
      'missing 4',
    ]);
  });

  it('knows by a retention anchor that nothing is missing in front of what was kept', async () => {
    const entries = chain(6);
    const last = { sequence: 3, hash: at(entries, 3).hash };
    const kept = [
      ...entries.slice(3),
      anchor(7, at(entries, 6).hash, { reason: 'retention', last, missing: [] }),
    ];
    assert.equal((await verifyChain(kept, publicKey)).start, 'anchored');
    // One more is gone, and the anchor does not speak of it.
    assert.equal((await verifyChain(kept.slice(1), publicKey)).start, 'unknown');
  });
});
