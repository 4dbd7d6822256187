export { Heartbeat } from './heartbeat.ts';
