export { abandonDeliveries, type OutboxOrder, requeueDeliveries } from './outbox-orders.ts';
export {
  type DestinationState,
  type DestinationStatus,
  type OutboxStatus,
  outboxStatus,
} from './outbox-status.ts';
export {
  type CorrectedTimes,
  type ExportedEntry,
  type ExportHeader,
  exportEntries,
  exportHeader,
  type RecordRow,
  type RecordsQuery,
  recordRows,
} from './records.ts';
export {
  endpointText,
  type FeedStatus,
  feedStatus,
  type NicStatus,
  nicStatus,
  type RelayStatus,
  type ViewerStatus,
  viewerStatus,
} from './relay-status.ts';
export { type Verification, verifyRecords } from './verify-records.ts';
