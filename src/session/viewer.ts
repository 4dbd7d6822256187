import { type Clock, describeError, isWeirError, type Log, Signal } from '#base';
import type { TrackStart, ViewerCounters, ViewerTrack } from '#hal';
import {
  type Caller,
  done,
  type OriginSession,
  type Outcome,
  type Presentation,
  type Proof,
  refused,
  TerminateCause,
  type ViewerSession,
} from '../protocol/index.ts';
import type { FeedEntry } from './feed-entry.ts';
import type { SessionHooks, ViewerFacts } from './hooks.ts';
import type { FeedViewer } from './shared-feed.ts';
import { nextViewerState, type ViewerEvent, type ViewerState } from './viewer-state.ts';

/** How long a joining viewer may wait for the first packet of a feed that has just begun. */
const firstPacketWaitMs = 1000;
/** How long a viewer of a running feed waits until each of its tracks has a packet to start with. */
const nextPacketWaitMs = 15;

const zeroCounters: ViewerCounters = {
  txPackets: 0n,
  txBytes: 0n,
  txRtcpPackets: 0n,
  droppedPackets: 0n,
  skippedNonReferencePackets: 0n,
  startPointSkips: 0n,
  behindSinceMonoNs: 0n,
  oversizedPackets: 0n,
  rxRtcpPackets: 0n,
  reportedLostPackets: 0n,
  refusals: 0n,
  lastRxMonoNs: 0n,
};

/** What is kept of a viewer for those who look at it: nothing that holds its connection or its feed. */
export interface ViewerSummary {
  readonly sessionId: string;
  readonly facts: ViewerFacts;
  readonly transport: string;
  readonly state: ViewerState;
  readonly outcome: ViewerEnd | undefined;
  counters(): ViewerCounters;
}

/** How a session ended. */
export interface ViewerEnd {
  readonly cause: TerminateCause;
  readonly endedAt: number;
  readonly endedMonoNs: bigint;
}

/** One viewer and its session with the box. */
export class Viewer implements ViewerSession, ViewerSummary {
  readonly facts: ViewerFacts;
  readonly caller: Caller;
  readonly entry: FeedEntry;
  readonly presentation: Presentation;
  readonly timeoutMs: number;
  readonly setups = new Map<number, Proof>();
  readonly ended: Signal<{ readonly cause: TerminateCause }>;
  progressMonoNs: (() => bigint) | undefined;
  #state: ViewerState = 'init';
  #transport = '';
  #path: FeedViewer | undefined;
  #takingIn: Promise<FeedViewer> | undefined;
  #final: ViewerCounters | undefined;
  #end: ViewerEnd | undefined;
  #announced: Promise<void> | undefined;
  /** Media begins as the PLAY before asked for; a further PLAY or a PAUSE comes after it. */
  #beginning: Promise<void> = Promise.resolve();
  #ending: Promise<void> | undefined;
  readonly #stopped = Promise.withResolvers<void>();
  #touchedMonoNs: bigint;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #hooks: SessionHooks;
  readonly #ownSession: () => OriginSession | undefined;
  readonly #left: (viewer: Viewer) => void;

