import type { FanoutCase } from './fanout-cases.ts';
import type { LoopCost } from './fanout-loop.ts';
import type { WeirCost } from './fanout-weir.ts';
import { type Spread, spreadOf, spreadText } from './figures.ts';
import { below, type Goal } from './report.ts';

/** Weir, then the loops, one after the other with the same trace. */
export interface FanoutRound {
  readonly weir: WeirCost;
  /** By UDP with segmentation offload (`gso`), by TCP one send a tick (`tick`). */
  readonly batched: LoopCost;
  /** By UDP only: one sendto for each packet and viewer. */
  readonly single: LoopCost | undefined;
}

/** CPU time for one packet to one viewer; the ratios are those within a round. */
export interface FanoutRow extends FanoutCase {
  readonly engineNs: Spread;
  readonly processNs: Spread;
  readonly batchedNs: Spread;
  readonly singleNs: Spread | undefined;
  readonly engineToBatched: Spread;
  readonly engineToSingle: Spread | undefined;
  /** Of one processor, for 1 Gbit/s of RTP delivered. */
  readonly enginePercentPerGbit: Spread;
  readonly processPercentPerGbit: Spread;
  readonly batchedPercentPerGbit: Spread;
  readonly packetsAtOnce: Spread;
  /** Rounds of what had no time left: it delivered late. */
  readonly saturated: { readonly weir: boolean; readonly batched: boolean; readonly single: boolean };
}

const goalRatio = 1.2;
const goalViewers = 100;

export const fanoutHead: readonly string[] = [
  ...['viewers', 'offload', 'threads', 'engine ns', 'process ns', 'C batched ns', 'C single ns'],
  ...['engine / batched', 'engine / single'],
  ...['engine %/Gbit', 'process %/Gbit', 'C batched %/Gbit', 'packets at once'],
];

export function fanoutRow(which: FanoutCase, rounds: readonly FanoutRound[]): FanoutRow {
  const spread = (value: (round: FanoutRound) => number) => spreadOf(rounds.map(value));
  const perGbit = (ns: (round: FanoutRound) => number) =>
    spread((round) => (100 * ns(round)) / (8 * round.weir.meanBytes));
  const singles = rounds.flatMap(({ weir, single }) => (single ? [{ weir, single }] : []));
  return {
    ...which,
    engineNs: spread(({ weir }) => weir.engineNs),
    processNs: spread(({ weir }) => weir.processNs),
    batchedNs: spread(({ batched }) => batched.cpuNs),
    singleNs: singles.length > 0 ? spreadOf(singles.map(({ single }) => single.cpuNs)) : undefined,
    engineToBatched: spread(({ weir, batched }) => weir.engineNs / batched.cpuNs),
    engineToSingle:
      singles.length > 0
        ? spreadOf(singles.map(({ weir, single }) => weir.engineNs / single.cpuNs))
        : undefined,
    enginePercentPerGbit: perGbit(({ weir }) => weir.engineNs),
    processPercentPerGbit: perGbit(({ weir }) => weir.processNs),
    batchedPercentPerGbit: perGbit(({ batched }) => batched.cpuNs),
    packetsAtOnce: spread(({ batched }) => batched.packetsAtOnce),
    saturated: {
      weir: rounds.some(({ weir }) => weir.saturated),
      batched: rounds.some(({ batched }) => batched.saturated),
      single: singles.some(({ single }) => single.saturated),
    },
  };
}

/** `*` marks what had no time left. */
export function fanoutCells(row: FanoutRow): readonly string[] {
  const { saturated } = row;
  const text = (spread: Spread | undefined, digits: number, late = false) =>
    spread ? `${spreadText(spread, digits)}${late ? '*' : ''}` : '-';
  return [
    ...[`${row.viewers} ${row.transport}`, row.offload ? 'on' : 'off', String(row.threads)],
    text(row.engineNs, 0, saturated.weir),
    text(row.processNs, 0, saturated.weir),
    text(row.batchedNs, 0, saturated.batched),
    text(row.singleNs, 0, saturated.single),
    text(row.engineToBatched, 2),
    text(row.engineToSingle, 2),
    text(row.enginePercentPerGbit, 2),
    text(row.processPercentPerGbit, 2),
    text(row.batchedPercentPerGbit, 2),
    text(row.packetsAtOnce, 1),
  ];
}

/** Those that count: the NIC segments, and there are many viewers. */
export function fanoutGoals({
  transport,
  offload,
  viewers,
  threads,
  engineToBatched,
}: FanoutRow): readonly Goal[] {
  if (!offload || viewers < goalViewers) return [];
  const loop = transport === 'udp' ? 'C GSO' : 'C loop';
  const what = `engine / ${loop}, ${viewers} viewers by ${transport.toUpperCase()}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return [below(what, engineToBatched.median, goalRatio, '')];
}
