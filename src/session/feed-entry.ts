import type { Clock } from '#base';
import type { Endpoint } from '#hal';
import type { Caller, OriginSession, Outcome, Proof, Target, TerminateCause } from '../protocol/index.ts';
import { done, refused } from '../protocol/index.ts';
import type { SharedFeed } from './shared-feed.ts';

/** What the entry needs of a viewer that wants the feed to play. */
export interface Starter {
  readonly caller: Caller;
  /** The tracks it set up, each with the signature of its SETUP. */
  readonly setups: ReadonlyMap<number, Proof>;
  /** It has left: nothing is started for it any more. */
  readonly left: boolean;
  end(cause: TerminateCause): Promise<void>;
}

/** How one attempt to open the feed came out. */
export type Attempt =
  | { readonly kind: 'opened' }
  /** The origin refused this viewer (401, 403) or serves it alone: the next one tries for itself. */
  | { readonly kind: 'personal' }
  | { readonly kind: 'failed'; readonly outcome: { readonly ok: false } & Outcome<never> };

/**
 * Everything the box knows about one URL at one origin address: the feed once it is open, who is opening it, whose right
 * to it is proven, and whose signatures drive an upstream that Weir cannot sign for.
 */
export class FeedEntry {
  readonly key: string;
  readonly url: string;
  readonly origin: Endpoint;
  /** Address of the viewer whose request opened it. */
  readonly openedFor: string;
  /** Set: not shared, serves this caller alone. */
  readonly owner: Caller | undefined;
  readonly openedAt: number;
  feed: SharedFeed | undefined;
  /** The origin asks for credentials, or the first viewer sent some unasked: every viewer proves its own right. */
  challenged = false;
  opening: Promise<Attempt> | undefined;
  closing: Promise<void> | undefined;
  /** Callers whose right the origin has confirmed. */
  readonly proven = new Set<Caller>();
  readonly viewers = new Set<Starter>();
  /** Callers that were told of the feed and may join soon; until when, monotonic ns. */
  readonly #interest = new Map<Caller, bigint>();
  #desertedMonoNs: bigint | undefined;
  #driver: { caller: Caller; seenMonoNs: bigint } | undefined;
  #driverChanged = Promise.withResolvers<void>();
  readonly #clock: Clock;
  readonly #patienceMs: () => number;

  constructor(options: {
    key: string;
    target: Target;
    origin: Endpoint;
    openedFor: string;
    owner: Caller | undefined;
    clock: Clock;
    patienceMs: () => number;
  }) {
    this.key = options.key;
    this.url = options.target.url;
    this.origin = options.origin;
    this.openedFor = options.openedFor;
    this.owner = options.owner;
    this.#clock = options.clock;
    this.#patienceMs = options.patienceMs;
    this.openedAt = options.clock.nowMs();
  }

  /** May this caller be served from the feed without asking the origin again? */
  mayServe(caller: Caller): boolean {
    return this.feed !== undefined && (!this.challenged || this.proven.has(caller));
  }

  /** The caller was told of the feed: it stays open for it a while. */
  interested(caller: Caller): void {
    this.#interest.set(caller, this.#clock.monoNs() + BigInt(this.#patienceMs()) * 1_000_000n);
  }

  /** The caller has joined, or will not. */
  notInterested(caller: Caller): void {
    this.#interest.delete(caller);
  }

