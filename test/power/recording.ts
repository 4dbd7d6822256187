import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '#base';
import { guestDone } from './guest/initramfs.ts';
import { type GuestOptions, runGuest } from './guest/machine.ts';
import { run } from './guest/program.ts';
import { disk } from './marks.ts';

/** What a guest left behind, in a folder of its own: the disk as it was before it ran, and the log of its writes. */
export interface Recording {
  readonly base: string;
  readonly log: string;
}

export const recordingIn = (folder: string): Recording => ({
  base: join(folder, 'base.img'),
  log: join(folder, 'writes.log'),
});

export interface RecordingOptions extends Pick<GuestOptions, 'kernel' | 'initramfs' | 'accelerator'> {
  readonly runs: number;
  readonly seed: number;
  /** A module that the workload's Node loads first. */
  readonly preload?: string;
}

/** Emulated, and on a busy machine, a run has been seen to take 30 s. */
const longestRunMs = 180_000;

/** Lets a guest run the workload on a fresh file system. */
export async function record(folder: string, options: RecordingOptions): Promise<Recording> {
  const { base, log } = recordingIn(folder);
  const used = join(folder, 'used.img');
  const console = join(folder, 'console.txt');
  writeFileSync(base, '');
  truncateSync(base, disk.bytes);
  await run('mkfs.ext4', ['-q', '-F', '-J', 'size=8', base, `${disk.fileSystemBytes / 1024}k`]);
  copyFileSync(base, used);
  writeFileSync(log, '');
  const { runs, seed, preload, ...guest } = options;
  const environment = {
    RUNS: String(runs),
    SEED: String(seed),
    PRELOAD: preload === undefined ? '' : `--import=${preload}`,
  };
  const timeoutMs = longestRunMs * (runs + 1);
  await runGuest({ ...guest, disk: used, log, console, environment, timeoutMs });
  const said = readFileSync(console, 'utf8');
  if (!said.includes(guestDone)) {
    throw new WeirError('COMMAND_FAILED', `the workload failed in the guest: ${said.trim().slice(-1000)}`);
  }
  return { base, log };
}
