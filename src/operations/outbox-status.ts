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
}

export interface OutboxStatus {
  readonly destinations: readonly DestinationStatus[];
}

/** What is waiting, for whom, since when, why. */
export async function outboxStatus({ outbox }: StoreReader): Promise<OutboxStatus> {
  const summary = await outbox.summary();
  return {
    destinations: summary.map(({ waitingSince, quarantineReason, ...counts }) => ({
      ...counts,
      waitingSince: waitingSince === undefined ? null : new Date(waitingSince).toISOString(),
      quarantineReason: quarantineReason ?? null,
    })),
  };
}
