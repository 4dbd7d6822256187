import assert from 'node:assert/strict';
import { diskBytes, partitionOffset, partitions } from '../../../image/disk/layout.ts';
import { hashBlocks, parseTrailer, renderTrailer, slotBlockBytes } from '../../../image/slot/trailer.ts';

const rootHash = 'a1'.repeat(32);
const salt = '5e'.repeat(32);

describe("a slot's trailer", () => {
  it('is one block and says how to check what is before it', () => {
    const block = renderTrailer({ blocks: 28_904, rootHash, salt });
    assert.equal(block.length, slotBlockBytes);
    assert.deepEqual(parseTrailer(block), { blocks: 28_904, rootHash, salt });
  });

  const cases: readonly (readonly [string, (block: Buffer) => void])[] = [
    ['of another version', (block) => block.write('weir-slot 2')],
    [
      'with a letter in its root hash that is none of a hash',
      (block) => block.write('g', block.indexOf(rootHash)),
    ],
    ['with something behind it', (block) => block.write('x', slotBlockBytes - 1)],
    ['of zeros, as in a slot that was never written', (block) => block.fill(0)],
  ];
  for (const [name, damage] of cases) {
    it(`is refused: one ${name}`, () => {
      const block = renderTrailer({ blocks: 2, rootHash, salt });
      damage(block);
      assert.throws(() => parseTrailer(block), { code: 'IMAGE_FAILED' });
    });
  }
});

describe('the hash tree (Linux, dm-verity: 128 hashes a block, level by level)', () => {
  const cases: readonly (readonly [blocks: number, hashBlocks: number])[] = [
    [1, 0],
    [2, 1],
    [128, 1],
    [129, 2 + 1],
    [128 * 128, 128 + 1],
    [128 * 128 + 1, 129 + 2 + 1],
  ];
  for (const [blocks, expected] of cases) {
    it(`of ${blocks} blocks has ${expected}`, () => assert.equal(hashBlocks(blocks), expected));
  }
});

describe('the disk', () => {
  it('begins its partitions at whole mebibytes, one behind the other, and leaves room for the tables', () => {
    let end = 2 ** 20;
    for (const { label, sizeMiB } of partitions) {
      assert.equal(partitionOffset(label), end, label);
      end += sizeMiB * 2 ** 20;
    }
    assert.equal(diskBytes, end + 2 ** 20);
  });

  it('fits an eMMC of 4 GB with room', () => assert.ok(diskBytes < 2e9));
});
