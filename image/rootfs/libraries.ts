import { closeSync, globSync, lstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WeirError } from '#base';

/** The names of the libraries an ELF file asks for, `undefined` when it is none (System V ABI, chapter 5: dynamic section). */
export function neededLibraries(file: Buffer): readonly string[] | undefined {
  if (file.length < 64 || file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1)
    return undefined;
  const at = (offset: number) => Number(file.readBigUInt64LE(offset));
  const [headers, size, count] = [at(32), file.readUInt16LE(54), file.readUInt16LE(56)];
  const segments = Array.from({ length: count }, (_, index) => {
    const offset = headers + index * size;
    return {
      type: file.readUInt32LE(offset),
      offset: at(offset + 8),
      address: at(offset + 16),
      bytes: at(offset + 32),
    };
  });
  const dynamic = segments.find(({ type }) => type === 2);
  if (dynamic === undefined) return [];
  const entries = Array.from({ length: dynamic.bytes / 16 }, (_, index) => ({
    tag: at(dynamic.offset + index * 16),
    value: at(dynamic.offset + index * 16 + 8),
  }));
  const strings = entries.find(({ tag }) => tag === 5)?.value ?? 0;
  const segment = segments.find(
    ({ type, address, bytes }) => type === 1 && strings >= address && strings < address + bytes,
  );
  if (segment === undefined) return [];
  const table = strings - segment.address + segment.offset;
  return entries
    .filter(({ tag }) => tag === 1)
    .map(({ value }) => file.toString('latin1', table + value, file.indexOf(0, table + value)));
}

/** Every program and library of the root filesystem finds all that it asks for, though packages were left out. */
export function requireLibraries(root: string): void {
  const files = globSync(['usr/bin/*', 'usr/sbin/*', 'usr/lib/**/*'], { cwd: root }).map((name) =>
    join(root, name),
  );
  const there = new Set(files.map((file) => basename(file)));
  const missing = files.flatMap((file) => {
    if (!lstatSync(file).isFile() || !isElf(file)) return [];
    const needed = neededLibraries(readFileSync(file)) ?? [];
    return needed.filter((name) => !there.has(name)).map((name) => `${name} for ${basename(file)}`);
  });
  if (missing.length === 0) return;
  throw new WeirError('IMAGE_FAILED', `the root filesystem lacks ${missing.join(', ')}`, {
    advice: 'see `wanted` and `unwanted` in image/packages.ts and what image/rootfs/prune.ts takes away',
  });
}

function isElf(file: string): boolean {
  const descriptor = openSync(file, 'r');
  try {
    const start = Buffer.alloc(4);
    return readSync(descriptor, start) === 4 && start.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(descriptor);
  }
}
