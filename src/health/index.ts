export { BoardChecks } from './board-checks.ts';
export { Heartbeat } from './heartbeat.ts';
export { LeaseWatch } from './lease-watch.ts';
export { ProofOfHealth } from './proof-of-health.ts';
export { ResetButton, type ResetButtonListener } from './reset-button.ts';
export { type BoxCondition, patternOf, StatusLight } from './status-light.ts';
export { Watchdog } from './watchdog.ts';
