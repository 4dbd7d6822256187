import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const sectorBytes = 512;

/** Bytes written so far to the block device under a mounted file system (iostats.txt: write sectors, the seventh field). */
export function bytesWritten(mountPoint: string): number {
  // What the file system has in mind is written first.
  execFileSync('sync', ['--file-system', mountPoint]);
  const source = execFileSync('findmnt', ['-no', 'SOURCE', mountPoint], { encoding: 'utf8' }).trim();
  const fields = readFileSync(`/sys/block/${basename(source)}/stat`, 'utf8')
    .trim()
    .split(/\s+/);
  return sectorBytes * Number(fields[6]);
}
