import { systemClock } from '#base';
import type { ScriptedOrigin } from '../../lab/origin-scripted.ts';
import type { Note } from '../../storm/books.ts';
import type { StormCollector } from '../../storm/collector.ts';
import type { StormViewers } from '../../storm/viewers.ts';
import { type SeenSession, seenBy } from './seen-session.ts';

/** How often everybody is asked what he knows. */
const stepMs = 20;

/** What everybody knew at a moment, counted, and behind that: how much of the disk's log there was. */
interface Moment {
  readonly at: number;
  readonly taken: number;
  readonly events: number;
  readonly loggedBytes: number;
}

/** Who saw what the gateway did, from outside. */
export interface Outside {
  readonly collector: StormCollector;
  readonly origin: ScriptedOrigin;
  readonly viewers: StormViewers;
}

/** All that may be asked of a gateway whose power was cut. */
export interface Promised {
  /** Records that the collector, or the origin, has answered for. */
  readonly taken: readonly Note[];
  readonly told: readonly Note[];
  readonly sessions: readonly SeenSession[];
}

/**
 * Remembers what was seen of a gateway. A cut is made in the past, at a position of the log: whatever was seen after it has not
 * happened, and is forgotten.
 */
export class Witnesses implements Disposable {
  readonly #outside: Outside;
  #moments: Moment[] = [];
  #loggedBytes = () => 0;
  /** What there was when this start began. */
  #from = { taken: 0, events: 0, sessions: 0 };
  #past: Promised = { taken: [], told: [], sessions: [] };
  #sampling: Disposable | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  /** The gateway starts, with a disk whose log is so long. */
  begin(disk: { readonly loggedBytes: number }): void {
    const { collector, origin, viewers } = this.#outside;
    this.#moments = [];
    this.#loggedBytes = () => disk.loggedBytes;
    this.#from = {
      taken: collector.taken,
      events: origin.events.length,
      sessions: viewers.sessions.length,
    };
    this.#sampling = systemClock.every(stepMs, () => this.#sample());
  }

  /** Now, as far as everybody has said. */
  get now(): Moment {
    const { collector, origin } = this.#outside;
    const [at, taken, events] = [Date.now(), collector.taken, origin.events.length];
    return { at, taken, events, loggedBytes: this.#loggedBytes() };
  }

  /** All that is still true, and what was seen since this start began; of viewers, those who have left. */
  get all(): Promised {
    return this.#with(this.now);
  }

  /** Waits for what everybody sees. */
  async until(what: string, reached: () => boolean, withinMs: number): Promise<void> {
    if (reached()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (reached()) resolve();
    };
    this.#waiting.add(look);
    using _ = systemClock.after(withinMs, () =>
      reject(new Error(`${what}: not within ${withinMs / 1000} s`)),
    );
    try {
      await promise;
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** The power is off. */
  end(): void {
    this.#sampling?.[Symbol.dispose]();
  }

  /** The last length of the log at which not more had been seen than until `ms` before the last moment. */
  loggedBytesBefore(ms: number): number {
    const end = this.#moments.at(-1)?.at ?? 0;
    return this.#moments.findLast(({ at }) => at <= end - ms)?.loggedBytes ?? 0;
  }

  /** What had been seen when there was so much of the log. */
  promisedAt(loggedBytes: number): Promised {
    const moment = this.#moments.findLast((one) => one.loggedBytes <= loggedBytes);
    return moment ? this.#with(moment) : this.#past;
  }

  /** The cut was there: nothing else is true from now on. */
  forgetAllBut(promised: Promised): void {
    this.#past = promised;
  }

  #with(moment: Moment): Promised {
    const { collector, origin, viewers } = this.#outside;
    const { taken, events, sessions } = this.#from;
    const seen = viewers.sessions.slice(sessions).flatMap((session) => seenBy(session, moment.at));
    return {
      taken: [...this.#past.taken, ...collector.notes().slice(taken, moment.taken)],
      told: [...this.#past.told, ...notices(origin, events, moment.events)],
      sessions: [...this.#past.sessions, ...seen],
    };
  }

  #sample(): void {
    const last = this.#moments.at(-1);
    const { now } = this;
    this.#moments.push(now);
    if (last?.taken !== now.taken || last.events !== now.events) for (const look of this.#waiting) look();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** What the gateway told the origin about its viewers. */
function notices(origin: ScriptedOrigin, from: number, to: number): readonly Note[] {
  return origin.events.slice(from, to).flatMap((told) => {
    if (told.event !== 'request' || told.method !== 'SET_PARAMETER' || told.body === '') return [];
    return [{ ...JSON.parse(told.body), answered: told.status === 200 } as Note];
  });
}
