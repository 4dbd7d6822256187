import type { BillingManager, UsageRecord } from '../billing/index.ts';

/** One session that is being billed, as its record would be if it ended now. */
export interface BilledSessionStatus {
  readonly sessionId: string;
  readonly subscriber: string | null;
  readonly viewer: string;
  readonly mac: string | null;
  readonly url: string;
  readonly tariff: string;
  readonly startedAt: string;
  readonly durationSeconds: number;
  readonly txBytes: string;
  readonly txPackets: string;
  readonly amount: string;
  readonly currency: string;
}

export interface BillingStatus {
  /** Sessions that run and whose start is stored. */
  readonly billedSessions: number;
  /** Since Weir runs: relayed without a record (`billing.whenFull`). */
  readonly unbilledSessions: number;
  readonly sessions: readonly BilledSessionStatus[];
  /** Further ones are not told. */
  readonly left: number;
}

const mostSessions = 1000;

export function billingStatus(billing: BillingManager): BillingStatus {
  const live = billing.live();
  return {
    billedSessions: live.length,
    unbilledSessions: billing.unbilledSessions,
    sessions: live.slice(0, mostSessions).map(({ record }) => sessionStatus(record())),
    left: Math.max(0, live.length - mostSessions),
  };
}

function sessionStatus(record: UsageRecord): BilledSessionStatus {
  const { sessionId, subscriber, viewer, mac, url, startedAt, durationMs, charge } = record;
  return {
    sessionId,
    subscriber,
    viewer: viewer.address,
    mac,
    url,
    tariff: charge.tariff,
    startedAt,
    durationSeconds: Math.floor(durationMs / 1000),
    txBytes: record.viewerTxBytes,
    txPackets: record.viewerTxPackets,
    amount: charge.amount,
    currency: charge.currency,
  };
}
