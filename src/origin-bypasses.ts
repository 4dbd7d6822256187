import { type Clock, describeError, type Log } from '#base';
import type { Endpoint, Interception } from '#hal';
import { endpointText } from './operations/index.ts';

/** Origins without live streams: for a while new connections to them go past the box. */
export class OriginBypasses {
  readonly #interception: Interception;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Monotonic ends by origin. */
  readonly #ends = new Map<string, bigint>();

  constructor({
    interception,
    clock,
    log,
  }: {
    readonly interception: Interception;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#interception = interception;
    this.#clock = clock;
    this.#log = log;
  }

  begin(origin: Endpoint, seconds: number): void {
    this.#log.info('not live, goes past the box', {
      origin: origin.address,
      port: origin.port,
      bypassSeconds: seconds,
    });
    const now = this.#clock.monoNs();
    for (const [key, end] of this.#ends) if (end <= now) this.#ends.delete(key);
    this.#ends.set(endpointText(origin), now + BigInt(seconds) * 1_000_000_000n);
    this.#interception
      .bypass(origin.address, origin.port, seconds)
      .catch((error) => this.#log.warn('bypass failed', { error: describeError(error) }));
  }

  /** A feed has been opened there after all, on a connection from before the bypass. */
  end(origin: Endpoint): void {
    if (!this.#ends.delete(endpointText(origin))) return;
    this.#interception
      .intercept(origin.address, origin.port)
      .catch((error) => this.#log.warn('bypass not taken back', { error: describeError(error) }));
  }
}
