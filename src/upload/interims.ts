import type { Clock } from '#base';
import type { LiveSession } from '../billing/index.ts';
import type { Destination } from './destination.ts';

/** Sessions are looked at so often; each is told of on its own time, so that a thousand do not speak at once. */
const tickMs = 1000;

/** Tells one destination of each running session every so many seconds after its start. Nothing is stored. */
export class Interims implements Disposable {
  readonly #everySeconds: number;
  readonly #destination: Pick<Destination, 'interim'>;
  readonly #live: () => readonly LiveSession[];
  /** How many periods of each session were told of. */
  readonly #told = new Map<string, number>();
  readonly #clock: Clock;
  readonly #ticking: Disposable | undefined;

  constructor(options: {
    /** 0: never. */
    everySeconds: number;
    destination: Pick<Destination, 'interim'>;
    live: () => readonly LiveSession[];
    clock: Clock;
  }) {
    this.#everySeconds = options.everySeconds;
    this.#destination = options.destination;
    this.#live = options.live;
    this.#clock = options.clock;
    if (options.everySeconds > 0) this.#ticking = options.clock.every(tickMs, () => this.#tick());
  }

  #tick(): void {
    const running = new Set<string>();
    const nowNs = this.#clock.monoNs();
    const periodNs = BigInt(this.#everySeconds) * 1_000_000_000n;
    for (const { sessionId, startedMonoNs, record } of this.#live()) {
      running.add(sessionId);
      const periods = Number((nowNs - startedMonoNs) / periodNs);
      if (periods <= (this.#told.get(sessionId) ?? 0)) continue;
      this.#told.set(sessionId, periods);
      this.#destination.interim(record());
    }
    for (const sessionId of this.#told.keys()) if (!running.has(sessionId)) this.#told.delete(sessionId);
  }

  [Symbol.dispose](): void {
    this.#ticking?.[Symbol.dispose]();
  }
}
