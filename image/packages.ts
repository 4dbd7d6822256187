/** What the image is made of, by names of Debian packages. `packages.lock.json` says which version of each, and what they need. */

/** The Debian release; the archive is the one this machine's apt uses. */
export const suite = 'trixie';
export const architecture = 'arm64';

/** What a package is taken for. */
export const packageUses = ['rootfs', 'kernel', 'loader', 'initrd'] as const;
export type PackageUse = (typeof packageUses)[number];

/** Unpacked in the root filesystem, with what they depend on. */
const rootfs = [
  'base-files',
  'base-passwd',
  'busybox',
  'ca-certificates',
  'coreutils',
  'dash',
  'dbus',
  'dbus-daemon',
  'dhcpcd-base',
  'e2fsprogs',
  'fdisk',
  'iproute2',
  'iputils-ping',
  'kmod',
  'libatomic1', // Node
  'libc-bin',
  'libgcc-s1',
  'libnss-myhostname',
  'libstdc++6',
  'mount',
  'netbase',
  'nftables',
  'procps',
  'rauc',
  'rauc-service',
  'systemd',
  'systemd-sysv',
  'systemd-timesyncd',
  'traceroute',
  'tzdata',
  'udev',
  'util-linux',
];

/** Only what is named, without what it depends on. */
export const wanted: Readonly<Record<PackageUse, readonly string[]>> = {
  rootfs,
  kernel: ['linux-image-arm64'],
  loader: ['grub-efi-arm64-unsigned'],
  initrd: ['busybox-static'],
};

/** What others depend on for their maintainer scripts, which never run here, or for what a gateway has no use for. */
export const unwanted: ReadonlySet<string> = new Set([
  'adduser',
  'dbus-bin',
  'dbus-session-bus-common',
  'debconf',
  'gcc-14-base',
  'init-system-helpers',
  'libaudit-common',
  'libbz2-1.0',
  'libdebconfclient0',
  'libpam-runtime',
  'libsasl2-modules-db',
  'libsemanage-common',
  'libsemanage2',
  'libsepol2',
  'libtirpc-common',
  'login.defs',
  'logsave',
  'mawk',
  'openssl',
  'openssl-provider-legacy',
  'passwd',
  'readline-common',
]);
