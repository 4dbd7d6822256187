import type { AnchorBody } from '../chain.ts';
import type { ClockCorrection, CounterSample, Settlement, StoredEntry } from '../face.ts';
import { toStored } from './entry-row.ts';
import type { LedgerFile } from './ledger-file.ts';
import type { Run } from './run-table.ts';
import type { SessionFacts } from './session-table.ts';

/** How many entries one transaction removes: a start that waits behind it waits for some milliseconds. */
const removeAtOnce = 2_000;

/** A session's end, its record as the text that will be signed. */
export interface EndFacts {
  readonly sessionId: string;
  readonly endedAt: number;
  readonly clockTrusted: boolean;
  readonly body: string;
  readonly deliveries: readonly string[];
}

/** What may go, by trusted wall clock, and who is told that it went. */
export interface RetentionLimits {
  readonly before: number;
  readonly at: number;
  readonly deliveries: readonly string[];
}

/**
 * What can be asked to be written: argument and result. Each runs inside a transaction, shared with others, and refuses
 * before it has changed anything.
 */
export interface Writes {
  start(session: SessionFacts): void;
  checkpoint(checkpoint: { monoNs: bigint; samples: readonly CounterSample[] }): void;
  finish(end: EndFacts): StoredEntry;
  correctClock(correction: ClockCorrection & { at: number; deliveries: readonly string[] }): StoredEntry;
  settle(settled: { destination: string; settlements: readonly Settlement[] }): void;
  requeue(destination: string): number;
  abandon(destination: string): number;
  /** How many went, and whether more could. */
  retain(limits: RetentionLimits): { removed: number; more: boolean };
}

export function writesOn(file: LedgerFile, run: Run): Writes {
  return {
    start: (session) => file.sessions.start(session, run.run),
    checkpoint: ({ monoNs, samples }) => {
      for (const sample of samples) file.sessions.checkpoint(sample);
      file.runs.alive(run.run, monoNs);
    },
    finish: (end) => finish(file, run, end),
    correctClock: ({ bootEpoch, offsetMs, at, deliveries }) => {
      const entry = file.append({
        kind: 'clock',
        body: JSON.stringify({ bootEpoch, offsetMs }),
        bootEpoch: run.bootEpoch,
        at,
        clockTrusted: true,
        destinations: deliveries,
      });
      file.entries.correct({ bootEpoch, offsetMs });
      return toStored(entry);
    },
    settle: ({ destination, settlements }) => {
      for (const settlement of settlements) file.deliveries.settle(destination, settlement);
    },
    requeue: (destination) => file.deliveries.requeue(destination),
    abandon: (destination) => file.deliveries.abandon(destination),
    retain: (limits) => retain(file, run, limits),
  };
}

function finish(file: LedgerFile, run: Run, end: EndFacts): StoredEntry {
  const { sessionId, deliveries } = end;
  const earlier = file.entries.ofSession(sessionId);
  const session = file.sessions.end(sessionId);
  if (earlier !== undefined) return toStored(earlier);
  const begun = session === undefined ? run : file.runs.of(session.run);
  const entry = file.append({
    kind: 'usage',
    body: end.body,
    bootEpoch: begun?.bootEpoch ?? run.bootEpoch,
    at: end.endedAt,
    clockTrusted: end.clockTrusted,
    sessionId,
    destinations: deliveries,
  });
  return toStored(entry);
}

function retain(
  file: LedgerFile,
  run: Run,
  { before, at, deliveries }: RetentionLimits,
): { removed: number; more: boolean } {
  const first = file.entries.next(0);
  const head = file.entries.head();
  if (first === undefined || head === undefined) return { removed: 0, more: false };
  const bound = Math.min(first + removeAtOnce - 1, head.sequence - 1);
  const kept = [file.entries.firstNotBefore(before, bound), file.deliveries.firstNeeded()];
  const last = file.entries.headAt(Math.min(bound, ...kept.map((sequence) => (sequence ?? bound + 1) - 1)));
  // A chain of nothing but anchors would otherwise grow by one anchor for each that goes.
  if (last === undefined || file.entries.isAllAnchors(last.sequence)) return { removed: 0, more: false };
  const removed = file.entries.removeTo(last.sequence);
  file.deliveries.forgetUnconfirmed(last.sequence);
  const anchor: AnchorBody = { reason: 'retention', last, missing: [] };
  file.appendAnchor(anchor, { bootEpoch: run.bootEpoch, at, clockTrusted: true, destinations: deliveries });
  return { removed, more: last.sequence === bound };
}
