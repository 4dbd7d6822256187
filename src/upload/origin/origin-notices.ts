import { type Closeable, describeError, type Log } from '#base';
import type { ClockCorrection, DeliveryOutcome, Outbox, Settlement, StoredEntry } from '#storage';
import { type OutgoingEntry, outgoingEntry, signedEntry } from '../outgoing-entry.ts';

/** An origin, as the records name it. */
export interface OriginAddress {
  readonly address: string;
  readonly port: number;
}

/** The way to an origin: the session that Weir has with it for its media. */
export interface OriginTeller {
  /**
   * Tells the origin something over the session of `url`, or over another one with it (SET_PARAMETER, RFC 2326 s.10.9).
   * The status of its answer; undefined: no session, or no answer.
   */
  notify(
    url: string,
    origin: OriginAddress,
    contentType: string,
    body: Uint8Array,
  ): Promise<number | undefined>;
}

const pageSize = 50;
/** Origins whose state is kept; viewers may name any number of them. */
const maxRemembered = 1000;
/** RFC 2326 s.11.3.2, Parameter Not Understood: a server that hands the body to its application may say so nevertheless. */
const notUnderstood = 451;
/** Method Not Allowed, Not Implemented: this origin takes no notices. */
const deaf: ReadonlySet<number> = new Set([405, 501]);

/** How one origin is being told. */
interface Telling {
  /** Up to here every record was tried over the sessions that stand now. */
  after: number;
  /** It said that it takes no notices. */
  deaf: boolean;
  /** It refused one, and the log has it. */
  refused: boolean;
  running: Promise<void> | undefined;
  again: boolean;
  /** A new session: all that waits is to be tried again. */
  restart: boolean;
}

const originPrefix = 'origin:';

/** Whether a name in the outbox is that of an origin. */
export const isOrigin = (destination: string): boolean => destination.startsWith(originPrefix);

/** The name of an origin in the outbox. */
export function originDestination({ address, port }: OriginAddress): string {
  return address.includes(':') ? `${originPrefix}[${address}]:${port}` : `${originPrefix}${address}:${port}`;
}

/**
 * Tells origins what was delivered for them, each over the session that its media comes by. A record that an origin does
 * not take stays in the outbox and is told again when a next session with that origin begins.
 */
export class OriginNotices implements Closeable {
  readonly #teller: OriginTeller;
  readonly #outbox: Outbox;
  readonly #corrections: () => Promise<readonly ClockCorrection[]>;
  readonly #log: Log;
  readonly #tellings = new Map<string, Telling>();
  #closed = false;

  constructor(options: {
    teller: OriginTeller;
    outbox: Outbox;
    corrections: () => Promise<readonly ClockCorrection[]>;
    log: Log;
  }) {
    this.#teller = options.teller;
    this.#outbox = options.outbox;
    this.#corrections = options.corrections;
    this.#log = options.log;
  }

  /** A session with this origin has begun: all that waits is to be told over it, what was not taken before as well. */
  sessionOpened(origin: OriginAddress): void {
    this.#tellingOf(origin).restart = true;
  }

  /** Media comes over the session: it can carry notices now. */
  sessionPlays(origin: OriginAddress): void {
    if (this.#tellingOf(origin).restart) void this.tell(origin);
  }

  /** Tells this origin what waits for it. Resolves when all of it was tried. */
  tell(origin: OriginAddress): Promise<void> {
    const telling = this.#tellingOf(origin);
    telling.again = true;
    telling.running ??= this.#run(originDestination(origin), origin, telling);
    return telling.running;
  }

  #tellingOf(origin: OriginAddress): Telling {
    const name = originDestination(origin);
    const known = this.#tellings.get(name);
    if (known) return known;
    if (this.#tellings.size >= maxRemembered) this.#forgetOne();
    const telling = {
      after: 0,
      deaf: false,
      refused: false,
      running: undefined,
      again: false,
      restart: false,
    };
    this.#tellings.set(name, telling);
    return telling;
  }

  /** What is forgotten is only how far it was tried: it would be tried once more. */
  #forgetOne(): void {
    for (const [name, { running }] of this.#tellings) {
      if (running !== undefined) continue;
      this.#tellings.delete(name);
      return;
    }
  }

