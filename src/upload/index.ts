export type { QueueState } from './destination-queue.ts';
export { chainReceivers } from './make-destination.ts';
export type { OriginTeller } from './origin/origin-notices.ts';
export { Uploads } from './uploads.ts';
