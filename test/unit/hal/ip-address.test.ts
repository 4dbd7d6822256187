import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  canonicalIp,
  formatIp,
  isLinkLocal,
  isWithin,
  parseIp,
  parsePrefix,
} from '../../../hal/ip-address.ts';

const table: ReadonlyArray<readonly [text: string, hex: string, canonical: string]> = [
  ['192.0.2.1', 'c0000201', '192.0.2.1'],
  ['0.0.0.0', '00000000', '0.0.0.0'],
  ['::', '0'.repeat(32), '::'],
  ['::1', `${'0'.repeat(31)}1`, '::1'],
  ['2001:DB8::1', '20010db8000000000000000000000001', '2001:db8::1'],
  ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['fe80::', 'fe800000000000000000000000000000', 'fe80::'],
  ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
  ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
];

describe('IP addresses', () => {
  for (const [text, hex, canonical] of table) {
    it(`reads and writes ${text} (RFC 5952 s.4)`, () => {
      const bytes = parseIp(text);
      assert.equal(Buffer.from(bytes ?? []).toString('hex'), hex);
      assert.equal(formatIp(bytes ?? new Uint8Array(4)), canonical);
      assert.equal(canonicalIp(text), canonical);
    });
  }

  for (const text of [
    '',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.1/24',
    'fe80::1%wan0',
    '2001:db8:::1',
    'host',
    ' ::1',
  ]) {
    it(`does not take "${text}" for an address`, () => {
      assert.equal(parseIp(text), undefined);
      assert.throws(
        () => canonicalIp(text),
        (error) => isWeirError(error, 'CONFIG_BAD_VALUE'),
      );
    });
  }

  it('reads an address with its prefix length', () => {
    assert.deepEqual(parsePrefix('192.0.2.1/24'), { address: '192.0.2.1', prefixLength: 24 });
    assert.deepEqual(parsePrefix('2001:DB8:0::1/128'), { address: '2001:db8::1', prefixLength: 128 });
  });

  for (const text of [
    '192.0.2.1',
    '192.0.2.1/33',
    '2001:db8::1/129',
    '192.0.2.1/',
    '/24',
    '192.0.2.1/2x',
    '::1/-1',
  ]) {
    it(`does not take "${text}" for an address with a prefix length`, () => {
      assert.throws(
        () => parsePrefix(text),
        (error) => isWeirError(error, 'CONFIG_BAD_VALUE'),
      );
    });
  }

  for (const [prefix, inside, outside] of [
    ['192.0.2.129/24', ['192.0.2.0', '192.0.2.255'], ['192.0.3.1', '2001:db8::1']],
    ['192.0.2.130/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127']],
    ['192.0.2.1/32', ['192.0.2.1'], ['192.0.2.0']],
    ['0.0.0.0/0', ['192.0.2.1'], ['::']],
    ['2001:db8:0:ff00::1/58', ['2001:db8:0:ff3f::'], ['2001:db8:0:ff40::', '192.0.2.1']],
  ] as const) {
    it(`knows which addresses belong to the network of ${prefix}`, () => {
      const belongs = (text: string) => isWithin(parseIp(text) ?? new Uint8Array(), parsePrefix(prefix));
      assert.deepEqual(
        [inside, outside].map((texts) => texts.map(belongs)),
        [inside.map(() => true), outside.map(() => false)],
      );
    });
  }

  it('knows link-local addresses (RFC 3927, RFC 4291 s.2.5.6)', () => {
    const local = (text: string) => isLinkLocal(parseIp(text) ?? new Uint8Array());
    assert.deepEqual(['169.254.0.1', 'fe80::1', 'febf::1'].map(local), [true, true, true]);
    assert.deepEqual(['169.253.0.1', 'fec0::1', '192.0.2.1'].map(local), [false, false, false]);
  });
});
