import type { Alarm } from '#base';
import type {
  ActivateOrder,
  BillingStatus,
  ClockStatus,
  FeedsStatus,
  InstallOptions,
  InstallProgress,
  InterfacesStatus,
  LogLine,
  OutboxOrder,
  OutboxStatus,
  PingResult,
  PingWish,
  RelayStatus,
  ResetOrder,
  RouteStatus,
  SlotStatus,
  StorageStatus,
  SupportBundle,
  SystemRequest,
  SystemStatus,
  TestStep,
  TestWish,
  TracerouteResult,
  TracerouteWish,
  UpdateStatus,
  VersionStatus,
  ViewerRate,
  ViewersStatus,
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
  version(): Promise<VersionStatus>;
  system(): Promise<SystemStatus>;
  clock(): Promise<ClockStatus>;
  interfaces(): Promise<InterfacesStatus>;
  /** Switches all NICs on first, so that they show their links; takes some seconds. */
  linkedInterfaces(): Promise<InterfacesStatus>;
  routes(): Promise<RouteStatus>;
  storage(): Promise<StorageStatus>;
  billing(): Promise<BillingStatus>;
  feeds(): Promise<FeedsStatus>;
  viewers(): Promise<ViewersStatus>;
  /** The last lines of the log, oldest first. */
  log(count: number): Promise<{ readonly lines: readonly LogLine[] }>;
  /** Each second, until `signal` is aborted. */
  monitorViewers(signal: AbortSignal): AsyncIterable<{ readonly viewers: readonly ViewerRate[] }>;
  /** @throws {WeirError} NO_SUCH_SESSION */
  clearViewer(sessionId: string): Promise<{ readonly sessionId: string }>;
  /** Lines as they come, the result last. @throws {WeirError} USAGE, MISSING_PROGRAM */
  ping(wish: PingWish): AsyncIterable<{ readonly line: string } | { readonly result: PingResult }>;
  traceroute(
    wish: TracerouteWish,
  ): AsyncIterable<{ readonly line: string } | { readonly result: TracerouteResult }>;
  /** Step by step. @throws {WeirError} USAGE; TEST_FAILED after a step that failed. */
  testRelay(wish: TestWish): AsyncIterable<TestStep>;
  requestUpload(): Promise<{ readonly destinations: readonly string[] }>;
  /** @throws {WeirError} NOT_AVAILABLE, VERB_FAILED */
  requestSystem(request: SystemRequest): Promise<{ readonly request: SystemRequest }>;
  /** @throws {WeirError} NOT_AVAILABLE without an LED. */
  identify(): Promise<{ readonly led: string; readonly seconds: number }>;
  supportBundle(order: { readonly print: boolean }): Promise<SupportBundle>;
  /** Names of configurations that were put aside. */
  savedConfigurations(): Promise<readonly string[]>;
  savedConfiguration(name: string): Promise<string>;
  /** With all secrets. */
  saveConfiguration(name: string, text: string): Promise<{ readonly file: string }>;
}
