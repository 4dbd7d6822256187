export {
  BillingManager,
  type LiveSession,
  type RecordedSession,
  type StartedSession,
} from './billing-manager.ts';
export { type Charge, chargeFor, type Usage } from './charge.ts';
export { RecordIds } from './record-id.ts';
export { Subscribers } from './subscribers.ts';
export { type Tariff, tariffFor } from './tariff.ts';
export { type Terms, TermsBook } from './terms.ts';
export { Unrecorded } from './unrecorded.ts';
export { type SessionFacts, storedFacts, type UsageRecord } from './usage-record.ts';
