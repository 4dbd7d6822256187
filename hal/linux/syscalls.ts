/** The few system calls Node has no function for. The only importer of syscall-napi. */
import { WeirError } from '#base';

/** ioctl(2) that sets close-on-exec, asm-generic; syscall-napi has no number for fcntl(2). */
const FIOCLEX = 0x5451n;
/** struct timex of a 64-bit kernel (adjtimex(2)): its size, and where `status` is. */
const timexBytes = 208;
const timexStatusAt = 40;
const STA_UNSYNC = 0x40;
const AF_UNIX = 1;
const SOCK_DGRAM = 2n;
const SOCK_CLOEXEC = 0o2000000n;
const MSG_DONTWAIT = 0x40n;
const MSG_NOSIGNAL = 0x4000n;
/** struct sockaddr_un: the family, then at most 108 bytes of path. */
const pathBytes = 108;

export interface Syscalls {
  /** Keeps `fd` out of child processes. */
  closeOnExec(fd: number): void;
  /** setsockopt(2) with an int; false when the kernel or our rights refuse. */
  setSocketOption(fd: number, level: number, option: number, value: number): boolean;
  /** adjtimex(2), read only: whoever keeps the clock (chrony, ntpd, systemd-timesyncd) clears STA_UNSYNC. */
  clockSynchronised(): boolean;
  /** One datagram to a Unix socket, `@name` where it is an abstract one (unix(7)); false when it could not be sent at once. */
  sendDatagram(path: string, bytes: Buffer): boolean;
}

/** Rejects with DATAPATH_NOT_BUILT when the addon has not been compiled yet. */
export async function openSyscalls(): Promise<Syscalls> {
  const { default: native } = await import('syscall-napi').catch(notBuilt);
  return {
    closeOnExec: (fd) => {
      native.syscall.sync(native.__NR_ioctl, BigInt(fd), FIOCLEX);
    },
    setSocketOption: (fd, level, option, value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      try {
        native.syscall.sync(
          native.__NR_setsockopt,
          BigInt(fd),
          BigInt(level),
          BigInt(option),
          bytes,
          BigInt(bytes.length),
        );
        return true;
      } catch {
        return false;
      }
    },
    sendDatagram: (path, bytes) => {
      const address = unixAddress(path);
      if (!address) return false;
      let fd: bigint | undefined;
      try {
        fd = native.syscall.sync(native.__NR_socket, BigInt(AF_UNIX), SOCK_DGRAM | SOCK_CLOEXEC, 0n);
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        const length = BigInt(bytes.length);
        native.syscall.sync(native.__NR_sendto, fd, bytes, length, flags, address, BigInt(address.length));
        return true;
      } catch {
        return false;
      } finally {
        if (fd !== undefined) native.syscall.sync(native.__NR_close, fd);
      }
    },
    clockSynchronised: () => {
      const timex = Buffer.alloc(timexBytes);
      try {
        native.syscall.sync(native.__NR_adjtimex, timex);
      } catch {
        return false;
      }
      return (timex.readInt32LE(timexStatusAt) & STA_UNSYNC) === 0;
    },
  };
}

/** Undefined when the path is longer than the kernel takes. */
function unixAddress(path: string): Buffer | undefined {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > pathBytes) return undefined;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX); // Both machines that Weir runs on are little-endian.
  return Buffer.concat([family, name]);
}

/** What a failed import of an addon means: `npm ci` does not compile them, `npm run prestart` does. */
export function notBuilt(cause: unknown): never {
  throw new WeirError('DATAPATH_NOT_BUILT', 'the addons node-netlink needs are not built', {
    advice: 'run: npm run prestart',
    cause,
  });
}
