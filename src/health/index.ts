export { BoardChecks } from './board-checks.ts';
export { Heartbeat } from './heartbeat.ts';
export { LeaseWatch } from './lease-watch.ts';
export { ProofOfHealth } from './proof-of-health.ts';
export { Watchdog } from './watchdog.ts';
