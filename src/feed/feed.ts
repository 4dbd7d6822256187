import { type Clock, type Closeable, CloseStack, describeError, type Log, Signal } from '#base';
import type { CatchUp, Datapath, Endpoint, FeedCounters, FeedPath, ViewerTrack } from '#hal';
import { done, type OriginSession, type Outcome, type Presentation, type Proof } from '../protocol/index.ts';
import type { FeedViewer, SharedFeed } from '../session/index.ts';
import { Once } from './once.ts';
import { type OutageCounters, Outages } from './outages.ts';
import { type ResumeAttempt, reconnect } from './reconnection.ts';
import { canFollow } from './same-presentation.ts';

const watchMs = 500;

/** Times, as the configuration has them now. */
export interface FeedTimes {
  /** Without a packet for so long, the source has failed. */
  readonly silenceMs: number;
  /** How long viewers wait for a source that has failed. */
  readonly patienceMs: number;
}

export interface FeedOptions {
  readonly datapath: Datapath;
  readonly clock: Clock;
  readonly log: Log;
  readonly url: string;
  readonly origin: Endpoint;
  readonly session: OriginSession;
  readonly presentation: Presentation;
  readonly proof: Proof;
  /** Another session with the same origin, when the first one has failed. */
  readonly openSession: () => OriginSession;
  readonly times: () => FeedTimes;
  readonly ringBytes: number;
  readonly ringMs: number;
  /** How far behind the head a joining viewer may begin; undefined: nobody does. */
  readonly catchUp?: CatchUp | undefined;
}

/**
 * One live source: the upstream session with its origin, and the ring its packets go through. Each track is set up
 * once and the session is played once, however many viewers ask for it at the same time. When the source fails, the
 * upstream is opened again beneath the viewers.
 */
export class Feed implements SharedFeed, Closeable {
  readonly presentation: Presentation;
  readonly ended: Signal<{ readonly text: string }>;
  readonly #options: FeedOptions;
  readonly #path: FeedPath;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #outages: Outages;
  readonly #stop = new AbortController();
  readonly #setups = new Once<number>();
  readonly #plays = new Once<'play'>();
  /** With whose signature each track was set up; undefined: with our own. */
  readonly #setupProofs = new Map<number, Proof | undefined>();
  readonly #saidBye = new Set<number>();
  #playRequest: { readonly range: string | undefined; readonly proof: Proof | undefined } | undefined;
  #session: OriginSession;
  /** The end of a session that has failed. */
  #leaving: Promise<void> = Promise.resolve();
  #listening: Disposable;
  #watch: Disposable | undefined;
  #playedMonoNs = 0n;
  #paused = false;
  #closing: Promise<void> | undefined;