  constructor(options: {
    facts: ViewerFacts;
    caller: Caller;
    entry: FeedEntry;
    presentation: Presentation;
    clock: Clock;
    log: Log;
    timeoutMs: number;
    hooks: SessionHooks;
    /** The origin session on which this viewer proved itself, while it is kept. */
    ownSession: () => OriginSession | undefined;
    /** Called once, when the session has ended. */
    left: (viewer: Viewer) => void;
  }) {
    this.facts = options.facts;
    this.caller = options.caller;
    this.entry = options.entry;
    this.presentation = options.presentation;
    this.timeoutMs = options.timeoutMs;
    this.#clock = options.clock;
    this.#log = options.log.with({ sessionId: options.facts.sessionId });
    this.#hooks = options.hooks;
    this.#ownSession = options.ownSession;
    this.#left = options.left;
    this.#touchedMonoNs = options.clock.monoNs();
    this.ended = new Signal((error) => this.#log.error('listener failed', { error: describeError(error) }));
  }

  get sessionId(): string {
    return this.facts.sessionId;
  }

  get feed(): object {
    return this.entry;
  }

  get state(): ViewerState {
    return this.#state;
  }

  /** `udp`, `tcp`, or both, as last played. */
  get transport(): string {
    return this.#transport;
  }

  get outcome(): ViewerEnd | undefined {
    return this.#end;
  }

  get left(): boolean {
    return this.#ending !== undefined;
  }

  summary(): ViewerSummary {
    const { sessionId, facts, transport, state, outcome } = this;
    const counters = this.counters();
    return { sessionId, facts, transport, state, outcome, counters: () => counters };
  }

  touch(): void {
    this.#touchedMonoNs = this.#clock.monoNs();
    this.entry.drivenBy(this.caller) && this.entry.drive(this.caller);
  }

  /** The last sign of life: a request, a punch, RTCP, or progress of its TCP connection. */
  lastAliveMonoNs(): bigint {
    const seen = [
      this.#touchedMonoNs,
      this.#path?.counters().lastRxMonoNs ?? 0n,
      this.progressMonoNs?.() ?? 0n,
    ];
    return seen.reduce((latest, at) => (at > latest ? at : latest));
  }

  counters(): ViewerCounters {
    return this.#final ?? this.#path?.counters() ?? zeroCounters;
  }

  async setup(track: number, proof: Proof): Promise<Outcome<void>> {
    // The engine has its place in the feed with the transport it played by: changing that is refused (RFC 2326 s.10.4).
    if (!this.#allows('setup') || this.#path !== undefined) return refused({ why: 'state' });
    const { feed } = this.entry;
    if (feed === undefined) return refused({ why: 'ended' });
    if (await this.entry.mayMove(this.caller, this.#ownSession)) {
      const outcome = await feed.setup(track, proof.authorization === undefined ? undefined : proof);
      if (!outcome.ok) return outcome;
    }
    this.setups.set(track, proof);
    return this.#enter('setup');
  }

  async play(options: {
    readonly tracks: readonly ViewerTrack[];
    readonly range: string | undefined;
    readonly proof: Proof;
  }): Promise<Outcome<readonly TrackStart[]>> {
    await this.#beginning;
    if (!this.#allows('play')) return refused({ why: 'state' });
    if (this.#state === 'playing') return done([]);
    const { feed } = this.entry;
    if (feed === undefined) return refused({ why: 'ended' });
    const first = !feed.playing;
    const started = await this.entry.start(this, options, this.#ownSession);
    if (!started.ok) return started;
    if (this.#ending) return refused({ why: 'ended' });
    if (this.entry.owner !== undefined && this.#path !== undefined) {
      // A source of its own: PLAY after PAUSE moves the origin, too. It goes on where it is; the newest start point is past.
      const outcome = await feed.play(options.range, options.proof);
      return outcome.ok ? this.#playing([]) : outcome;
    }
    try {
      return this.#playing(await this.#takeIn(options.tracks, first ? firstPacketWaitMs : nextPacketWaitMs));
    } catch (error) {
      if (!isWeirError(error, 'CONNECTION_BUSY')) throw error;
      return refused({ why: 'connection-busy' });
    }
  }

  #playing(starts: readonly TrackStart[]): Outcome<readonly TrackStart[]> {
    const entered = this.#enter('play');
    return entered.ok ? done(starts) : entered;
  }

  async #takeIn(tracks: readonly ViewerTrack[], waitMs: number): Promise<readonly TrackStart[]> {
    if (this.#path !== undefined) return this.#path.seekToStart(waitMs);
    const { feed } = this.entry;
    if (feed === undefined) return [];
    this.#takingIn = feed.addViewer(tracks, waitMs);
    const path = await this.#takingIn;
    this.#path = path;
    this.#transport = [...new Set(tracks.map(({ transport }) => (transport === 'udp' ? 'udp' : 'tcp')))].join(
      '+',
    );
    path.refused.on(() => void this.end(TerminateCause.portError));
    return path.starts;
  }

  begin(): Promise<void> {
    this.#beginning = this.#begin();
    return this.#beginning;
  }

  async #begin(): Promise<void> {
    // Ended while the answer to PLAY went out: it never began.
    if (this.#ending) return;
    this.#announced ??= this.#hooks.sessionStart.started(this);
    try {
      await this.#announced;
    } catch (error) {
      this.#log.error('session could not be recorded', { error: describeError(error) });
      return this.end(TerminateCause.nasError);
    }
    if (this.#state !== 'playing') return;
    try {
      await this.#path?.play();
    } catch (error) {
      if (!this.#ending) this.#log.error('viewer cannot be played to', { error: describeError(error) });
      return this.end(TerminateCause.nasError);
    }
  }

  async pause(proof: Proof): Promise<Outcome<void>> {
    await this.#beginning;
    if (!this.#allows('pause')) return refused({ why: 'state' });
    if (this.entry.owner !== undefined && this.#state === 'playing') {
      const outcome = await this.entry.feed?.pause(proof);
      if (outcome !== undefined && !outcome.ok) return outcome;
    }
    await this.#path?.pause();
    return this.#enter('pause');
  }

  end(cause: TerminateCause): Promise<void> {
    this.#ending ??= this.#shutdown(cause);
    return this.#ending;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  async #shutdown(cause: TerminateCause): Promise<void> {
    this.#state = 'closed';
    const viewerLeft = cause === TerminateCause.userRequest || cause === TerminateCause.lostCarrier;
    // Its place in the feed goes first, also one that is just being made: its ports are given back after this.
    const path = await this.#takingIn?.catch(() => undefined);
    try {
      await path?.pause();
    } catch (error) {
      this.#log.error('viewer broke', { error: describeError(error) });
    }
    // What it still acknowledges after this prolongs nothing.
    this.#end = { cause, endedAt: this.#clock.nowMs(), endedMonoNs: this.#clock.monoNs() };
    this.#stopped.resolve();
    if (path !== undefined) {
      try {
        await path.close({ bye: !viewerLeft });
      } catch (error) {
        this.#log.error('viewer broke', { error: describeError(error) });
      }
      this.#final = path.counters();
    }
    this.#log.info('viewer ended', {
      cause,
      viewer: this.facts.viewer.address,
      url: this.facts.url,
      txBytes: this.counters().txBytes,
      txPackets: this.counters().txPackets,
    });
    this.ended.emit({ cause });
    this.#left(this);
  }

  #allows(event: ViewerEvent): boolean {
    return nextViewerState(this.#state, event) !== undefined;
  }

  #enter(event: ViewerEvent): Outcome<void> {
    const next = nextViewerState(this.#state, event);
    if (next === undefined) return refused({ why: this.#ending ? 'ended' : 'state' });
    this.#state = next;
    return done(undefined);
  }
}
