import { randomUUIDv7 } from 'node:crypto';
import { type Clock, type Closeable, describeError, type Log, Signal } from '#base';
import type { Endpoint } from '#hal';
import {
  type Caller,
  done,
  type Monitor,
  type OpenOriginSession,
  type OriginSession,
  type Outcome,
  type Presentation,
  type Proof,
  type Refusal,
  refused,
  type Target,
  TerminateCause,
  type ViewerSession,
} from '../protocol/index.ts';
import { type Attempt, FeedEntry } from './feed-entry.ts';
import type { SessionHooks, ViewerFacts } from './hooks.ts';
import { OwnSessions } from './own-sessions.ts';
import { RecentOrigins } from './recent-origins.ts';
import type { OpenFeed } from './shared-feed.ts';
import { Viewer, type ViewerSummary } from './viewer.ts';

const farewellMs = 2000;
const sweepMs = 1000;
const keptEndedViewers = 1000;

/** Limits and times, as the configuration has them now. */
export interface MonitorLimits {
  readonly maxFeeds: number;
  /** Of them, opened for one viewer address. */
  readonly maxFeedsPerAddress: number;
  readonly maxViewers: number;
  readonly lingerMs: number;
  readonly patienceMs: number;
  readonly sessionTimeoutMs: number;
  /** A viewer that stays behind the feed for so long is ended. */
  readonly slowViewerMs: number;
}

/**
 * The seed's session monitor (31): decides who joins which feed, opens one upstream session for the first viewer of a
 * URL and none for the others, and ends what is no longer wanted.
 */
export class SessionMonitor implements Monitor, Closeable {
  /** Sent when a viewer's place in its feed is closed and its counters are final; then, maybe, its feed is closed. */
  readonly viewerEnded: Signal<Viewer>;
  readonly feedOpened: Signal<FeedEntry>;
  readonly #entries = new Map<string, FeedEntry>();
  readonly #viewers = new Map<string, Viewer>();
  readonly #endedViewers: ViewerSummary[] = [];
  readonly #ownSessions: OwnSessions;
  readonly #privateKeys = new WeakMap<Caller, Set<string>>();
  /** Callers whose connection is gone: what is still under way for them leaves nothing behind. */
  readonly #gone = new WeakSet<Caller>();
  readonly #recentOrigins = new RecentOrigins();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #openFeed: OpenFeed;
  readonly #hooks: SessionHooks;
  readonly #limits: () => MonitorLimits;
  readonly #sweeping: Disposable;
  #joining = 0;
  #closing: Promise<void> | undefined;

