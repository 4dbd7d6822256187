import type { StoreReader } from '#storage';

/** What one destination has not acknowledged yet. */
export interface DestinationStatus {
  readonly destination: string;
  readonly waiting: number;
  /** The end of the oldest session that waits; null when none does. */
  readonly waitingSince: string | null;
  /** Told, but the destination never said that it has them. */
  readonly unconfirmed: number;
  /** Refused by the destination; they wait for a person. */
  readonly quarantined: number;
  readonly quarantineReason: string | null;
  /** Since when nothing gets through, and why, as the running daemon knows it; null: it gets through, or no daemon runs. */
  readonly failingSince: string | null;
  readonly lastError: string | null;
}

/** What a running daemon knows of a destination beside the outbox. */
export interface DestinationState {
  readonly name: string;
  readonly failingSince: number | undefined;
  readonly lastError: string | undefined;
}

export interface OutboxStatus {
  readonly destinations: readonly DestinationStatus[];
}

/** What is waiting, for whom, since when, why. */
export async function outboxStatus(
  { outbox }: StoreReader,
  states: readonly DestinationState[] = [],
): Promise<OutboxStatus> {
  const summary = await outbox.summary();
  // One that nothing was made for yet: whether it can be reached is asked before that.
  const idle = states
    .filter(({ name }) => !summary.some(({ destination }) => destination === name))
    .map(({ name }) => ({ destination: name, ...nothing }));
  return {
    destinations: [...summary, ...idle].map(({ waitingSince, quarantineReason, ...counts }) => {
      const state = states.find(({ name }) => name === counts.destination);
      return {
        ...counts,
        waitingSince: moment(waitingSince),
        quarantineReason: quarantineReason ?? null,
        failingSince: moment(state?.failingSince),
        lastError: state?.lastError ?? null,
      };
    }),
  };
}

const nothing = {
  waiting: 0,
  waitingSince: undefined,
  unconfirmed: 0,
  quarantined: 0,
  quarantineReason: undefined,
};

const moment = (at: number | undefined): string | null =>
  at === undefined ? null : new Date(at).toISOString();
