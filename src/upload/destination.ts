import type { Closeable } from '#base';
import type { UsageRecord } from '../billing/index.ts';
import type { OutgoingEntry } from './outgoing-entry.ts';

/** What became of one record at a destination. */
export type Delivery =
  | { readonly outcome: 'acknowledged' }
  /** It was told and will not be told again, though nobody confirmed that it was kept. */
  | { readonly outcome: 'unconfirmed'; readonly reason: string }
  /** This record is not wanted, and will not be when it is sent again: it is set aside for an operator. */
  | { readonly outcome: 'rejected'; readonly reason: string }
  /** Not now: again after a pause. */
  | { readonly outcome: 'retry'; readonly reason: string };

/** Where records go, and what the chain says beside them: one way of saying it, to one receiver. */
export interface Destination extends Closeable {
  /** As in the configuration and in the outbox: `radius:isp`. */
  readonly name: string;
  /** How many entries one `deliver` takes at most. */
  readonly batch: number;
  /** One answer per entry, in their order. Rejecting is `retry` for all of them. */
  deliver(entries: readonly OutgoingEntry[], signal: AbortSignal): Promise<readonly Delivery[]>;
  /**
   * A session began, or goes on: the record as it would be if it ended now. Best effort, never stored; nothing of a session
   * comes here once its record exists.
   */
  started(record: UsageRecord): void;
  interim(record: UsageRecord): void;
  /** The box ends, and not only the work with this receiver. Before `close`; takes a moment at most. */
  farewell?(): Promise<void>;
}
