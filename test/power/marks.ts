/**
 * How the guest tells what the store has promised: each promise is written, the moment it is given, past the end of the
 * file system on the same disk, without a flush. So it stands in the disk's log behind all that the store had written for
 * it: a power cut after the mark must leave what was promised.
 */
export type Mark =
  | { readonly kind: 'opened'; readonly run: number; readonly device: string; readonly bootEpoch: number }
  | { readonly kind: 'started'; readonly session: string }
  /** A checkpoint is stored: the counter of each of `sessions` that is still open is at least `bytes`. */
  | { readonly kind: 'metered'; readonly sessions: readonly string[]; readonly bytes: number }
  | { readonly kind: 'recorded'; readonly session: string; readonly sequence: number; readonly hash: string }
  /** Told before it is asked for: from now on they may be settled. */
  | { readonly kind: 'settling'; readonly destination: string; readonly deliveries: readonly Delivered[] }
  | { readonly kind: 'settled'; readonly destination: string; readonly deliveries: readonly Delivered[] }
  /** Told before it is asked for: from now on what is settled everywhere may be removed. */
  | { readonly kind: 'retaining' }
  | { readonly kind: 'ended'; readonly run: number; readonly how: HowEnded };

export interface Delivered {
  readonly sequence: number;
  readonly session: string;
}

/** How a run of the workload ends: by SIGKILL, or having closed the store. */
export type HowEnded = 'killed' | 'closed';

/** To whom the workload's records are to be delivered. */
export const destinations = ['collector', 'origin'] as const;

/** The disk: a file system, a gap, the place of the marks. */
export const disk = {
  bytes: 80 * 1024 * 1024,
  fileSystemBytes: 64 * 1024 * 1024,
  marksAt: 72 * 1024 * 1024,
} as const;

/** At most so much at once: the guest's disk takes no larger writes, and a mark must be one. */
export const markBytes = 4096;

/** Lines of JSON, filled up with line feeds to whole sectors. */
export function encodeMarks(marks: readonly Mark[]): Buffer {
  const text = Buffer.from(`${marks.map((mark) => JSON.stringify(mark)).join('\n')}\n`);
  if (text.length > markBytes) throw new RangeError(`marks of ${text.length} bytes`);
  const padded = Buffer.alloc(Math.ceil(text.length / 512) * 512, '\n');
  text.copy(padded);
  return padded;
}

export function decodeMarks(bytes: Buffer): readonly Mark[] {
  return bytes
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Mark);
}
