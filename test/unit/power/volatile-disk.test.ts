import assert from 'node:assert/strict';
import { type CutCount, memoryMedium, VolatileDisk } from '../../power/volatile-disk.ts';
import type { LogEntry } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';

const sectors = 16;

/** A write of `length` sectors of `fill`, or a flush. */
type Step = { at: number; length?: number; fill: number; fua?: boolean; flush?: boolean } | 'flush';

/** A volatile disk that is cut on a copy of its medium. */
interface TriedDisk {
  readonly loose: number;
  advance(position: number): void;
  cut(random: () => number): { readonly image: Buffer; readonly count: CutCount };
}

function diskOf(steps: readonly Step[]): TriedDisk {
  const entries = steps.map((step): LogEntry => {
    const none = {
      offset: 0,
      length: 0,
      flush: true,
      fua: false,
      discard: false,
      dataAt: 0,
      dataLength: 0,
      end: 0,
    };
    if (step === 'flush') return none;
    const length = (step.length ?? 1) * 512;
    const flags = { flush: step.flush ?? false, fua: step.fua ?? false };
    return { ...none, ...flags, offset: step.at * 512, length, dataLength: length };
  });
  const data = (entry: LogEntry) => {
    const step = steps[entries.indexOf(entry)];
    return Buffer.alloc(entry.length, typeof step === 'object' ? step.fill : 0);
  };
  const medium = Buffer.alloc(sectors * 512);
  const disk = new VolatileDisk({ entries, data }, memoryMedium(medium));
  return {
    get loose() {
      return disk.loose;
    },
    advance: (position) => disk.advance(position),
    cut: (random) => {
      const image = Buffer.from(medium);
      return { count: disk.cut(memoryMedium(image), random), image };
    },
  };
}

/** The first byte of every sector, after checking that no sector is torn in itself. */
function read(image: Buffer): number[] {
  return Array.from({ length: sectors }, (_, sector) => {
    const bytes = image.subarray(sector * 512, (sector + 1) * 512);
    const first = bytes[0] ?? -1;
    assert.ok(
      bytes.every((byte) => byte === first),
      `sector ${sector} is torn`,
    );
    return first;
  });
}

/** All that `count` sectors from `first` on may hold after a cut now. */
function outcomes(disk: TriedDisk, first: number, count: number): readonly string[] {
  const seen = seeds.map((seed) => {
    const { image } = disk.cut(randomOf(seed));
    return read(image)
      .slice(first, first + count)
      .join('');
  });
  return [...new Set(seen)].sort();
}

/** Nothing of the cache had been written out. */
const allLost = () => 0;
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('a disk with a volatile write cache', () => {
  it('keeps through a power cut what a flush had covered, whatever is left to chance', () => {
    const disk = diskOf([{ at: 1, fill: 1 }, { at: 2, length: 4, fill: 2 }, 'flush', { at: 1, fill: 3 }]);
    disk.advance(4);
    for (const seed of seeds) {
      const [, one, ...others] = read(disk.cut(randomOf(seed)).image);
      assert.ok(one === 1 || one === 3);
      assert.deepEqual(others.slice(0, 5), [2, 2, 2, 2, 0]);
    }
  });

  it('does not keep by the flush what was written after it', () => {
    const disk = diskOf([{ at: 1, fill: 1 }, 'flush', { at: 2, fill: 2 }]);
    disk.advance(3);
    assert.equal(disk.loose, 1);
    assert.deepEqual(read(disk.cut(allLost).image).slice(0, 4), [0, 1, 0, 0]);
  });

  it('lets any part of the loose writes arrive, the later without the earlier too', () => {
    const disk = diskOf([
      { at: 1, fill: 1 },
      { at: 2, fill: 2 },
      { at: 3, fill: 3 },
    ]);
    disk.advance(3);
    assert.deepEqual(outcomes(disk, 1, 3), ['000', '003', '020', '023', '100', '103', '120', '123']);
  });

  it('tears a write between sectors and never inside one', () => {
    const disk = diskOf([{ at: 0, length: 8, fill: 7 }]);
    disk.advance(1);
    const arrived = seeds.map((seed) => {
      const { image, count } = disk.cut(randomOf(seed));
      const sum = read(image).filter((byte) => byte === 7).length;
      const expected = { kept: sum === 8 ? 1 : 0, lost: sum === 0 ? 1 : 0, torn: sum % 8 === 0 ? 0 : 1 };
      assert.deepEqual(count, { loose: 1, ...expected });
      return sum;
    });
    assert.ok(arrived.includes(0) && arrived.includes(8));
    assert.ok(arrived.some((sum) => sum > 0 && sum < 8));
  });

  it('has of two writes to one place the older only where the newer is lost', () => {
    const disk = diskOf([
      { at: 1, fill: 1 },
      { at: 1, fill: 2 },
    ]);
    disk.advance(2);
    assert.deepEqual(outcomes(disk, 1, 1), ['0', '1', '2']);
    for (const seed of seeds) {
      const { image, count } = disk.cut(randomOf(seed));
      if (count.kept === 2) assert.equal(image[512], 2);
    }
  });

  it('keeps a write with FUA, and not those before it', () => {
    const disk = diskOf([
      { at: 1, fill: 1 },
      { at: 2, fill: 2, fua: true },
    ]);
    disk.advance(2);
    assert.deepEqual(outcomes(disk, 1, 2), ['02', '12']);
  });

  it('flushes what was before a write with FLUSH, and not that write', () => {
    const disk = diskOf([
      { at: 1, fill: 1 },
      { at: 2, fill: 2, flush: true },
    ]);
    disk.advance(2);
    assert.deepEqual(outcomes(disk, 1, 2), ['10', '12']);
  });

  it('goes on after a cut as if there had been none', () => {
    const disk = diskOf([{ at: 1, fill: 1 }, 'flush', { at: 2, fill: 2 }]);
    disk.advance(1);
    disk.cut(allLost);
    disk.advance(3);
    assert.equal(disk.cut(allLost).image[512], 1);
  });

  it('refuses a write beyond its end and a position beyond the log', () => {
    const disk = diskOf([{ at: sectors, fill: 1 }]);
    assert.throws(() => disk.advance(2), /no entry 1/);
    assert.throws(() => {
      for (const seed of seeds) disk.cut(randomOf(seed));
    }, /beyond the end/);
  });
});
