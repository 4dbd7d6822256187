import { type ErrorCode, type ErrorFields, isWeirError, WeirError } from '#base';
import type { Reads } from '../database/reads.ts';
import type { Writes } from '../database/writes.ts';
import type { DeviceIdentity, LeftOpenSession, StoreHealth, UntrustedTimes } from '../face.ts';

/** What the worker is started with. */
export type WorkerTask =
  | { readonly mode: 'read'; readonly folder: string }
  | ({ readonly mode: 'keep' } & KeeperOptions);

export interface KeeperOptions {
  readonly folder: string;
  readonly bootId: string;
  readonly startGroupMs: number;
  readonly endGroupMs: number;
  readonly ballastBytes: number;
  readonly watchMs: number;
  readonly anchorDeliveries: readonly string[];
}

/** All calls: name to function. Arguments and results are cloned from thread to thread. */
export interface Calls extends Reads, Writes {
  close(): void;
}
export type CallName = keyof Calls;

export interface Request {
  readonly id: number;
  readonly name: CallName;
  readonly argument: unknown;
}

export interface Opened {
  readonly device: DeviceIdentity;
  readonly bootEpoch: number;
  readonly leftOpen: ReadonlyArray<Omit<LeftOpenSession, 'facts'> & { readonly facts: string }>;
  readonly untrustedTimes: UntrustedTimes | undefined;
}

/** What the worker tells. */
export type Notice =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'refused'; readonly error: PlainError }
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError }
  | { readonly kind: 'health'; readonly health: StoreHealth }
  | {
      readonly kind: 'alarm';
      readonly name: StorageAlarm;
      readonly severity: 'minor' | 'major' | 'critical';
      readonly text: string;
    }
  | { readonly kind: 'clear'; readonly name: StorageAlarm }
  | { readonly kind: 'log'; readonly event: string; readonly fields: ErrorFields };

export type StorageAlarm = 'storage.nearlyFull' | 'storage.full' | 'storage.failed' | 'storage.damaged';

/** An error of ours as it goes from thread to thread. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: ErrorFields;
  readonly advice: string | undefined;
}

export function toPlain(error: unknown): PlainError {
  if (isWeirError(error)) {
    const { code, message, fields, advice } = error;
    return { code, message, fields, advice };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'STORAGE_FAILED', message: text, fields: {}, advice: undefined };
}

export function fromPlain({ code, message, fields, advice }: PlainError): WeirError {
  return new WeirError(code, message, advice === undefined ? { fields } : { fields, advice });
}
