export { type BilledSessionStatus, type BillingStatus, billingStatus } from './billing-status.ts';
export {
  type InterfaceStatus,
  type InterfacesStatus,
  interfacesStatus,
  linkedInterfaces,
  type RouteStatus,
  routeStatus,
} from './interfaces-status.ts';
export { type LogLine, LogRing } from './log-ring.ts';
export { abandonDeliveries, type OutboxOrder, requeueDeliveries } from './outbox-orders.ts';
export {
  type DestinationState,
  type DestinationStatus,
  type OutboxStatus,
  outboxStatus,
} from './outbox-status.ts';
export {
  type PingResult,
  type PingWish,
  ping,
  type Running,
  type TracerouteResult,
  type TracerouteWish,
  traceroute,
} from './probe.ts';
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
  fanOutStatus,
  feedStatus,
  type NicStatus,
  nicStatus,
  type RelayStatus,
  type ViewerStatus,
  viewerStatus,
} from './relay-status.ts';
export { requestSystem, requestUpload, type SystemRequest, systemRequests } from './requests.ts';
export { SavedConfigurations } from './saved-configurations.ts';
export {
  clearViewer,
  type FeedsStatus,
  feedsStatus,
  type ViewerRate,
  ViewerRates,
  type ViewersStatus,
  viewersStatus,
} from './sessions-status.ts';
export { type StorageStatus, storageStatus } from './storage-status.ts';
export { type BundleParts, type SupportBundle, writeSupportBundle } from './support-bundle.ts';
export {
  type ClockStatus,
  clockStatus,
  type SystemStatus,
  systemStatus,
  type VersionStatus,
  versionStatus,
} from './system-status.ts';
export {
  type RelayTest,
  type TestParts,
  type TestStep,
  type TestStepName,
  type TestWish,
  testRelay,
} from './test-relay.ts';
export { told } from './told.ts';
export type { SlotName, SlotStatus, UpdateStatus } from './update-status.ts';
export {
  type ActivateOrder,
  type InstallOptions,
  type InstallProgress,
  type ResetOrder,
  Updates,
} from './updates.ts';
export { type Verification, verifyRecords } from './verify-records.ts';
