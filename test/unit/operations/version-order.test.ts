import assert from 'node:assert/strict';
import { compareVersions } from '../../../src/operations/version-order.ts';

describe('the order of versions (Semantic Versioning 2.0.0, s.11)', () => {
  // The example of the specification, with what lies around it.
  const rising = [
    '0.9.9',
    '0.10.0',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.0.1',
    '2.0',
    '2.0.0',
    '10.0.0',
  ];

  it('is that of the numbers, with what comes before a release in front of it', () => {
    rising.forEach((older, index) => {
      for (const newer of rising.slice(index + 1)) {
        assert.ok(compareVersions(older, newer) < 0, `${older} < ${newer}`);
        assert.ok(compareVersions(newer, older) > 0, `${newer} > ${older}`);
      }
    });
  });

  it('does not look at what built it', () => {
    assert.equal(compareVersions('1.2.0+20261123.abc', '1.2.0+other-build'), 0);
  });
});
