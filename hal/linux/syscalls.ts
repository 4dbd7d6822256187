/** The few system calls Node has no function for. The only importer of syscall-napi. */
import { WeirError } from '#base';

/** ioctl(2) that sets close-on-exec, asm-generic; syscall-napi has no number for fcntl(2). */
const FIOCLEX = 0x5451n;
/** struct timex of a 64-bit kernel (adjtimex(2)): its size, and where `status` is. */
const timexBytes = 208;
const timexStatusAt = 40;
const STA_UNSYNC = 0x40;

export interface Syscalls {
  /** Keeps `fd` out of child processes. */
  closeOnExec(fd: number): void;
  /** setsockopt(2) with an int; false when the kernel or our rights refuse. */
  setSocketOption(fd: number, level: number, option: number, value: number): boolean;
  /** adjtimex(2), read only: whoever keeps the clock (chrony, ntpd, systemd-timesyncd) clears STA_UNSYNC. */
  clockSynchronised(): boolean;
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

/** What a failed import of an addon means: `npm ci` does not compile them, `npm run prestart` does. */
export function notBuilt(cause: unknown): never {
  throw new WeirError('DATAPATH_NOT_BUILT', 'the addons node-netlink needs are not built', {
    advice: 'run: npm run prestart',
    cause,
  });
}