  private constructor(options: FeedOptions, path: FeedPath) {
    this.#options = options;
    this.#session = options.session;
    this.presentation = options.presentation;
    this.#path = path;
    this.#clock = options.clock;
    this.#outages = new Outages(options.clock);
    const log = options.log.with({ url: options.url });
    this.#log = log;
    this.ended = new Signal((error) => log.error('listener failed', { error: describeError(error) }));
    this.#listening = this.#listen(options.session);
    path.bye.on(({ track }) => this.#takeBye(track));
  }

  /** Makes the ring for what the origin described. */
  static async open(options: FeedOptions): Promise<Feed> {
    const { ringBytes, ringMs, catchUp, presentation } = options;
    const { tracks } = presentation;
    const path = await options.datapath.createFeed({ tracks, ringBytes, ringMs, catchUp });
    return new Feed(options, path);
  }

  get playing(): boolean {
    return this.#playRequest !== undefined;
  }

  get reconnecting(): boolean {
    return this.#outages.standing;
  }

  get signsItself(): boolean {
    return this.#session.signsItself;
  }

  setup(track: number, proof: Proof | undefined): Promise<Outcome<void>> {
    return this.#setups.do(track, async () => {
      const outcome = await this.#session.setup(track, proof);
      if (!outcome.ok) return outcome;
      // Some origins send before they answer PLAY: the ring must be ready for it.
      await this.#path.receive([outcome.value]);
      this.#setupProofs.set(track, proof);
      return done(undefined);
    });
  }

  async play(range: string | undefined, proof: Proof | undefined): Promise<Outcome<void>> {
    if (this.#playRequest !== undefined && !this.#paused) return done(undefined);
    const outcome = await this.#plays.do('play', () => this.#session.play(range, proof));
    this.#plays.forget('play');
    if (!outcome.ok) return outcome;
    this.#playRequest = { range, proof };
    this.#playedMonoNs = this.#clock.monoNs();
    this.#paused = false;
    if (this.presentation.live) this.#watch ??= this.#clock.every(watchMs, () => this.#watchSilence());
    return outcome;
  }

  async pause(proof: Proof | undefined): Promise<Outcome<void>> {
    const outcome = await this.#session.pause(proof);
    if (outcome.ok) this.#paused = true;
    return outcome;
  }

  async useSession(session: OriginSession): Promise<void> {
    if (this.#closing) return session.close();
    const before = this.#session;
    this.#take(session);
    this.#setups.clear();
    this.#setupProofs.clear();
    await before.close();
  }

  addViewer(tracks: readonly ViewerTrack[], startWaitMs: number): Promise<FeedViewer> {
    return this.#path.addViewer({ tracks, startWaitMs });
  }

  notify(contentType: string, body: Uint8Array): Promise<number | undefined> {
    return this.#session.notify(contentType, body);
  }

  counters(): FeedCounters {
    return this.#path.counters();
  }

  outages(): OutageCounters {
    return this.#outages.counters();
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    this.#stop.abort(new Error('the feed is closed'));
    this.#watch?.[Symbol.dispose]();
    this.#listening[Symbol.dispose]();
    const parts = new CloseStack();
    parts.defer(() => this.#leaving);
    parts.use(this.#session);
    // First of all: nothing of ours may follow the TEARDOWN, and its sockets outlive the origin's last packets.
    parts.use(this.#path);
    await parts.close();
  }

  #listen(session: OriginSession): Disposable {
    return session.ended.on(({ text }) => this.#lost(text));
  }

  #take(session: OriginSession): void {
    this.#saidBye.clear();
    this.#listening[Symbol.dispose]();
    this.#session = session;
    this.#listening = this.#listen(session);
  }

  /** Packets that do not come are a failure as well: an origin may lose its power without a word. */
  #watchSilence(): void {
    if (this.#paused || this.#outages.standing) return;
    const ageMs = (monoNs: bigint) => Number((this.#clock.monoNs() - monoNs) / 1_000_000n);
    const silentMs = Math.min(ageMs(this.#path.counters().lastRxMonoNs), ageMs(this.#playedMonoNs));
    if (silentMs >= this.#options.times().silenceMs) this.#lost(`no packet for ${silentMs} ms`);
  }

  /** One source may leave and the others go on (RFC 3550 s.6.6): the upstream is over when all its tracks are. */
  #takeBye(track: number): void {
    this.#saidBye.add(track);
    const over = [...this.#setupProofs.keys()].every((one) => this.#saidBye.has(one));
    if (over) this.#lost('the origin said goodbye (RTCP BYE)');
  }

  /** The upstream failed. Viewers of a live source wait for it; a source with an end has reached it. */
  #lost(text: string): void {
    if (this.#closing || this.#outages.standing) return;
    const { patienceMs } = this.#options.times();
    if (!this.presentation.live || this.#playRequest === undefined || patienceMs === 0) {
      this.ended.emit({ text });
      return;
    }
    const { lastRxMonoNs } = this.#path.counters();
    this.#outages.begin(lastRxMonoNs > 0n ? lastRxMonoNs : this.#clock.monoNs());
    this.#log.warn('source lost', { text });
    this.#reconnect(patienceMs).catch((error) => {
      if (!this.#closing) this.ended.emit({ text: describeError(error) });
    });
  }

  async #reconnect(patienceMs: number): Promise<void> {
    const { signal } = this.#stop;
    // Until its sockets are closed the failed session may go on sending: what it sends now begins anew, too.
    await this.#path.receive([], { resume: true });
    // Beside the attempts: a source that hangs answers no TEARDOWN, and its viewers need not wait for that.
    this.#leaving = this.#session.close().catch((error) => {
      this.#log.warn('upstream could not be ended', { error: describeError(error) });
    });
    const failure = await reconnect({
      clock: this.#clock,
      patienceMs,
      signal,
      random: Math.random,
      attempt: () => this.#resume(),
    });
    if (failure !== undefined) {
      this.ended.emit({ text: failure });
      return;
    }
    this.#playedMonoNs = this.#clock.monoNs();
    this.#outages.end();
    this.#log.info('source is back', { ...this.#outages.counters() });
  }

  /** One attempt: the same requests again, with the signatures they had; a session that fails half-way is ended. */
  async #resume(): Promise<ResumeAttempt> {
    const session = this.#options.openSession();
    const result = await this.#replay(session).catch((error) => failed(describeError(error)));
    if (result.kind !== 'resumed' || this.#closing) await session.close();
    else this.#take(session);
    return result;
  }

  async #replay(session: OriginSession): Promise<ResumeAttempt> {
    const { proof } = this.#options;
    const described = await session.describe(proof.authorization === undefined ? undefined : proof);
    if (!described.ok) return failed(describeRefusal(described));
    if (!canFollow(this.presentation, described.value)) {
      return { kind: 'hopeless', text: 'the source has changed in a way that its viewers cannot follow' };
    }
    const upstream = [];
    for (const [track, setupProof] of this.#setupProofs) {
      const setUp = await session.setup(track, setupProof);
      if (!setUp.ok) return failed(describeRefusal(setUp));
      upstream.push(setUp.value);
    }
    await this.#path.receive(upstream, { resume: true });
    const played = await session.play(this.#playRequest?.range, this.#playRequest?.proof);
    return played.ok ? { kind: 'resumed' } : failed(describeRefusal(played));
  }
}

const failed = (text: string): ResumeAttempt => ({ kind: 'failed', text });

/** A refusal of the origin in a few words. */
function describeRefusal(outcome: Outcome<unknown>): string {
  if (outcome.ok) return '';
  const { refusal } = outcome;
  if (refusal.why === 'origin') return `the origin answers ${refusal.answer.status} ${refusal.answer.phrase}`;
  return 'text' in refusal ? refusal.text : refusal.why;
}
