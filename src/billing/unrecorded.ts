import { type Alarms, describeError, type Log } from '#base';
import type { Config } from '../config/index.ts';
import type { Admitted } from '../session/index.ts';

/** What becomes of sessions that cannot be recorded, as `billing.whenFull` says: refused, or relayed and counted. */
export class Unrecorded {
  readonly #config: () => Config['billing'];
  readonly #alarms: Alarms;
  readonly #log: Log;
  #sessions = 0;

  constructor(options: { config: () => Config['billing']; alarms: Alarms; log: Log }) {
    this.#config = options.config;
    this.#alarms = options.alarms;
    this.#log = options.log;
  }

  /** How many sessions were relayed without a record since the box runs. */
  get sessions(): number {
    return this.#sessions;
  }

  get mayBeRelayed(): boolean {
    return this.#config().whenFull === 'relay-unbilled';
  }

  /** Whether a viewer may come although what it gets cannot be recorded. `why`: what keeps it from being so. */
  admit(why: string): Admitted {
    if (this.mayBeRelayed) return { admitted: true };
    const text = `new viewers are refused: ${why}`;
    this.#alarms.raise({ name: 'billing.refusing', severity: 'critical', text });
    return { admitted: false, why: 'not-admitted', text };
  }

  /** The start of a session was not recorded, and it goes on nevertheless; throws `error` when it may not. */
  relay(sessionId: string, error: unknown): void {
    if (!this.mayBeRelayed) throw error;
    this.#sessions += 1;
    this.#log.error('session is relayed without a record', { sessionId, error: describeError(error) });
    this.#alarms.raise({
      name: 'billing.unbilled',
      severity: 'critical',
      text: 'sessions are relayed without a record',
    });
  }

  /** Sessions are recorded again. */
  over(): void {
    this.#alarms.clear('billing.refusing');
    this.#alarms.clear('billing.unbilled');
  }
}