  constructor(options: {
    clock: Clock;
    log: Log;
    openFeed: OpenFeed;
    openOriginSession: OpenOriginSession;
    hooks: SessionHooks;
    limits: () => MonitorLimits;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#openFeed = options.openFeed;
    this.#ownSessions = new OwnSessions({ ...options, open: options.openOriginSession });
    this.#hooks = options.hooks;
    this.#limits = options.limits;
    const listenerFailed = (error: unknown) =>
      this.#log.error('listener failed', { error: describeError(error) });
    this.viewerEnded = new Signal(listenerFailed);
    this.feedOpened = new Signal(listenerFailed);
    this.#sweeping = options.clock.every(sweepMs, () => this.#sweep());
  }

  async describe(caller: Caller, target: Target, proof: Proof): Promise<Outcome<Presentation>> {
    const found = await this.#find(caller, target, proof);
    if (!found.ok) return found;
    const { feed } = found.value;
    if (feed === undefined) return refused({ why: 'ended' });
    found.value.interested(caller);
    return done(feed.presentation);
  }

  async join(caller: Caller, target: Target, proof: Proof): Promise<Outcome<ViewerSession>> {
    const taken = this.#viewers.size + this.#joining;
    if (taken >= this.#limits().maxViewers) {
      return refused({ why: 'not-admitted', text: `already ${taken} viewers` });
    }
    this.#joining += 1;
    try {
      return await this.#join(caller, target, proof);
    } finally {
      this.#joining -= 1;
    }
  }

  async #join(caller: Caller, target: Target, proof: Proof): Promise<Outcome<ViewerSession>> {
    const found = await this.#find(caller, target, proof);
    if (!found.ok) return found;
    const entry = found.value;
    const facts: ViewerFacts = {
      sessionId: randomUUIDv7(),
      protocol: caller.protocol,
      url: target.url,
      origin: caller.origin,
      viewer: caller.viewer,
      startedAt: this.#clock.nowMs(),
      startedMonoNs: this.#clock.monoNs(),
    };
    entry.interested(caller);
    const admission = await this.#hooks.admission.admit(facts);
    if (!admission.admitted) return refused({ why: admission.why, text: admission.text });
    const { feed } = entry;
    if (feed === undefined || entry.closing || this.#isOver(caller)) return refused({ why: 'ended' });
    const viewer = new Viewer({
      facts,
      caller,
      entry,
      presentation: feed.presentation,
      timeoutMs: this.#limits().sessionTimeoutMs,
      clock: this.#clock,
      log: this.#log,
      hooks: this.#hooks,
      ownSession: () => this.#ownSessions.take(caller, entry.key),
      left: (one) => this.#viewerLeft(one),
    });
    this.#viewers.set(viewer.sessionId, viewer);
    entry.viewers.add(viewer);
    entry.notInterested(caller);
    return done(viewer);
  }

  async forget(caller: Caller): Promise<void> {
    this.#gone.add(caller);
    const own = [...this.#viewers.values()].filter((viewer) => viewer.caller === caller);
    await Promise.all(own.map((viewer) => viewer.end(TerminateCause.lostCarrier)));
    this.#ownSessions.forget(caller);
    for (const entry of this.#entries.values()) {
      entry.proven.delete(caller);
      entry.notInterested(caller);
      entry.giveUp(caller);
      if (entry.deserted && entry.feed !== undefined && this.#limits().lingerMs === 0)
        void this.#closeEntry(entry);
    }
  }

  /** Did this address and port serve a feed since the box runs? Then it never goes past the box. */
  hadFeed(origin: Endpoint): boolean {
    return this.#recentOrigins.has(origin);
  }

  /** Ends one viewer's session on an operator's word. False: no such session. */
  async kill(sessionId: string): Promise<boolean> {
    const viewer = this.#viewers.get(sessionId);
    await viewer?.end(TerminateCause.adminReset);
    return viewer !== undefined;
  }

  /** Tells an origin something over the session of a feed from it; undefined: no session, or no answer. */
  async notify(
    url: string,
    origin: Endpoint,
    contentType: string,
    body: Uint8Array,
  ): Promise<number | undefined> {
    const sameOrigin = [...this.#entries.values()].filter(
      (entry) =>
        entry.origin.address === origin.address && entry.origin.port === origin.port && entry.feed?.playing,
    );
    const entry = sameOrigin.find((one) => one.url === url) ?? sameOrigin[0];
    return entry?.feed?.notify(contentType, body);
  }

  feeds(): readonly FeedEntry[] {
    return [...this.#entries.values()].filter(({ feed }) => feed !== undefined);
  }

  viewers(): readonly Viewer[] {
    return [...this.#viewers.values()];
  }

  /** The last sessions that ended, oldest first. */
  endedViewers(): readonly ViewerSummary[] {
    return this.#endedViewers;
  }

  /** Ends every viewer, then every upstream session. */
  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    this.#sweeping[Symbol.dispose]();
    await Promise.all(this.viewers().map((viewer) => viewer.end(TerminateCause.adminReboot)));
    // Feeds that are being opened fail with their connections, or are closed with the others.
    await this.#ownSessions.close();
    await Promise.all([...this.#entries.values()].map(({ opening }) => opening));
    await Promise.all([...this.#entries.values()].map((entry) => this.#closeEntry(entry)));
  }

  /** Nothing more may begin for this caller. */
  #isOver(caller: Caller): boolean {
    return this.#closing !== undefined || this.#gone.has(caller);
  }

  /** The entry with an open feed that this caller may be served from; opens and proves as needed. */
  async #find(caller: Caller, target: Target, proof: Proof): Promise<Outcome<FeedEntry>> {
    const sharedKey = entryKey(caller.origin, target);
    for (;;) {
      if (this.#isOver(caller)) return refused({ why: 'ended' });
      const alone = this.#privateKeys.get(caller)?.has(sharedKey) === true;
      const key = alone ? privateKey(sharedKey, caller) : sharedKey;
      const entry = this.#entries.get(key) ?? this.#addEntry(key, caller, target, alone ? caller : undefined);
      if (entry === undefined) return tooManyFeeds;
      if (entry.closing) {
        await entry.closing;
        continue;
      }
      if (entry.mayServe(caller)) {
        this.#closeOwnUnlessDriving(caller, entry);
        return done(entry);
      }
      if (entry.feed !== undefined) {
        const proven = await this.#prove(entry, caller, proof);
        if (!proven.ok) return proven;
        continue;
      }
      if (entry.opening) {
        const attempt = await entry.opening;
        if (attempt.kind === 'failed') return attempt.outcome;
        continue;
      }
      const result = await this.#open(entry, caller, target, proof);
      if (!result.ok) return result;
    }
  }

  #addEntry(key: string, caller: Caller, target: Target, owner?: Caller): FeedEntry | undefined {
    const { maxFeeds, maxFeedsPerAddress } = this.#limits();
    const { address } = caller.viewer;
    const ofAddress = [...this.#entries.values()].filter(({ openedFor }) => openedFor === address).length;
    if (this.#entries.size >= maxFeeds || ofAddress >= maxFeedsPerAddress) return undefined;
    const entry = new FeedEntry({
      key,
      target,
      origin: caller.origin,
      openedFor: address,
      owner,
      clock: this.#clock,
      patienceMs: () => this.#limits().patienceMs,
    });
    this.#entries.set(key, entry);
    return entry;
  }

  /** One attempt to open the feed with this caller's request; those who wait for it learn how it came out. */
  async #open(entry: FeedEntry, caller: Caller, target: Target, proof: Proof): Promise<Outcome<void>> {
    const { promise, resolve } = Promise.withResolvers<Attempt>();
    entry.opening = promise;
    const { attempt, outcome } = await this.#attempt(entry, caller, target, proof);
    entry.opening = undefined;
    if (entry.feed === undefined) this.#entries.delete(entry.key);
    resolve(attempt);
    return outcome;
  }

  async #attempt(
    entry: FeedEntry,
    caller: Caller,
    target: Target,
    proof: Proof,
  ): Promise<{ attempt: Attempt; outcome: Outcome<void> }> {
    let session: OriginSession | undefined;
    try {
      const described = await this.#ownSessions.describe(caller, entry, proof);
      if (!described.ok) {
        const personal = isPersonal(described.refusal);
        if (!personal || this.#gone.has(caller)) this.#ownSessions.drop(caller, entry.key);
        return {
          attempt: personal ? { kind: 'personal' } : { kind: 'failed', outcome: described },
          outcome: described,
        };
      }
      session = this.#ownSessions.take(caller, entry.key);
      const home = this.#homeOf(entry, caller, target, described.value);
      if (home === undefined || session === undefined) {
        await session?.close();
        return { attempt: { kind: 'personal' }, outcome: session ? tooManyFeeds : refused({ why: 'ended' }) };
      }
      await this.#settle(home, caller, session, described.value, proof);
      return { attempt: { kind: home === entry ? 'opened' : 'personal' }, outcome: done(undefined) };
    } catch (error) {
      this.#log.error('feed could not be opened', { url: entry.url, error: describeError(error) });
      this.#ownSessions.drop(caller, entry.key);
      await session?.close();
      const outcome = refused({ why: 'bad-answer', text: describeError(error) });
      return { attempt: { kind: 'failed', outcome }, outcome };
    }
  }

  /** Where the feed is kept: at the shared place, or, when the source has an end, at one of this caller alone. */
  #homeOf(
    entry: FeedEntry,
    caller: Caller,
    target: Target,
    presentation: Presentation,
  ): FeedEntry | undefined {
    if (presentation.live || entry.owner !== undefined) return entry;
    const keys = this.#privateKeys.get(caller) ?? new Set();
    this.#privateKeys.set(caller, keys.add(entry.key));
    return this.#addEntry(privateKey(entry.key, caller), caller, target, caller);
  }

  async #settle(
    home: FeedEntry,
    caller: Caller,
    session: OriginSession,
    presentation: Presentation,
    proof: Proof,
  ): Promise<void> {
    const feed = await this.#openFeed({ url: home.url, origin: home.origin, session, presentation, proof });
    home.feed = feed;
    home.challenged = session.challenged || proof.authorization !== undefined;
    if (!this.#gone.has(caller)) {
      home.proven.add(caller);
      home.interested(caller);
      if (!feed.signsItself) home.drive(caller);
    }
    feed.ended.on(({ text }) => this.#feedEnded(home, text));
    this.#recentOrigins.add(home.origin);
    this.#log.info('feed opened', {
      url: home.url,
      origin: `${home.origin.address} ${home.origin.port}`,
      tracks: presentation.tracks.length,
      shared: home.owner === undefined,
    });
    this.feedOpened.emit(home);
  }

  /** A further viewer of a protected feed: the origin itself says whether it may, on a connection without media. */
  async #prove(entry: FeedEntry, caller: Caller, proof: Proof): Promise<Outcome<void>> {
    const described = await this.#ownSessions.describe(caller, entry, proof);
    if (this.#gone.has(caller)) {
      this.#ownSessions.drop(caller, entry.key);
      return refused({ why: 'ended' });
    }
    if (described.ok) {
      entry.proven.add(caller);
      return done(undefined);
    }
    if (described.refusal.why !== 'origin') this.#ownSessions.drop(caller, entry.key);
    return described;
  }

  /** Once the feed plays, a proof's connection has served its purpose. */
  #closeOwnUnlessDriving(caller: Caller, entry: FeedEntry): void {
    if (entry.feed?.playing || entry.feed?.signsItself) this.#ownSessions.drop(caller, entry.key);
  }

  #viewerLeft(viewer: Viewer): void {
    const { entry, caller } = viewer;
    this.#viewers.delete(viewer.sessionId);
    this.#endedViewers.push(viewer.summary());
    if (this.#endedViewers.length > keptEndedViewers) this.#endedViewers.shift();
    entry.viewers.delete(viewer);
    entry.giveUp(caller);
    // Its first SETUP was refused: it is where it was after DESCRIBE, and may sign anew.
    if (viewer.setups.size === 0 && !this.#gone.has(caller)) entry.interested(caller);
    this.viewerEnded.emit(viewer);
    if (entry.deserted && this.#limits().lingerMs === 0) void this.#closeEntry(entry);
  }

  #feedEnded(entry: FeedEntry, text: string): void {
    this.#log.warn('upstream ended', { url: entry.url, text });
    void this.#closeEntry(entry);
  }

  /** Ends the feed and whoever is still in it. Nobody joins it any more; who wants it waits, then opens it anew. */
  #closeEntry(entry: FeedEntry): Promise<void> {
    entry.closing ??= Promise.resolve()
      .then(() => this.#closeEntryNow(entry))
      .catch((error) => this.#log.error('feed broke', { url: entry.url, error: describeError(error) }))
      .finally(() => {
        entry.closing = undefined;
      });
    return entry.closing;
  }

  async #closeEntryNow(entry: FeedEntry): Promise<void> {
    const { feed } = entry;
    if (feed === undefined) return;
    await Promise.all([...entry.viewers].map((viewer) => viewer.end(TerminateCause.lostService)));
    await this.#sayFarewell(entry);
    try {
      await feed.close();
    } finally {
      entry.feed = undefined;
      this.#entries.delete(entry.key);
    }
    this.#log.info('feed closed', { url: entry.url, rxPackets: feed.counters().rxPackets });
  }

  async #sayFarewell({ url, origin }: FeedEntry): Promise<void> {
    const late = new AbortController();
    try {
      const farewell = this.#hooks.farewell.beforeTeardown({ url, origin });
      await Promise.race([farewell, this.#clock.sleep(farewellMs, late.signal)]);
    } catch (error) {
      this.#log.warn('farewell failed', { url, error: describeError(error) });
    } finally {
      late.abort();
    }
  }

  #sweep(): void {
    const now = this.#clock.monoNs();
    const { patienceMs, slowViewerMs } = this.#limits();
    for (const viewer of this.#viewers.values()) {
      const { behindSinceMonoNs } = viewer.counters();
      const behindNs = behindSinceMonoNs === 0n ? 0n : now - behindSinceMonoNs;
      const silentNs = now - viewer.lastAliveMonoNs();
      if (silentNs > BigInt(viewer.timeoutMs) * 1_000_000n) void viewer.end(TerminateCause.idleTimeout);
      else if (behindNs > BigInt(slowViewerMs) * 1_000_000n) void viewer.end(TerminateCause.portError);
    }
    // Who waits to take the upstream over needs its connection for that.
    this.#ownSessions.sweep(now - BigInt(patienceMs) * 1_000_000n, (caller, key) =>
      [...(this.#entries.get(key)?.viewers ?? [])].some((viewer) => viewer.caller === caller),
    );
    const lingerNs = BigInt(this.#limits().lingerMs) * 1_000_000n;
    for (const entry of this.#entries.values()) {
      const since = entry.desertedSince(now);
      if (entry.feed !== undefined && since !== undefined && now - since >= lingerNs)
        void this.#closeEntry(entry);
    }
  }
}

const tooManyFeeds = refused({ why: 'not-admitted', text: 'too many feeds' });

/** An answer that concerns the viewer who asked, and nobody else. */
const isPersonal = (refusal: Refusal): boolean =>
  refusal.why === 'origin' && (refusal.answer.status === 401 || refusal.answer.status === 403);

const entryKey = (origin: Endpoint, target: Target): string =>
  `${origin.address} ${origin.port} ${target.key}`;

const callerNumbers = new WeakMap<Caller, number>();
let lastCallerNumber = 0;

/** Key of a feed that serves one caller alone. */
function privateKey(key: string, caller: Caller): string {
  const number = callerNumbers.get(caller) ?? ++lastCallerNumber;
  callerNumbers.set(caller, number);
  return `${key} #${number}`;
}