  async #run(name: string, origin: OriginAddress, telling: Telling): Promise<void> {
    // Not over before `tell` knows that it runs.
    await Promise.resolve();
    try {
      while (telling.again && !this.#closed) {
        telling.again = false;
        if (telling.restart)
          Object.assign(telling, { after: 0, deaf: false, refused: false, restart: false });
        if (telling.deaf) return;
        await this.#tellAll(name, origin, telling);
      }
    } catch (error) {
      this.#log.warn('notices could not be read or settled', {
        destination: name,
        error: describeError(error),
      });
    } finally {
      telling.running = undefined;
    }
  }

  async #tellAll(name: string, origin: OriginAddress, telling: Telling): Promise<void> {
    for (let after: number | undefined = telling.after; after !== undefined; ) {
      const page = await this.#outbox.waiting(name, { after, limit: pageSize });
      const settlements: Settlement[] = [];
      try {
        if (!(await this.#tellPage(origin, telling, page.entries, settlements))) return;
      } finally {
        // Together: a commit for each would keep disk and processor busy long after many viewers have left.
        if (settlements.length > 0) await this.#outbox.settle(name, settlements);
      }
      after = page.next;
    }
  }

  /** False when there is no point in going on now. What became of those that were told goes into `settlements`. */
  async #tellPage(
    origin: OriginAddress,
    telling: Telling,
    entries: readonly StoredEntry[],
    settlements: Settlement[],
  ): Promise<boolean> {
    const name = originDestination(origin);
    const corrections = await this.#corrections();
    for (const stored of entries) {
      if (this.#closed) return false;
      const entry = outgoingEntry(stored, corrections);
      const status = await this.#teller.notify(
        // What is of no session goes over any that there is.
        entry.kind === 'usage' ? entry.record.url : '',
        origin,
        'application/json',
        Buffer.from(signedEntry(entry)),
      );
      if (status === undefined) return false;
      if (deaf.has(status)) {
        telling.deaf = true;
        this.#log.info('the origin takes no notices', { destination: name, status });
        return false;
      }
      telling.after = Math.max(telling.after, stored.sequence);
      const { sequence } = entry;
      const outcome = outcomeOf(status);
      if (outcome !== undefined) {
        const reason = outcome === 'acknowledged' ? undefined : `the origin answered ${status}`;
        settlements.push({ sequence, outcome, reason });
      } else if (!telling.refused) {
        // Once a session: an origin may refuse all of the many that wait.
        this.#log.warn('the origin refuses notices', { destination: name, sequence, status });
        telling.refused = true;
      }
    }
    return true;
  }

  /** Notices of what was before `before`, wall clock, are not told any more. Returns how many. */
  async giveUp(before: number): Promise<number> {
    let count = 0;
    for (const { destination, waitingSince } of await this.#outbox.summary()) {
      if (!isOrigin(destination) || waitingSince === undefined) continue;
      count += await this.#giveUpTo(destination, before);
    }
    return count;
  }

  async #giveUpTo(destination: string, before: number): Promise<number> {
    let count = 0;
    for (let after: number | undefined = 0; after !== undefined && !this.#closed; ) {
      const page = await this.#outbox.waiting(destination, { after, limit: pageSize });
      const corrections = await this.#corrections();
      const old = page.entries.filter((stored) => isBefore(outgoingEntry(stored, corrections), before));
      if (old.length === 0) break;
      await this.#outbox.settle(
        destination,
        old.map(({ sequence }) => ({ sequence, outcome: 'unconfirmed', reason: 'given up: never told' })),
      );
      count += old.length;
      after = page.next;
    }
    if (count > 0) this.#log.warn('notices to an origin are given up', { destination, count });
    return count;
  }

  /** What is under way is waited for. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#tellings.values()].map(({ running }) => running));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Undefined: it stays in the outbox. */
function outcomeOf(status: number): DeliveryOutcome | undefined {
  if (status >= 200 && status < 300) return 'acknowledged';
  return status === notUnderstood ? 'unconfirmed' : undefined;
}

/** A time that nobody vouches for makes nothing old. */
function isBefore(entry: OutgoingEntry, before: number): boolean {
  if (entry.kind !== 'usage') return entry.clockTrusted && entry.at < before;
  return entry.times.known && Date.parse(entry.times.endedAt) < before;
}
