import type { Alarm } from '#base';
import type {
  ActivateOrder,
  InstallOptions,
  InstallProgress,
  OutboxOrder,
  OutboxStatus,
  RelayStatus,
  ResetOrder,
  SlotStatus,
  UpdateStatus,
} from '../operations/index.ts';

/** The alarms of the box: those that stand, and the last ones that ended. */
export interface AlarmsStatus {
  readonly standing: readonly Alarm[];
  readonly ended: readonly Alarm[];
}

/**
 * All that the commands ask of the box: the typed handlers of `src/operations`, wired where the box is put together. What they
 * return is JSON.
 */
export interface Operations {
  /** @throws {WeirError} NOT_READY while the box is starting, or has no configuration. */
  relay(): Promise<RelayStatus>;
  alarms(): Promise<AlarmsStatus>;
  outbox(): Promise<OutboxStatus>;
  requeue(destination: string): Promise<OutboxOrder>;
  abandon(destination: string): Promise<OutboxOrder>;
  /** @throws {WeirError} NOT_AVAILABLE on a machine that is not a flashed gateway; so do the next three. */
  updateStatus(): Promise<UpdateStatus>;
  installUpdate(order: InstallOptions): AsyncIterable<InstallProgress>;
  activateUpdate(order: ActivateOrder): Promise<SlotStatus>;
  factoryReset(order: ResetOrder): Promise<ResetOrder>;
}
