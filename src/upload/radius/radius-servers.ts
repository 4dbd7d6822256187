import { type Clock, type Closeable, describeError, type Log, WeirError } from '#base';
import type { Attribute } from './attributes.ts';
import type { RadiusLink } from './radius-link.ts';

/** How long a server that has failed is not asked first (RFC 5080 s.2.2.1 leaves it to the client). */
const restNs = 60_000_000_000n;

/** A primary server and its backups: the first one that is not resting is asked, then those behind it. */
export class RadiusServers implements Closeable {
  readonly #links: readonly RadiusLink[];
  readonly #restingUntil = new Map<RadiusLink, bigint>();
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(options: { links: readonly RadiusLink[]; clock: Clock; log: Log }) {
    this.#links = options.links;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** How many requests any of them carries at a time. */
  get window(): number {
    return Math.min(...this.#links.map(({ window }) => window));
  }

  /** Resolves once one of them has answered; rejects with what the last one said. */
  async request(attributes: readonly Attribute[]): Promise<void> {
    let failure: unknown = new WeirError('UPLOAD_FAILED', 'no RADIUS server is configured');
    for (const link of this.#inOrder()) {
      try {
        await link.request(attributes);
        this.#restingUntil.delete(link);
        return;
      } catch (error) {
        failure = error;
        if (!this.#restingUntil.has(link)) {
          this.#log.warn('RADIUS server failed', { server: link.server, error: describeError(error) });
        }
        this.#restingUntil.set(link, this.#clock.monoNs() + restNs);
      }
    }
    throw failure;
  }

  #inOrder(): readonly RadiusLink[] {
    const now = this.#clock.monoNs();
    const rests = (link: RadiusLink) => (this.#restingUntil.get(link) ?? 0n) > now;
    return [...this.#links.filter((link) => !rests(link)), ...this.#links.filter(rests)];
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
