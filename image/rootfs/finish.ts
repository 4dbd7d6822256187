import { globSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface RootIdentity {
  /** Of Weir, `1.2.3`. */
  readonly version: string;
  /** Of the checkout it was built from. */
  readonly commit: string;
  /** Which hardware the updates of this image are for. */
  readonly compatible: string;
}

/** Where the data partition is mounted; made here because the root filesystem cannot be written. */
const mountPoints = ['dev', 'proc', 'sys', 'run', 'tmp', 'var', 'data'];

/** Small programs that only busybox has here. */
const busyboxLinks =
  'arping awk clear find grep gunzip gzip hostname less nslookup sed tar vi wget xargs zcat'.split(' ');

/** What the maintainer scripts of the packages would have made. */
export function finishRoot(root: string, identity: RootIdentity): void {
  for (const name of mountPoints) mkdirSync(join(root, name), { recursive: true });
  for (const name of busyboxLinks) link(root, `usr/bin/${name}`, 'busybox');
  link(root, 'usr/bin/sh', 'dash');
  // Debian leaves it to update-alternatives.
  link(root, 'usr/bin/traceroute', 'traceroute.db');
  link(root, 'etc/mtab', '../proc/self/mounts');
  link(root, 'etc/resolv.conf', '../run/weir/resolv.conf');
  link(root, 'etc/localtime', '../usr/share/zoneinfo/Etc/UTC');
  writeFiles(root, {
    // The initrd binds the one of this box over it, from the data partition.
    'etc/machine-id': '',
    'etc/hostname': 'weir\n',
    'etc/hosts': '127.0.0.1 localhost weir\n::1 localhost weir\n',
    'etc/nsswitch.conf':
      'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n',
    'etc/fstab': '',
    'etc/shells': '/bin/sh\n',
    'usr/lib/os-release': osRelease(identity),
    'etc/ssl/certs/ca-certificates.crt': certificates(root),
  });
}

function osRelease({ version, commit, compatible }: RootIdentity): string {
  return [
    'ID=weir',
    'ID_LIKE=debian',
    'NAME=Weir',
    `PRETTY_NAME="Weir ${version}"`,
    `VERSION_ID=${version}`,
    `BUILD_ID=${commit}`,
    `IMAGE_ID=${compatible}`,
    `IMAGE_VERSION=${version}`,
    '',
  ].join('\n');
}

/** All that Debian trusts, in one file, as OpenSSL and Node with `--use-openssl-ca` read it. */
function certificates(root: string): string {
  const folder = join(root, 'usr', 'share', 'ca-certificates');
  return globSync('**/*.crt', { cwd: folder })
    .sort()
    .map((name) => `${readFileSync(join(folder, name), 'utf8').trim()}\n`)
    .join('');
}

/** Writes files, by their paths from the root. */
export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    // A link would be written through, out of the root.
    rmSync(file, { force: true });
    writeFileSync(file, text, { mode: 0o644 });
  }
}

/** A link at `path`; one to busybox only where no package has a program of that name. */
function link(root: string, path: string, target: string): void {
  const file = join(root, path);
  const taken = lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  if (taken && target === 'busybox') return;
  if (taken) rmSync(file);
  mkdirSync(dirname(file), { recursive: true });
  symlinkSync(target, file);
}
