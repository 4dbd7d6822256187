import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export const alarmSeverities = ['minor', 'major', 'critical'] as const;
export type AlarmSeverity = (typeof alarmSeverities)[number];

/** A lasting condition an operator must know of: raised once, cleared once, kept and shown. */
export interface Alarm {
  /** What is wrong, as a stable dotted name: `interception.changed`. */
  readonly name: string;
  /** What it concerns: a NIC, an origin, a file; empty when the box itself. */
  readonly subject: string;
  readonly severity: AlarmSeverity;
  readonly text: string;
  readonly raisedAt: number;
  readonly clearedAt: number | undefined;
  /** How often it was raised while it stood. */
  readonly count: number;
}

/** The alarms of the box: those that stand, and the last ones that ended. */
export class Alarms {
  readonly #standing = new Map<string, Alarm>();
  readonly #ended: Alarm[] = [];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #keepEnded: number;

  constructor(options: { clock: Clock; log: Log; keepEnded?: number }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#keepEnded = options.keepEnded ?? 200;
  }

  /** Raises the alarm, or counts it once more when it stands already. */
  raise(alarm: { name: string; subject?: string; severity: AlarmSeverity; text: string }): void {
    const subject = alarm.subject ?? '';
    const key = keyOf(alarm.name, subject);
    const before = this.#standing.get(key);
    this.#standing.set(key, {
      ...alarm,
      subject,
      raisedAt: before?.raisedAt ?? this.#clock.nowMs(),
      clearedAt: undefined,
      count: (before?.count ?? 0) + 1,
    });
    if (!before) {
      const { name, severity, text } = alarm;
      this.#log.error('alarm raised', { alarm: name, subject, severity, text });
    }
  }

  /** Clears the alarm; clearing one that does not stand is nothing. */
  clear(name: string, subject = ''): void {
    const key = keyOf(name, subject);
    const alarm = this.#standing.get(key);
    if (!alarm) return;
    this.#standing.delete(key);
    this.#ended.unshift({ ...alarm, clearedAt: this.#clock.nowMs() });
    this.#ended.length = Math.min(this.#ended.length, this.#keepEnded);
    this.#log.info('alarm cleared', { alarm: name, subject });
  }

  /** The alarms that stand, oldest first. */
  standing(): readonly Alarm[] {
    return [...this.#standing.values()];
  }

  /** The last alarms that ended, newest first. */
  ended(): readonly Alarm[] {
    return this.#ended;
  }
}

const keyOf = (name: string, subject: string): string => `${name}\n${subject}`;
