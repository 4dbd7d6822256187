/** One thing in an archive. Folders come before what is in them. */
export type CpioEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly data: Buffer; readonly executable: boolean };

const modes = { folder: 0o040755, file: 0o100644, program: 0o100755 };

/** An archive as the kernel takes it for an initramfs: cpio "newc", see Linux, Documentation/driver-api/early-userspace/buffer-format.rst. */
export function* cpio(entries: Iterable<CpioEntry>): Generator<Buffer> {
  let inode = 1;
  for (const entry of entries) {
    const mode = entry.kind === 'folder' ? modes.folder : entry.executable ? modes.program : modes.file;
    yield* member(inode++, mode, entry.path, entry.kind === 'file' ? entry.data : Buffer.alloc(0));
  }
  yield* member(0, 0, 'TRAILER!!!', Buffer.alloc(0));
}

function* member(inode: number, mode: number, path: string, data: Buffer): Generator<Buffer> {
  const name = Buffer.from(`${path}\0`);
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  yield header;
  yield name;
  yield padding(header.length + name.length);
  yield data;
  yield padding(data.length);
}

/** Everything begins at a multiple of four. */
const padding = (length: number): Buffer => Buffer.alloc((4 - (length % 4)) % 4);
