import { type LedgerRecord, meteringGapMs, viewerOf } from '../../storm/books.ts';
import type { StormSession } from '../../storm/viewers-options.ts';

/** A viewer's session as it was when the power went. */
export interface SeenSession {
  readonly viewer: string;
  /** Until the cut, or its end before. */
  readonly bytes: number;
  readonly lastMediaAt: number;
  readonly lately: StormSession['lately'];
  /** It was over before. */
  readonly over: boolean;
  /** All that ever came, with what was on its way. */
  readonly whole: StormSession;
}

/** What a viewer had until then; nothing when its first media came later. */
export function seenBy(session: StormSession, at: number): readonly SeenSession[] {
  const { viewer, firstMediaAt } = session;
  if (firstMediaAt > at) return [];
  if (Math.max(session.endedAt, session.lastMediaAt) <= at) {
    const { bytes, lastMediaAt, lately } = session;
    return [{ viewer, bytes, lastMediaAt, lately, over: true, whole: session }];
  }
  const lately = session.lately.filter(([when]) => when <= at);
  const [lastMediaAt, bytes] = lately.at(-1) ?? [firstMediaAt, 0];
  return [{ viewer, bytes, lastMediaAt, lately, over: false, whole: session }];
}

/** What is billed to a viewer, or will be: by its record, or by what is kept of a session that was cut off. */
export interface Bill {
  readonly viewer: string;
  readonly bytes: number;
  readonly terminateCause: string;
  /** It was cut off, and has what was stored of it last. */
  readonly recovered: boolean;
}

export const billOf = ({ record }: LedgerRecord): Bill => ({
  viewer: viewerOf(record),
  bytes: Number(record.viewerTxBytes),
  terminateCause: record.terminateCause,
  recovered: record.recovered,
});

/** A viewer that got media is billed. */
export function unbilled(sessions: readonly SeenSession[], bills: readonly Bill[]): readonly string[] {
  const billed = new Set(bills.map(({ viewer }) => viewer));
  return sessions
    .filter(({ viewer }) => !billed.has(viewer))
    .map(
      ({ viewer, bytes, over }) =>
        `${viewer} got ${bytes} bytes${over ? '' : ', was cut off'} and has no record`,
    );
}

export interface Account {
  /** What is not as it must be. */
  readonly wrong: readonly string[];
  /** Media of a session that was cut off which is not billed, at most. */
  readonly worstGapMs: number;
}

/** The power went, or Weir had died before. */
const causesOfRecovered: ReadonlySet<string> = new Set(['nas-reboot', 'nas-error']);

/**
 * What each viewer that is billed is billed for: never more than it got; to the byte when its session had an end that is on record;
 * else no more is missing of its last media than `gapMs`.
 */
export function accountOf(
  sessions: readonly SeenSession[],
  bills: readonly Bill[],
  { gapMs }: { readonly gapMs: number },
): Account {
  const byViewer = new Map(bills.map((bill) => [bill.viewer, bill]));
  const wrong: string[] = [];
  let worstGapMs = 0;
  for (const { viewer, over, whole, ...seen } of sessions) {
    const bill = byViewer.get(viewer);
    if (bill === undefined) continue;
    const { bytes, recovered, terminateCause } = bill;
    const both = `${viewer} by ${whole.transport}, ${over ? whole.end : 'cut off'}, ${terminateCause}: billed ${bytes} bytes, got ${seen.bytes} of ${whole.bytes}`;
    if (bytes > whole.bytes) wrong.push(`${both}: too much`);
    else if (recovered) {
      const gap = meteringGapMs(seen, bytes);
      worstGapMs = Math.max(worstGapMs, gap);
      if (gap > gapMs) wrong.push(`${both}: ${gap} ms of its media are missing`);
      if (!causesOfRecovered.has(terminateCause)) wrong.push(`${both}: recovered, with that cause`);
    } else if (bytes < seen.bytes) wrong.push(`${both}: too little`);
  }
  return { wrong, worstGapMs };
}
