import { systemClock, WeirError } from '#base';
import type { FailingSource, Failure } from './failures.ts';
import type { Load, LoadReport } from './load/index.ts';

/** Viewers of one feed who must not notice more of its source's failure than a pause. */
export interface Audience {
  /** Whoever left unasked. */
  readonly dropped: () => number;
  /** How often the feed's source came back so far. */
  readonly reconnections: () => Promise<number>;
  readonly load: Load;
}

/** What one failure was to the viewers. */
export interface Recovery {
  /** The source was away for so long. */
  readonly awayMs: number;
  /** From the source's return to media at each track of each viewer: not more than this. */
  readonly recoveryMs: readonly number[];
}

const faults = [
  'lost',
  'duplicates',
  'reordered',
  'malformed',
  'ssrcChanges',
  'timeBackwards',
  'byes',
] as const;
/** Packets of each track that must have come after an outage before it counts as over. */
const enoughPackets = 20;
const lookAgainMs = 50;
const longestMs = 30_000;

export interface Expectation {
  readonly viewers: number;
  readonly awayMs: number;
}

/** Lets the source fail and come back; rejects when a viewer noticed more than a pause. */
export async function survive(
  source: FailingSource,
  failure: Failure,
  audience: Audience,
  { viewers, awayMs }: Expectation,
): Promise<Recovery> {
  const { load } = audience;
  const before = await audience.reconnections();
  load.reset();
  const goneMonoNs = systemClock.monoNs();
  await failure.begin(source);
  if (awayMs > 0) await systemClock.sleep(awayMs);
  await failure.end(source);
  const backMonoNs = systemClock.monoNs();
  const realAwayMs = Number(backMonoNs - goneMonoNs) / 1e6;

  await until('the source is back', async () => (await audience.reconnections()) > before);
  const atReturn = await load.report();
  const report = await until('media at all viewers', async () => {
    const now = await load.report();
    return flows(now, atReturn) ? now : undefined;
  });
  mustBeContinuous(report, audience, viewers);
  // The pause began with the failure or up to a picture before: the outage is never taken for longer than it was.
  const recoveryMs = report.viewers.flatMap(({ tracks }) =>
    tracks.map(({ longestGapNs }) => Math.max(0, longestGapNs / 1e6 - realAwayMs)),
  );
  return { awayMs: realAwayMs, recoveryMs };
}

/** Every track of every viewer has got more since `atReturn`. */
export function flows(now: LoadReport, atReturn?: LoadReport): boolean {
  const had = new Map(
    atReturn?.viewers.flatMap(({ viewer, tracks }) =>
      tracks.map(({ track, packets }) => [`${viewer} ${track}`, packets] as const),
    ),
  );
  return now.viewers.every(({ viewer, tracks }) =>
    tracks.every(({ track, packets }) => packets >= (had.get(`${viewer} ${track}`) ?? 0) + enoughPackets),
  );
}

function mustBeContinuous(report: LoadReport, audience: Audience, viewers: number): void {
  const dropped = audience.dropped();
  if (dropped > 0) throw violated('viewers were dropped', { dropped });
  if (report.viewers.length !== viewers)
    throw violated('viewers are missing', { viewers: report.viewers.length });
  for (const fault of faults) {
    if (report.totals[fault] === 0) continue;
    const track = report.viewers.flatMap(({ tracks }) => tracks).find((one) => one[fault] > 0);
    throw violated(`packets ${fault}`, {
      [fault]: report.totals[fault],
      viewer: track?.viewer ?? -1,
      track: track?.track ?? -1,
    });
  }
}

export async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = systemClock.nowMs() + longestMs; ; ) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (systemClock.nowMs() > end) throw violated(`not within ${longestMs / 1000} s: ${what}`, {});
    await systemClock.sleep(lookAgainMs);
  }
}

/** Viewers noticed what they must not notice. */
export const violated = (what: string, fields: Record<string, string | number>): WeirError =>
  new WeirError('COMMAND_FAILED', `violated: ${what}`, { fields });
