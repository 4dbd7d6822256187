import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FlashedDisk } from '../../image/gateway.ts';
import { PowerCuts } from '../../image/power/recorded-disk.ts';
import { WriteLog } from '../../power/write-log.ts';
import { randomOf } from '../../random.ts';
import { flush, logBytes, write } from './log.ts';

const sectors = 16;
/** 512 bytes of head, then for each write a header and its sectors, for each flush a header. */
const entries = [
  write(1, 1, 0xa1), // 512 to 1536
  flush, //             to 2048
  write(2, 1, 0xa2), // to 3072
  write(3, 1, 0xa3), // to 4096
  flush, //             to 4608
  write(4, 1, 0xa4), // to 5632
];

describe('power cuts of a disk whose writes were recorded', () => {
  let folder: string;
  let cuts: PowerCuts;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-power-cuts-'));
    const log = join(folder, 'writes.log');
    writeFileSync(log, logBytes(entries));
    cuts = new PowerCuts(emptyDisks(folder), '', new WriteLog(log));
  });

  afterEach(() => {
    cuts[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  const cutAt = async (position: number, seed: number, options = {}) => {
    const { disk, count } = await cuts.cut(position, randomOf(seed), options);
    const image = readFileSync(disk.file);
    return { count, written: [1, 2, 3, 4].filter((sector) => image[sector * 512] === 0xa0 + sector) };
  };

  it('are where something is not flushed', () => {
    assert.deepEqual(cuts.positions(), [1, 3, 4, 6]);
    assert.deepEqual(cuts.positions(undefined, undefined, 2), [4]);
  });

  it('are asked for in a part of the log, and of the disk', () => {
    assert.deepEqual(cuts.positions({ from: 1536, to: 4096 }), [3, 4]);
    assert.deepEqual(cuts.positions(undefined, { from: 3 * 512, to: 4 * 512 }), [4]);
  });

  it('end where the log had that length', () => {
    assert.deepEqual(
      [1, 2, 4, 6].map((position) => cuts.loggedBytesAt(position)),
      [1536, 2048, 4096, 5632],
    );
  });

  it('leave what was flushed, and never all that was not', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { written, count } = await cutAt(4, seed);
      assert.ok(count.kept < count.loose && count.loose === 2);
      seen.add(written.join());
    }
    assert.deepEqual([...seen].sort(), ['1', '1,2', '1,3']);
  });

  it('leave less of a disk that does not flush when it is told to', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 80; seed++) seen.add((await cutAt(6, seed, { liesFrom: 2048 })).written.join());
    assert.ok(seen.has('1') && seen.has('1,4'), [...seen].join(' '));
    assert.ok([...seen].every((written) => written.startsWith('1')));
  });

  it('know which part of the disk was never written to', () => {
    assert.equal(cuts.touched({ from: 0, to: 512 }), false);
    assert.equal(cuts.touched({ from: 5 * 512, to: sectors * 512 }), false);
    assert.equal(cuts.touched({ from: 0, to: 513 }), true);
  });
});

/** Each copy is a file of zeros of its own. */
function emptyDisks(folder: string): Pick<FlashedDisk, 'copy'> {
  return {
    copy: async () => {
      const file = join(folder, 'disk.img');
      writeFileSync(file, Buffer.alloc(sectors * 512));
      return { file } as FlashedDisk;
    },
  };
}
