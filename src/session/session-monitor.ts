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
import { RecentOrigins } from './recent-origins.ts';
import type { OpenFeed } from './shared-feed.ts';
import { Viewer } from './viewer.ts';

const farewellMs = 2000;
const sweepMs = 1000;
const keptEndedViewers = 1000;

/** Limits and times, as the configuration has them now. */
export interface MonitorLimits {
  readonly maxFeeds: number;
  readonly maxViewers: number;
  readonly lingerMs: number;
  readonly patienceMs: number;
  readonly sessionTimeoutMs: number;
}

/**
 * The seed's session monitor (31): decides who joins which feed, opens one upstream session for the first viewer of a
 * URL and none for the others, and ends what is no longer wanted.
 */
export class SessionMonitor implements Monitor, Closeable {
  readonly viewerEnded: Signal<Viewer>;
  readonly #entries = new Map<string, FeedEntry>();
  readonly #viewers = new Map<string, Viewer>();
  readonly #endedViewers: Viewer[] = [];
  readonly #ownSessions = new Map<Caller, Map<string, OriginSession>>();
  readonly #privateKeys = new Map<Caller, Set<string>>();
  readonly #recentOrigins = new RecentOrigins();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #openFeed: OpenFeed;
  readonly #openOriginSession: OpenOriginSession;
  readonly #hooks: SessionHooks;
  readonly #limits: () => MonitorLimits;
  readonly #sweeping: Disposable;
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
    this.#openOriginSession = options.openOriginSession;
    this.#hooks = options.hooks;
    this.#limits = options.limits;
    this.viewerEnded = new Signal((error) =>
      this.#log.error('listener failed', { error: describeError(error) }),
    );
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
    if (this.#viewers.size >= this.#limits().maxViewers) {
      return refused({ why: 'not-admitted', text: `already ${this.#viewers.size} viewers` });
    }
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
    if (!admission.admitted) return refused({ why: 'not-admitted', text: admission.text });
    const { feed } = entry;
    if (feed === undefined || entry.closing || this.#closing) return refused({ why: 'ended' });
    const viewer = new Viewer({
      facts,
      caller,
      entry,
      presentation: feed.presentation,
      clock: this.#clock,
      log: this.#log,
      hooks: this.#hooks,
      ownSession: () => this.#takeOwnSession(caller, entry.key),
      left: (one) => this.#viewerLeft(one),
    });
    this.#viewers.set(viewer.sessionId, viewer);
    entry.viewers.add(viewer);
    entry.notInterested(caller);
    return done(viewer);
  }

