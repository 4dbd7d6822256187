import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import { Candidate, type RawBranch, splitWords } from '../../../src/config/index.ts';

const empty = (tree: RawBranch = {}) => new Candidate({ tree });

/** Types one line of configuration mode. */
function type(candidate: Candidate, line: string, at: readonly string[] = []): void {
  candidate.set(at, splitWords(line));
}

describe('a candidate', () => {
  it('takes typed values of every kind, by the place they are for', () => {
    const candidate = empty();
    for (const line of [
      'system name edge-7',
      'relay ringSeconds 10',
      'interfaces wan masquerade true',
      'relay rtsp ports 554',
      'relay rtsp ports 8554',
      'relay origins 192.0.2.9 username u',
      'relay origins [2001:db8::9]:8554 password "two words"',
      'billing tariffs basic pricePerMegabyte 0.0125',
    ]) {
      type(candidate, line);
    }
    assert.deepEqual(candidate.tree(), {
      system: { name: 'edge-7' },
      relay: {
        ringSeconds: 10,
        rtsp: { ports: [554, 8554] },
        origins: [
          { address: '192.0.2.9', username: 'u' },
          { address: '[2001:db8::9]:8554', password: 'two words' },
        ],
      },
      interfaces: { wan: { masquerade: true } },
      billing: { tariffs: [{ name: 'basic', pricePerMegabyte: '0.0125' }] },
    });
  });

  it('is edited below a place, and goes on after a value with what stands beside it', () => {
    const candidate = empty();
    type(candidate, 'servers 192.0.2.1 port 1813 secret s', ['upload', 'radius', 'isp']);
    type(candidate, 'wan device eth0 addresses [ 192.0.2.2/24 2001:db8::2/64 ] mtu 1400', ['interfaces']);
    assert.deepEqual(candidate.tree(), {
      upload: { radius: [{ name: 'isp', servers: [{ host: '192.0.2.1', port: 1813, secret: 's' }] }] },
      interfaces: { wan: { device: 'eth0', addresses: ['192.0.2.2/24', '2001:db8::2/64'], mtu: 1400 } },
    });
  });

  it('takes abbreviated names as long as they are short for one only', () => {
    const candidate = empty();
    type(candidate, 'rel ringS 9');
    assert.deepEqual(candidate.tree(), { relay: { ringSeconds: 9 } });
    assert.throws(() => type(candidate, 'rel ring 9'), /"ring" is short for ringSeconds and ringBytes/);
  });

  const refused: readonly [line: string, words: RegExp][] = [
    ['relay ringSeconds 61', /ringSeconds: "?61"? must be a whole number from 1 to 60 \(seconds\)/],
    ['relay ringSeconds ten', /"ten" must be a whole number from 1 to 60 \(seconds\)/],
    ['relay ringSeconds 1e1', /must be a whole number/],
    ['relay whenDown ajar', /must be one of open, closed/],
    ['interfaces wan masquerade yes', /must be true or false/],
    ['interfaces wan addresses 192.0.2.300/24', /"192\.0\.2\.300\/24" is no IP address/],
    ['relay origins 192.0.2.9:99999', /has no port from 1 to 65535/],
    ['relay colour blue', /"colour" is not known in relay; known are whenDown, /],
    ['relay', /relay: what of it\? -> known are whenDown/],
    ['relay ringSeconds', /what of it\? -> give a whole number from 1 to 60/],
    ['relay rtsp ports [ 554', /what of it\?/],
    ['relay origins 192.0.2.9 address 192.0.2.8', /is what this item is named by/],
    ['relay origins 192.0.2.9 password ********', /only stands for the secret/],
    ['relay __proto__ x', /is not known in relay/],
    ['relay rtsp ports [ 554 99999 ]', /relay rtsp ports 554: 99999 must be/],
  ];
  for (const [line, words] of refused) {
    it(`refuses "${line}" and stays as it is`, () => {
      const candidate = empty({ system: { name: 'a' } });
      assert.throws(
        () => type(candidate, line),
        (error) => isWeirError(error, 'CONFIG_BAD_VALUE') && words.test(error.describe()),
      );
      assert.deepEqual(candidate.tree(), { system: { name: 'a' } });
    });
  }

  it('never repeats a secret it refuses', () => {
    assert.throws(
      () => empty().set(['relay', 'origins', '192.0.2.9'], ['password', 'hush\u0007']),
      (error) => isWeirError(error) && !error.describe().includes('hush'),
    );
  });

  it('refuses more items than a list may have', () => {
    const candidate = empty();
    for (let number = 1; number <= 8; number++) type(candidate, `upload https c${number} url https://c/`);
    assert.throws(() => type(candidate, 'upload https c9 url https://c/'), /has 8 items, more are not/);
    type(candidate, 'upload https c8 batch 5');
  });

  it('deletes a value, an item, one of several values, and branches that are left empty', () => {
    const candidate = empty();
    type(candidate, 'relay rtsp ports [ 554 8554 ]');
    type(candidate, 'relay origins 192.0.2.9 username u');
    assert.equal(candidate.delete(['relay', 'rtsp', 'ports', '8554']), true);
    assert.equal(candidate.delete(['relay', 'rtsp', 'ports', '8554']), false);
    assert.deepEqual(candidate.get(['relay', 'rtsp', 'ports']), [554]);
    assert.equal(candidate.delete(['relay', 'origins', '192.0.2.9', 'username']), true);
    assert.deepEqual(candidate.get(['relay', 'origins']), [{ address: '192.0.2.9' }]);
    assert.equal(candidate.delete(['relay', 'origins', '192.0.2.9']), true);
    assert.equal(candidate.delete(['relay', 'rtsp', 'ports', '554']), true);
    assert.deepEqual(candidate.tree(), {});
    type(candidate, 'relay ringSeconds 9');
    assert.equal(candidate.delete([]), true);
    assert.deepEqual(candidate.tree(), {});
  });

  it('moves items where their order means something, and says where it means nothing', () => {
    const candidate = empty();
    for (const name of ['a', 'b', 'c']) type(candidate, `billing tariffs ${name}`);
    const names = () => (candidate.get(['billing', 'tariffs']) as RawBranch[]).map(({ name }) => name);
    candidate.insert(['billing', 'tariffs', 'c'], 'before', 'a');
    assert.deepEqual(names(), ['c', 'a', 'b']);
    candidate.insert(['billing', 'tariffs', 'c'], 'after', 'a');
    assert.deepEqual(names(), ['a', 'c', 'b']);
    assert.throws(
      () => candidate.insert(['billing', 'tariffs', 'x'], 'after', 'a'),
      /billing tariffs x is not set/,
    );
    type(candidate, 'relay rtsp ports [ 554 8554 ]');
    assert.throws(
      () => candidate.insert(['relay', 'rtsp', 'ports', '554'], 'after', '8554'),
      /order of relay rtsp ports means nothing/,
    );
  });

  it('keeps remarks as long as what they are about is there', () => {
    const candidate = empty();
    type(candidate, 'relay origins 192.0.2.9 username u');
    type(candidate, 'relay ringSeconds 9');
    candidate.annotate(['relay', 'origins', '192.0.2.9'], 'the head-end');
    candidate.annotate(['relay'], 'all of it');
    assert.deepEqual(candidate.annotations(), {
      'relay origins 192.0.2.9': 'the head-end',
      relay: 'all of it',
    });
    assert.throws(() => candidate.annotate(['billing'], 'x'), /billing is not set/);
    candidate.delete(['relay', 'origins']);
    assert.deepEqual(candidate.annotations(), { relay: 'all of it' });
    candidate.delete(['relay', 'ringSeconds']);
    assert.deepEqual(candidate.annotations(), {});
  });

  it('merges a tree into what is there, or takes it instead', () => {
    const candidate = empty();
    type(candidate, 'relay origins 192.0.2.9 username u');
    type(candidate, 'relay rtsp ports 554');
    candidate.merge({
      relay: {
        ringSeconds: 9,
        rtsp: { ports: [554, 555] },
        origins: [{ address: '192.0.2.9', username: 'v' }, { address: '192.0.2.10' }],
      },
    });
    assert.deepEqual(candidate.tree(), {
      relay: {
        ringSeconds: 9,
        rtsp: { ports: [554, 555] },
        origins: [{ address: '192.0.2.9', username: 'v' }, { address: '192.0.2.10' }],
      },
    });
    candidate.override({ system: { name: 'new' } });
    assert.deepEqual(candidate.tree(), { system: { name: 'new' } });
  });

  it('takes nothing of a tree that has a fault, and names all faults', () => {
    const candidate = empty({ system: { name: 'a' } });
    const bad = { relay: { ringSeconds: 99, colour: 1 }, system: { name: 'b' } };
    assert.throws(() => candidate.merge(bad), /relay\.colour.*relay\.ringSeconds/);
    assert.throws(() => candidate.override([]), /must be an object/);
    assert.deepEqual(candidate.tree(), { system: { name: 'a' } });
  });

  it('is a copy: what it began as does not change', () => {
    const tree: RawBranch = { relay: { rtsp: { ports: [554] } } };
    const candidate = empty(tree);
    type(candidate, 'relay rtsp ports 555');
    assert.deepEqual(tree, { relay: { rtsp: { ports: [554] } } });
    assert.equal(candidate.changedFrom(tree), true);
    candidate.delete(['relay', 'rtsp', 'ports', '555']);
    assert.equal(candidate.changedFrom(tree), false);
  });
});