  /** Nobody watches and nobody is about to. */
  get deserted(): boolean {
    const now = this.#clock.monoNs();
    for (const [caller, until] of this.#interest) if (until <= now) this.#interest.delete(caller);
    return this.viewers.size === 0 && this.#interest.size === 0 && this.opening === undefined;
  }

  /** Since when it has been deserted, as far as earlier calls saw it; undefined: it is not. */
  desertedSince(nowMonoNs: bigint): bigint | undefined {
    this.#desertedMonoNs = this.deserted ? (this.#desertedMonoNs ?? nowMonoNs) : undefined;
    return this.#desertedMonoNs;
  }

  /** The viewer whose signatures drive the upstream spoke. The first one to prove itself takes the place. */
  drive(caller: Caller): void {
    if (this.#driver === undefined || this.#driver.caller === caller) {
      this.#driver = { caller, seenMonoNs: this.#clock.monoNs() };
    }
  }

  drivenBy(caller: Caller): boolean {
    return this.#driver?.caller === caller;
  }

  /** The driver is gone or failed: the next one waiting takes over. */
  giveUp(caller: Caller): void {
    if (this.#driver?.caller !== caller) return;
    this.#driver = undefined;
    this.#changed();
  }

  #changed(): void {
    this.#driverChanged.resolve();
    this.#driverChanged = Promise.withResolvers<void>();
  }

  /**
   * Brings the upstream to playing for `starter`. Where only a viewer's signatures move it, the driver's are used;
   * others wait for it, and take its place when it fails, leaves, or says nothing for the patience.
   * `ownSession` gives the origin session on which `starter` proved itself, to take over with.
   */
  async start(
    starter: Starter,
    request: { range: string | undefined; proof: Proof },
    ownSession: () => OriginSession | undefined,
  ): Promise<Outcome<void>> {
    for (;;) {
      const feed = this.feed;
      if (feed === undefined || starter.left) return refused({ why: 'ended' });
      if (feed.playing) return this.#completeTracks(feed, starter);
      if (await this.mayMove(starter.caller, ownSession)) {
        const outcome = await this.#startNow(feed, starter, request);
        if (!outcome.ok) this.giveUp(starter.caller);
        else this.#changed();
        return outcome;
      }
      if (this.#driver) await this.#waitForDriver(this.#driver);
    }
  }

  /**
   * May this caller's requests move the upstream? Where only a viewer's signatures do, it must be the driver: whoever asks
   * first while there is none takes the place, with the origin connection on which it proved itself.
   */
  async mayMove(caller: Caller, ownSession: () => OriginSession | undefined): Promise<boolean> {
    const { feed } = this;
    if (feed === undefined) return false;
    const vacant = this.#driver === undefined;
    this.drive(caller);
    if (feed.signsItself || feed.playing) return true;
    if (vacant) {
      const own = ownSession();
      if (own !== undefined) await feed.useSession(own);
    }
    return this.drivenBy(caller);
  }

  async #waitForDriver(driver: { caller: Caller; seenMonoNs: bigint }): Promise<void> {
    const silentMs = Number((this.#clock.monoNs() - driver.seenMonoNs) / 1_000_000n);
    const left = this.#patienceMs() - silentMs;
    if (left <= 0) return this.giveUp(driver.caller);
    const waiting = new AbortController();
    try {
      await Promise.race([this.#driverChanged.promise, this.#clock.sleep(left, waiting.signal)]);
    } finally {
      waiting.abort();
    }
  }

  async #startNow(
    feed: SharedFeed,
    starter: Starter,
    request: { range: string | undefined; proof: Proof },
  ): Promise<Outcome<void>> {
    for (const [track, proof] of starter.setups) {
      const outcome = await feed.setup(track, signature(proof));
      if (!outcome.ok) return outcome;
    }
    if (feed.signsItself) {
      // Later viewers may want tracks the first one left out; most origins refuse SETUP once they play.
      for (const { index } of feed.presentation.tracks) {
        if (!starter.setups.has(index)) await feed.setup(index, undefined);
      }
    }
    return feed.play(request.range, signature(request.proof));
  }

  async #completeTracks(feed: SharedFeed, starter: Starter): Promise<Outcome<void>> {
    for (const [track, proof] of starter.setups) {
      const outcome = await feed.setup(track, feed.signsItself ? undefined : signature(proof));
      if (!outcome.ok) return outcome;
    }
    return done(undefined);
  }
}

/** A proof without credentials proves nothing: Weir's own request serves as well. */
const signature = (proof: Proof): Proof | undefined =>
  proof.authorization === undefined ? undefined : proof;
