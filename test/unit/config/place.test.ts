import assert from 'node:assert/strict';
import {
  configTree,
  findPlace,
  followingOf,
  isPathFault,
  type RawBranch,
  readSetWords,
  type Schema,
} from '../../../src/config/index.ts';

const tree: RawBranch = {
  relay: { rtsp: { ports: [554, 8554] }, origins: [{ address: '192.0.2.9', username: 'u' }] },
};

function following(...path: string[]) {
  const place = findPlace(tree, path);
  assert.ok(!isPathFault(place));
  return followingOf(place);
}

/** What `set` of these words may be followed by. */
function afterSet(...words: string[]) {
  const root = findPlace(tree, []);
  assert.ok(!isPathFault(root));
  const read = readSetWords(root, words);
  assert.ok(!('index' in read));
  return read;
}

describe('what may follow a path', () => {
  it('are the names of a branch, with their help', () => {
    const { names, keys, value } = following('interfaces', 'wan');
    const device = names.find(({ name }) => name === 'device');
    assert.deepEqual(device, {
      name: 'device',
      help: 'device name of the NIC that is toward the IP network',
      kind: 'leaf',
      restart: true,
    });
    assert.deepEqual([keys, value], [[], undefined]);
  });

  it('are the items of a list, and the form of the key of a new one', () => {
    const { names, keys, value } = following('relay', 'origins');
    assert.deepEqual([names, keys], [[], ['192.0.2.9']]);
    assert.match(value?.form ?? '', /^IP address/);
  });

  it('are the names beside the key of an item', () => {
    assert.deepEqual(
      following('relay', 'origins', '192.0.2.77').names.map(({ name }) => name),
      ['username', 'password'],
    );
  });

  it('are the values of a list, and the form of a further one', () => {
    const { keys, value } = following('relay', 'rtsp', 'ports');
    assert.deepEqual(keys, ['554', '8554']);
    assert.equal(value?.form, 'a whole number from 1 to 65535');
  });

  it('are all values of a leaf, where they can be told', () => {
    assert.deepEqual(following('relay', 'whenDown').value?.values, ['open', 'closed']);
    assert.deepEqual(following('interfaces', 'wan', 'masquerade').value?.values, ['true', 'false']);
    assert.equal(following('relay', 'ringSeconds').value?.form, 'a whole number from 1 to 60 (seconds)');
    assert.equal(following('relay', 'origins', '192.0.2.9', 'password').value?.secret, true);
  });

  it('tells which word leads nowhere', () => {
    for (const [path, index] of [
      [['relay', 'colour'], 1],
      [['nothing'], 0],
      [['relay', 'origins', 'no address'], 2],
      [['relay', 'ringSeconds', '9', '9'], 2],
      [['relay', 'rtsp', 'ports', '554', 'x'], 4],
      [['constructor'], 0],
    ] as const) {
      const found = findPlace(tree, path);
      assert.ok(isPathFault(found), path.join(' '));
      assert.equal(found.index, index);
    }
  });

  it('is known at every place of the schema, so that completion never ends in nothing', () => {
    const walk = (schema: Schema, path: readonly string[]): number => {
      const place = findPlace({}, path);
      assert.ok(!isPathFault(place), path.join(' '));
      const { names, value } = followingOf(place);
      assert.ok(names.length > 0 || (value !== undefined && value.form !== '' && value.help !== ''));
      if (schema.type === 'branch') {
        return Object.entries(schema.entries).reduce((sum, [name, entry]) => {
          return names.some((one) => one.name === name) ? sum + walk(entry, [...path, name]) : sum;
        }, 1);
      }
      return schema.type === 'list' && schema.key !== undefined
        ? 1 + walk(schema.of, [...path, sampleKey(schema.key)])
        : 1;
    };
    assert.ok(walk(configTree, []) > 100);
  });
});

/** Some key of the form a list wants. */
function sampleKey(key: string): string {
  if (key === 'url') return 'rtsp://h/*';
  return { address: '192.0.2.1', prefix: '192.0.2.0/24' }[key] ?? 'a';
}

describe('what may follow the words of set', () => {
  it('is after a value what stands beside its leaf; the line may end there', () => {
    const { complete, following } = afterSet('relay', 'ringSeconds', '9');
    assert.equal(complete, true);
    assert.ok(following.names.some(({ name }) => name === 'ringBytes'));
  });

  it('is a value or the closing bracket where one is open', () => {
    const { complete, following } = afterSet('relay', 'rtsp', 'ports', '[', '555');
    assert.equal(complete, false);
    assert.deepEqual(
      following.names.map(({ name }) => name),
      [']'],
    );
    assert.equal(afterSet('relay', 'rtsp', 'ports', '[', '555', ']').complete, true);
  });

  it('does not end at a branch, a list or a leaf without a value', () => {
    assert.equal(afterSet('relay').complete, false);
    assert.equal(afterSet('relay', 'origins').complete, false);
    assert.equal(afterSet('relay', 'ringSeconds').complete, false);
    assert.equal(afterSet('relay', 'origins', '192.0.2.1').complete, true);
  });
});
