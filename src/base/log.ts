import type { ErrorFields } from './weir-error.ts';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Structured log: a short event name, then facts. One JSON object a line. Never a secret in a field. */
export interface Log {
  debug(event: string, fields?: ErrorFields): void;
  info(event: string, fields?: ErrorFields): void;
  warn(event: string, fields?: ErrorFields): void;
  error(event: string, fields?: ErrorFields): void;
  /** The same log with `fields` on every line. */
  with(fields: ErrorFields): Log;
}

/** Writes JSON lines through `write`. Lines below `level()` are dropped before they are built. */
export function createLog(options: {
  write: (line: string) => void;
  level: () => LogLevel;
  nowMs: () => number;
  fields?: ErrorFields;
}): Log {
  const emit = (level: LogLevel, event: string, fields: ErrorFields | undefined) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(options.level())) return;
    const line = { at: new Date(options.nowMs()).toISOString(), level, event, ...options.fields, ...fields };
    options.write(
      `${JSON.stringify(line, (_, value) => (typeof value === 'bigint' ? value.toString() : value))}\n`,
    );
  };
  return {
    debug: (event, fields) => emit('debug', event, fields),
    info: (event, fields) => emit('info', event, fields),
    warn: (event, fields) => emit('warn', event, fields),
    error: (event, fields) => emit('error', event, fields),
    with: (fields) => createLog({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

/** A log that keeps nothing, for callers without one. */
export const silentLog: Log = createLog({ write: () => {}, level: () => 'error', nowMs: () => 0 });
