import { existsSync, readdirSync } from 'node:fs';

/** What the machine must have: to run Weir, to measure it, to test it, to cut its power, to build its image, to boot that. */
export const setupModes = ['run', 'bench', 'test', 'power', 'image', 'image-test'] as const;
export type SetupMode = (typeof setupModes)[number];

/** A Debian package and what shows, without asking the package manager, that it is there. */
export interface SystemPackage {
  readonly name: string;
  /** Program names, or absolute paths in which one part may be `*`. All must exist. */
  readonly provides: readonly string[];
  /** Its absence stops nothing: what needs it says so and is skipped. */
  readonly optional?: boolean;
}

const libraries = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const plugin = (name: string) => `${libraries}/gstreamer-1.0/libgst${name}.so`;

const toRun: readonly SystemPackage[] = [
  { name: 'g++', provides: ['g++', 'cc'] },
  { name: 'nftables', provides: ['nft'] },
  { name: 'iproute2', provides: ['ip'] },
  { name: 'util-linux', provides: ['flock', 'nsenter', 'setsid', 'unshare'] },
];

const toMeasure: readonly SystemPackage[] = [
  { name: 'ethtool', provides: ['ethtool'] },
  // The relay that Weir is measured beside.
  { name: 'gstreamer1.0-plugins-good', provides: [plugin('rtpmanager')] },
  {
    name: 'gir1.2-gst-rtsp-server-1.0',
    provides: [`${libraries}/girepository-1.0/GstRtspServer-1.0.typelib`],
  },
  { name: 'python3-gi', provides: ['python3', '/usr/lib/python3/dist-packages/gi'] },
  // Who gets records, and the disk they are written to.
  { name: 'openssl', provides: ['openssl'] },
  { name: 'freeradius', provides: ['freeradius', '/etc/freeradius/3.0/mods-config/sql/main/sqlite'] },
  { name: 'mosquitto', provides: ['mosquitto'] },
  { name: 'mosquitto-clients', provides: ['mosquitto_sub'] },
  { name: 'e2fsprogs', provides: ['mkfs.ext4', 'fsck.ext4'] },
  { name: 'mount', provides: ['mount', 'umount'] },
  // Pairs of pseudo-terminals, for serial ports.
  { name: 'socat', provides: ['socat'] },
];

const toTest: readonly SystemPackage[] = [
  { name: 'ffmpeg', provides: ['ffmpeg', 'ffprobe'] },
  { name: 'mpv', provides: ['mpv'] },
  { name: 'gstreamer1.0-tools', provides: ['gst-launch-1.0'] },
  { name: 'gstreamer1.0-plugins-base', provides: [plugin('videotestsrc')] },
  { name: 'gstreamer1.0-plugins-bad', provides: [plugin('videoparsersbad')] },
  { name: 'gstreamer1.0-plugins-ugly', provides: [plugin('x264')] },
  { name: 'gstreamer1.0-libav', provides: [plugin('libav')] },
  { name: 'tshark', provides: ['tshark'] },
  { name: 'tcpdump', provides: ['tcpdump'] },
  // The image's own small programs.
  { name: 'busybox-static', provides: ['busybox'] },
  { name: 'iputils-arping', provides: ['arping'] },
  { name: 'iputils-ping', provides: ['ping'] },
  { name: 'traceroute', provides: ['traceroute'] },
  { name: 'dhcpcd-base', provides: ['dhcpcd'] },
  { name: 'dnsmasq-base', provides: ['dnsmasq'] },
  { name: 'curl', provides: ['curl'] },
  // The boot loader of the image, as a program.
  { name: 'grub-emu', provides: ['grub-emu'] },
  { name: 'grub-common', provides: ['grub-script-check'] },
  // The partitions and file systems it is flashed with.
  { name: 'gdisk', provides: ['sgdisk'] },
  { name: 'fdisk', provides: ['sfdisk'] },
  // Its bundles, and how well its units are fenced in.
  { name: 'rauc', provides: ['rauc'] },
  { name: 'squashfs-tools', provides: ['mksquashfs'] },
  { name: 'systemd', provides: ['systemd-analyze'] },
  { name: 'clang', provides: ['clang', 'clang++'] },
  // Sanitizer and fuzzer runtimes. The unversioned name exists since Debian 12.
  { name: 'libclang-rt-dev', provides: ['/usr/lib/clang/*/lib/linux'], optional: true },
];