  async forget(caller: Caller): Promise<void> {
    const own = [...this.#viewers.values()].filter((viewer) => viewer.caller === caller);
    await Promise.all(own.map((viewer) => viewer.end(TerminateCause.lostCarrier)));
    for (const session of this.#ownSessions.get(caller)?.values() ?? []) void session.close();
    this.#ownSessions.delete(caller);
    this.#privateKeys.delete(caller);
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
  endedViewers(): readonly Viewer[] {
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
    await Promise.all([...this.#entries.values()].map((entry) => this.#closeEntry(entry)));
    const own = [...this.#ownSessions.values()].flatMap((sessions) => [...sessions.values()]);
    this.#ownSessions.clear();
    await Promise.all(own.map((session) => session.close()));
  }

  /** The entry with an open feed that this caller may be served from; opens and proves as needed. */
  async #find(caller: Caller, target: Target, proof: Proof): Promise<Outcome<FeedEntry>> {
    const sharedKey = entryKey(caller.origin, target);
    for (;;) {
      if (this.#closing) return refused({ why: 'ended' });
      const key = this.#privateKeys.get(caller)?.has(sharedKey) ? privateKey(sharedKey, caller) : sharedKey;
      const entry = this.#entries.get(key) ?? this.#addEntry(key, caller, target);
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
    if (this.#entries.size >= this.#limits().maxFeeds) return undefined;
    const entry = new FeedEntry({
      key,
      target,
      origin: caller.origin,
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
    const session = this.#ownSession(caller, entry);
    try {
      const described = await session.describe(proof);
      if (!described.ok) {
        if (isPersonal(described.refusal)) return { attempt: { kind: 'personal' }, outcome: described };
        this.#dropOwnSession(caller, entry.key);
        return { attempt: { kind: 'failed', outcome: described }, outcome: described };
      }
      this.#takeOwnSession(caller, entry.key);
      const home = this.#homeOf(entry, caller, target, described.value);
      if (home === undefined) {
        await session.close();
        return { attempt: { kind: 'personal' }, outcome: tooManyFeeds };
      }
      await this.#settle(home, caller, session, described.value, proof);
      return { attempt: { kind: home === entry ? 'opened' : 'personal' }, outcome: done(undefined) };
    } catch (error) {
      this.#log.error('feed could not be opened', { url: entry.url, error: describeError(error) });
      await session.close();
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
    const feed = await this.#openFeed({ url: home.url, origin: home.origin, session, presentation });
    home.feed = feed;
    home.challenged = session.challenged || proof.authorization !== undefined;
    home.proven.add(caller);
    home.interested(caller);
    if (!feed.signsItself) home.drive(caller);
    feed.ended.on(({ text }) => void this.#feedEnded(home, text));
    this.#recentOrigins.add(home.origin);
    this.#log.info('feed opened', {
      url: home.url,
      origin: `${home.origin.address} ${home.origin.port}`,
      tracks: presentation.tracks.length,
      shared: home.owner === undefined,
    });
  }

  /** A further viewer of a protected feed: the origin itself says whether it may, on a connection without media. */
  async #prove(entry: FeedEntry, caller: Caller, proof: Proof): Promise<Outcome<void>> {
    const described = await this.#ownSession(caller, entry).describe(proof);
    if (described.ok) {
      entry.proven.add(caller);
      return done(undefined);
    }
    if (described.refusal.why !== 'origin') this.#dropOwnSession(caller, entry.key);
    return described;
  }

  /** The caller's own origin connection: a nonce may be bound to it, so challenge and proof share it. */
  #ownSession(caller: Caller, entry: FeedEntry): OriginSession {
    const sessions = this.#ownSessions.get(caller) ?? new Map<string, OriginSession>();
    this.#ownSessions.set(caller, sessions);
    const existing = sessions.get(entry.key);
    if (existing) return existing;
    const session = this.#openOriginSession(entry.origin, entry.url);
    sessions.set(entry.key, session);
    return session;
  }

  #takeOwnSession(caller: Caller, key: string): OriginSession | undefined {
    const sessions = this.#ownSessions.get(caller);
    const session = sessions?.get(key);
    sessions?.delete(key);
    return session;
  }

  #dropOwnSession(caller: Caller, key: string): void {
    void this.#takeOwnSession(caller, key)?.close();
  }

  /** Once the feed plays, a proof's connection has served its purpose. */
  #closeOwnUnlessDriving(caller: Caller, entry: FeedEntry): void {
    if (entry.feed?.playing || entry.feed?.signsItself) this.#dropOwnSession(caller, entry.key);
  }

  async #viewerLeft(viewer: Viewer): Promise<void> {
    const { entry } = viewer;
    this.#viewers.delete(viewer.sessionId);
    this.#endedViewers.push(viewer);
    if (this.#endedViewers.length > keptEndedViewers) this.#endedViewers.shift();
    entry.viewers.delete(viewer);
    entry.giveUp(viewer.caller);
    this.viewerEnded.emit(viewer);
    if (this.#closing || (entry.deserted && this.#limits().lingerMs === 0)) await this.#closeEntry(entry);
  }

  async #feedEnded(entry: FeedEntry, text: string): Promise<void> {
    this.#log.warn('upstream ended', { url: entry.url, text });
    for (const starter of entry.viewers) {
      if (starter instanceof Viewer) void starter.end(TerminateCause.lostService);
    }
    await this.#closeEntry(entry);
  }

  #closeEntry(entry: FeedEntry): Promise<void> {
    entry.closing ??= this.#closeEntryNow(entry).finally(() => {
      entry.closing = undefined;
    });
    return entry.closing;
  }

  async #closeEntryNow(entry: FeedEntry): Promise<void> {
    const { feed } = entry;
    if (feed === undefined) return;
    const late = new AbortController();
    const farewell = this.#hooks.farewell.beforeTeardown({ url: entry.url, origin: entry.origin });
    await Promise.race([farewell, this.#clock.sleep(farewellMs, late.signal)])
      .catch((error) => this.#log.warn('farewell failed', { url: entry.url, error: describeError(error) }))
      .finally(() => late.abort());
    entry.feed = undefined;
    this.#entries.delete(entry.key);
    await feed.close();
    this.#log.info('feed closed', { url: entry.url, rxPackets: feed.counters().rxPackets });
  }

  #sweep(): void {
    const now = this.#clock.monoNs();
    const { sessionTimeoutMs } = this.#limits();
    const oldest = now - BigInt(sessionTimeoutMs) * 1_000_000n;
    for (const viewer of this.#viewers.values()) {
      if (viewer.lastAliveMonoNs() < oldest) void viewer.end(TerminateCause.idleTimeout);
    }
    const lingerNs = BigInt(this.#limits().lingerMs) * 1_000_000n;
    for (const entry of this.#entries.values()) {
      if (isSilent(entry, oldest)) void this.#feedEnded(entry, 'nothing comes from the origin any more');
      const since = entry.desertedSince(now);
      if (entry.feed !== undefined && since !== undefined && now - since >= lingerNs)
        void this.#closeEntry(entry);
    }
  }
}

const tooManyFeeds = refused({ why: 'not-admitted', text: 'too many feeds' });

/**
 * Nothing has come since `oldest` from an origin that cannot be asked whether it is there: Weir has no signature for a
 * keep-alive. A source for one viewer alone may be silent because that viewer paused it.
 */
function isSilent({ feed, owner, closing }: FeedEntry, oldest: bigint): boolean {
  if (!feed?.playing || feed.signsItself || owner !== undefined || closing) return false;
  const { lastRxMonoNs } = feed.counters();
  return lastRxMonoNs > 0n && lastRxMonoNs < oldest;
}

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
