import type { ChainHead, ClockCorrection, DestinationSummary, EntryPage, EntryQuery } from '../face.ts';
import { DeliveryState, type DeliveryTable } from './delivery-table.ts';
import type { EntryTable } from './entry-table.ts';

export interface DeliveryQuery {
  readonly destination: string;
  readonly after?: number;
  readonly limit?: number;
}

/** What can be read, by the daemon and beside it. Each call is bounded and leaves no statement open. */
export interface Reads {
  entries(query: EntryQuery): EntryPage;
  head(): ChainHead | undefined;
  corrections(): readonly ClockCorrection[];
  waiting(query: DeliveryQuery): EntryPage;
  quarantined(query: DeliveryQuery): EntryPage;
  summary(): readonly DestinationSummary[];
}

export function readsOn({ entries, deliveries }: { entries: EntryTable; deliveries: DeliveryTable }): Reads {
  return {
    entries: (query) => entries.page(query),
    head: () => entries.head(),
    corrections: () => entries.corrections(),
    waiting: ({ destination, ...query }) => deliveries.page(destination, DeliveryState.waiting, query),
    quarantined: ({ destination, ...query }) =>
      deliveries.page(destination, DeliveryState.quarantined, query),
    summary: () => deliveries.summary(),
  };
}
