import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { systemClock, WeirError } from '#base';
import type { Kernel } from './kernel.ts';

const program = 'qemu-system-x86_64';
export type Accelerator = 'kvm' | 'tcg';

/** A kernel that runs says so at once. */
const signOfLifeMs = 5_000;

/**
 * KVM where a kernel really starts under it, which the device being there does not tell (nested virtualisation may lack what
 * QEMU needs); else emulation.
 */
export async function findAccelerator(kernel: Kernel): Promise<Accelerator> {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  const parameters = ['console=ttyS0', 'earlyprintk=ttyS0', 'panic=-1'];
  const args = ['-m', '256', '-kernel', kernel.image, '-append', parameters.join(' ')];
  const child = start('kvm', args, 'pipe');
  const lives = Promise.withResolvers<Accelerator>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('Linux version')) lives.resolve('kvm');
  });
  child.on('error', () => lives.resolve('tcg'));
  child.on('exit', () => lives.resolve('tcg'));
  using _ = systemClock.after(signOfLifeMs, () => lives.resolve('tcg'));
  try {
    return await lives.promise;
  } finally {
    child.kill('SIGKILL');
  }
}

export interface GuestOptions {
  readonly kernel: Kernel;
  readonly initramfs: string;
  readonly accelerator: Accelerator;
  /** The data disk, raw; written on. */
  readonly disk: string;
  /** Where every write and flush of the disk is logged; must be empty. */
  readonly log: string;
  /** Becomes the environment of the guest's first process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where its console goes. */
  readonly console: string;
  readonly timeoutMs: number;
}

/** Runs a guest until it switches itself off. The disk tells it that it has a volatile write cache. */
export async function runGuest(options: GuestOptions): Promise<void> {
  const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
  const console = openSync(options.console, 'w');
  const args = [
    ...['-m', '1024', '-smp', '2', '-kernel', options.kernel.image, '-initrd', options.initramfs],
    ...['-append', ['console=ttyS0', 'panic=-1', 'quiet', ...environment].join(' ')],
    // The host need not really flush: what counts is what the log says.
    ...['-blockdev', blockdev('file', 'disk', { filename: options.disk, 'cache.no-flush': 'on' })],
    ...['-blockdev', blockdev('file', 'log', { filename: options.log, 'cache.no-flush': 'on' })],
    ...[
      '-blockdev',
      blockdev('blklogwrites', 'logged', { file: 'disk', log: 'log', 'log-sector-size': '512' }),
    ],
    ...['-device', 'virtio-blk-pci,drive=logged,write-cache=on,discard=off,write-zeroes=off'],
  ];
  const child = start(options.accelerator, args, console);
  const ended = Promise.withResolvers<void>();
  child.on('error', (cause) =>
    ended.reject(new WeirError('MISSING_PROGRAM', `${program} does not run`, { cause })),
  );
  child.on('close', (status, signal) => {
    if (status === 0) ended.resolve();
    else ended.reject(new WeirError('COMMAND_FAILED', `${program} ended with ${status ?? signal}`));
  });
  using _ = systemClock.after(options.timeoutMs, () => child.kill('SIGKILL'));
  try {
    await ended.promise;
  } finally {
    closeSync(console);
  }
}

const blockdev = (driver: string, name: string, more: Readonly<Record<string, string>>): string =>
  Object.entries({ driver, 'node-name': name, ...more })
    .map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)
    .join(',');

/** `output`: where its console and its complaints go. */
function start(accelerator: Accelerator, args: readonly string[], output: 'pipe' | number): ChildProcess {
  const machine = ['-accel', accelerator, '-cpu', 'max', '-nodefaults', '-no-reboot'];
  const quiet = ['-display', 'none', '-serial', 'stdio'];
  return spawn(program, [...machine, ...quiet, ...args], { stdio: ['ignore', output, output] });
}
