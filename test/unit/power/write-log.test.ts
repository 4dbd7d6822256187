import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogFlag, WriteLog } from '../../power/write-log.ts';
import { flush, logBytes, type Written, write } from './log.ts';

describe('the log of a disk (dm-log-writes)', () => {
  let folder: string;
  const open = (bytes: Buffer): WriteLog => {
    const path = join(folder, 'writes.log');
    writeFileSync(path, bytes);
    return new WriteLog(path);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-power-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read entry by entry, with where each went and what it carried', () => {
    using log = open(logBytes([write(3, 2, 0xaa), flush, write(0, 1, 0xbb, LogFlag.fua)]));
    const seen = log.entries.map((entry) => [entry.offset, entry.length, entry.flush, entry.fua]);
    assert.deepEqual(seen, [
      [1536, 1024, false, false],
      [0, 0, true, false],
      [0, 512, false, true],
    ]);
    assert.deepEqual(
      log.entries.map((entry) => log.data(entry)),
      [Buffer.alloc(1024, 0xaa), Buffer.alloc(0), Buffer.alloc(512, 0xbb)],
    );
  });

  it('may count in larger sectors', () => {
    using log = open(logBytes([write(1, 1, 0xcc), write(2, 1, 0xdd)], { sectorSize: 4096 }));
    assert.deepEqual(
      log.entries.map((entry) => [entry.offset, log.data(entry)[4095]]),
      [
        [4096, 0xcc],
        [8192, 0xdd],
      ],
    );
  });

  it('has discards that carry nothing, and go on behind their header', () => {
    const discard: Written = { sector: 8, sectors: 4, flags: LogFlag.discard };
    using log = open(logBytes([discard, write(1, 1, 0xee)]));
    assert.deepEqual(
      log.entries.map((entry) => [entry.discard, entry.offset, entry.length, entry.dataLength]),
      [
        [true, 4096, 2048, 0],
        [false, 512, 512, 512],
      ],
    );
  });

  it('has marks that change nothing, and go on behind their text', () => {
    const mark: Written = { sector: 0, sectors: 1, flags: LogFlag.mark, fill: 0x20 };
    using log = open(logBytes([mark, write(1, 1, 0xee)]));
    assert.deepEqual(
      log.entries.map((entry) => [entry.length, entry.dataLength]),
      [
        [0, 512],
        [512, 512],
      ],
    );
  });

  it('ends at the count in its head: what is behind it had not been finished', () => {
    using log = open(logBytes([write(1, 1, 1), write(2, 1, 2)], { count: 1 }));
    assert.equal(log.entries.length, 1);
  });

  const refusals: ReadonlyArray<[name: string, bytes: () => Buffer, says: RegExp]> = [
    ['is not a log', () => logBytes([], { magic: 0x1234n }), /not a log of writes: magic 0x1234/],
    ['is of another version', () => logBytes([], { version: 2n }), /version 2/],
    ['is empty', () => Buffer.alloc(0), /ends at 0/],
    ['ends inside a header', () => logBytes([flush], { count: 2 }), /ends at 1024/],
    ['ends inside the data', () => logBytes([write(0, 4, 1)]).subarray(0, -1), /inside entry 0 of 1/],
  ];
  for (const [name, bytes, says] of refusals) {
    it(`is refused when it ${name}`, () => {
      assert.throws(() => open(bytes()), says);
    });
  }
});