const toCutPower: readonly SystemPackage[] = [
  { name: 'qemu-system-x86', provides: ['qemu-system-x86_64'] },
  // The other busybox needs libraries, and calls itself the same.
  { name: 'busybox-static', provides: ['busybox', '/usr/share/doc/busybox-static'] },
  { name: 'e2fsprogs', provides: ['mkfs.ext4', 'e2fsck'] },
];

const toBuildImages: readonly SystemPackage[] = [
  { name: 'apt', provides: ['apt-get', 'apt-cache', 'apt-config'] },
  { name: 'cryptsetup-bin', provides: ['veritysetup'] },
  { name: 'debian-archive-keyring', provides: ['/usr/share/keyrings/debian-archive-keyring.gpg'] },
  { name: 'dosfstools', provides: ['mkfs.vfat'] },
  { name: 'e2fsprogs', provides: ['mkfs.ext4'] },
  { name: 'g++-aarch64-linux-gnu', provides: ['aarch64-linux-gnu-g++', 'aarch64-linux-gnu-gcc'] },
  { name: 'gdisk', provides: ['sgdisk'] },
  { name: 'git', provides: ['git'] },
  { name: 'kmod', provides: ['depmod'] },
  { name: 'mtools', provides: ['mcopy', 'mmd'] },
  { name: 'openssl', provides: ['openssl'] },
  { name: 'rauc', provides: ['rauc'] },
  { name: 'squashfs-tools', provides: ['mksquashfs'] },
  { name: 'xz-utils', provides: ['xz'] },
  { name: 'zstd', provides: ['zstd'] },
];

const toBootImages: readonly SystemPackage[] = [
  { name: 'qemu-system-arm', provides: ['qemu-system-aarch64'] },
  { name: 'qemu-efi-aarch64', provides: ['/usr/share/AAVMF/AAVMF_CODE.fd'] },
  // The firmware of most boards, and what describes them.
  { name: 'u-boot-qemu', provides: ['/usr/lib/u-boot/qemu_arm64/u-boot.bin'] },
  { name: 'device-tree-compiler', provides: ['fdtput', 'fdtget'] },
  // The ROM of virtual NICs, without which they are not made.
  { name: 'ipxe-qemu', provides: ['/usr/lib/ipxe/qemu/efi-virtio.rom'] },
  // The networks it is plugged into.
  { name: 'clang', provides: ['clang'] },
  { name: 'dnsmasq-base', provides: ['dnsmasq'] },
  { name: 'tcpdump', provides: ['tcpdump'] },
];

const packagesFor: Readonly<Record<SetupMode, readonly SystemPackage[]>> = {
  run: toRun,
  bench: [...toRun, ...toMeasure],
  test: [...toRun, ...toMeasure, ...toTest],
  power: [...toRun, ...toCutPower],
  image: [...toRun, ...toBuildImages],
  'image-test': [...toRun, ...toMeasure, ...toBuildImages, ...toBootImages],
};

/** The packages that `mode` wants and of which something is missing. Looks at files only: no process, no network. */
export function missingPackages(mode: SetupMode, wanted = packagesFor[mode]): readonly SystemPackage[] {
  return wanted.filter((entry) => !entry.provides.every(isProvided));
}

/** A user's PATH often lacks the folders of the administrator's programs. */
const programFolders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];

function isProvided(what: string): boolean {
  if (!what.startsWith('/')) return programFolders.some((folder) => existsSync(`${folder}/${what}`));
  const [before, after] = what.split('/*/');
  if (before === undefined || after === undefined) return existsSync(what);
  return existsSync(before) && readdirSync(before).some((name) => existsSync(`${before}/${name}/${after}`));
}

/** The one command that installs `packages`, as typed by an administrator. */
export function installCommand(packages: readonly SystemPackage[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.map((entry) => entry.name).join(' ')}`;
}
