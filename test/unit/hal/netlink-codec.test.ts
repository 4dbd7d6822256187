import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  attribute,
  attributeU32,
  parseAttributes,
  readText,
  readU32,
} from '../../../hal/linux/netlink-codec.ts';

describe('netlink attributes', () => {
  it('are padded to 4 bytes, with the length of the value only (netlink(7))', () => {
    assert.equal(attribute(3, Buffer.from('lan0\0')).toString('hex'), '090003006c616e3000000000');
    assert.equal(attributeU32(4, 1500).toString('hex'), '08000400dc050000');
  });

  it('are read back, strings without their NUL and types without their flags', () => {
    const nested = attribute(0x8012, attributeU32(1, 7));
    const bytes = Buffer.concat([attribute(3, Buffer.from('lan0\0')), attributeU32(4, 1500), nested]);
    const attributes = parseAttributes(bytes);
    assert.equal(readText(attributes, 3), 'lan0');
    assert.equal(readU32(attributes, 4), 1500);
    assert.equal(readU32(parseAttributes(attributes.get(0x12) ?? Buffer.alloc(0)), 1), 7);
    assert.equal(readU32(attributes, 99), undefined);
  });

  it('may end without padding, and with less than a header left', () => {
    const bytes = Buffer.concat([attribute(1, Buffer.from('ab')).subarray(0, 6)]);
    assert.equal(readText(parseAttributes(bytes), 1), 'ab');
    assert.equal(parseAttributes(Buffer.alloc(3)).size, 0);
  });

  for (const [fault, hex] of [
    ['shorter than its header', '03000100'],
    ['of no length', '0000000000000000'],
    ['longer than the message', '0c00010000000000'],
  ] as const) {
    it(`are refused when one is ${fault}`, () => {
      assert.throws(
        () => parseAttributes(Buffer.from(hex, 'hex')),
        (error) => isWeirError(error, 'NETLINK_FAILED'),
      );
    });
  }

  it('never make the parser read past the end or run for ever, whatever the bytes', () => {
    let state = 1;
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Buffer.from(
        Array.from({ length: round % 40 }, () => {
          state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
          return (state >> 16) % 12;
        }),
      );
      try {
        for (const value of parseAttributes(bytes).values()) assert.ok(value.length <= bytes.length);
      } catch (error) {
        assert.ok(isWeirError(error, 'NETLINK_FAILED'));
      }
    }
  });
});
