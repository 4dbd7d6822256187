export { type Alarm, type AlarmSeverity, Alarms, alarmSeverities } from './alarm.ts';
export { type Clock, systemClock } from './clock.ts';
export { type Closeable, CloseStack } from './closeable.ts';
export { createLog, type Log, type LogLevel, logLevels, silentLog } from './log.ts';
export { Signal } from './signal.ts';
export { Turn } from './turn.ts';
export { weirVersion } from './version.ts';
export {
  describeError,
  type ErrorCode,
  type ErrorFields,
  errorCodes,
  isWeirError,
  WeirError,
} from './weir-error.ts';
export { within } from './within.ts';
