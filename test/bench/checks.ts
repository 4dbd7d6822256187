import { isWeirError, WeirError } from '#base';
import type { NicReport, TrackReport } from './load/index.ts';
import { feed } from './scene.ts';

/** Why what was measured says nothing. */
export const notMeasured = (why: string, fields: Record<string, string | number | boolean>): WeirError =>
  new WeirError('COMMAND_FAILED', `not measured: ${why}`, { fields });

/** The machine had no time for the source: what it sent then is not the trace that was to be measured. */
const heldUp = (why: string, fields: Record<string, number>): WeirError =>
  new WeirError('TIMED_OUT', `not measured: ${why}`, {
    fields,
    advice: 'run it again when the machine is quiet',
  });

const mostRepeats = 3;

/** Measures again, a few times, when the source was held up. Packets that are lost are no reason to look away. */
export async function whileOnTime<T>(measure: () => Promise<T>, onRepeat: (why: string) => void): Promise<T> {
  for (let repeats = 0; ; repeats++) {
    try {
      return await measure();
    } catch (error) {
      if (!isWeirError(error, 'TIMED_OUT') || repeats === mostRepeats) throw error;
      onRepeat(error.describe());
    }
  }
}

const faults = [
  'lost',
  'duplicates',
  'reordered',
  'malformed',
  'foreign',
  'ssrcChanges',
  'timeBackwards',
] as const;
/** Between two packets of the source; its pictures are 40 ms apart. */
const longestPauseNs = 500e6;
/** Of the feed's rate: a measurement begins and ends somewhere between two pictures, of which one in a second is large. */
const rateTolerance = 0.25;

/** What every receiver must have got: all packets, once, in order, and without a pause. */
export function mustBeWhole(tracks: readonly TrackReport[], what: string): void {
  for (const track of tracks) {
    const { viewer, longestGapNs } = track;
    for (const fault of faults) {
      if (track[fault] > 0) throw notMeasured(`${what}: packets ${fault}`, { viewer, [fault]: track[fault] });
    }
    if (track.packets === 0) throw notMeasured(`${what}: nothing came`, { viewer });
    if (longestGapNs > longestPauseNs) {
      throw heldUp(`${what}: the source paused`, { viewer, ms: Math.round(longestGapNs / 1e6) });
    }
  }
}

/** All packets of the window to all `viewers` were seen where they leave and where they come in: none is missing in its figures. */
export function mustHaveSeenAll(report: NicReport, viewers: number, what: string): void {
  const { addresses, fewest, most, unstamped, early } = report;
  if (addresses === viewers && fewest === most && unstamped === 0 && early === 0) return;
  const fields = { viewers, addresses, fewest, most, unstamped, early };
  throw notMeasured(`${what}: the clock at the NIC has not seen every packet of every viewer`, fields);
}

/** `bytes` of the feed came to one place in so many seconds. */
export function mustBeOnTime(
  bytes: number,
  seconds: number,
  what: string,
  rate: number = feed.bitsPerSecond,
): void {
  const bitsPerSecond = Math.round((bytes * 8) / seconds);
  if (Math.abs(bitsPerSecond / rate - 1) < rateTolerance) return;
  throw heldUp(`${what}: the source is not at its rate`, { bitsPerSecond });
}
