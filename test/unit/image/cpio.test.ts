import assert from 'node:assert/strict';
import { cpio } from '../../../image/initrd/cpio.ts';

/** Reads "newc" as the kernel does: header, name, padding to four, data, padding to four. */
function* read(bytes: Buffer): Generator<{ name: string; mode: number; data: string }> {
  for (let at = 0; at < bytes.length; ) {
    assert.equal(bytes.toString('latin1', at, at + 6), '070701');
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = bytes.toString('utf8', at + 110, at + 110 + nameSize - 1);
    assert.equal(bytes[at + 110 + nameSize - 1], 0);
    const dataAt = (at + 110 + nameSize + 3) & ~3;
    yield { name, mode, data: bytes.toString('utf8', dataAt, dataAt + size) };
    at = (dataAt + size + 3) & ~3;
  }
}

describe('the archive for the guest', () => {
  it('holds folders, files and programs as the kernel reads them, and ends with its trailer', () => {
    const archive = Buffer.concat([
      ...cpio([
        { kind: 'folder', path: 'bin' },
        { kind: 'file', path: 'bin/sh', data: Buffer.from('#!'), executable: true },
        { kind: 'file', path: 'etc', data: Buffer.from('abcde'), executable: false },
      ]),
    ]);
    assert.equal(archive.length % 4, 0);
    assert.deepEqual(
      [...read(archive)],
      [
        { name: 'bin', mode: 0o040755, data: '' },
        { name: 'bin/sh', mode: 0o100755, data: '#!' },
        { name: 'etc', mode: 0o100644, data: 'abcde' },
        { name: 'TRAILER!!!', mode: 0, data: '' },
      ],
    );
  });
});
