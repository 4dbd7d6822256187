import { type Clock, type Closeable, CloseStack, describeError, type Log, Signal, within } from '#base';
import type { CatchUp, Datapath, Endpoint, FeedCounters, FeedPath, UpstreamTrack, ViewerTrack } from '#hal';
import { done, type OriginSession, type Outcome, type Presentation, type Proof } from '../protocol/index.ts';
import type { FeedViewer, SharedFeed } from '../session/index.ts';
import { MediaReturn } from './media-return.ts';
import { Once } from './once.ts';
import { type OutageCounters, Outages } from './outages.ts';
import {
  type FailedAttempt,
  oneAttemptMs,
  orAborted,
  Pauses,
  type ResumeAttempt,
  reconnect,
} from './reconnection.ts';
import { canFollow, haveParameterSets } from './same-presentation.ts';

const watchMs = 500;

/** Times, as the configuration has them now. */
export interface FeedTimes {
  /** Without a packet for so long, the source has failed. */
  readonly silenceMs: number;
  /** How long viewers are without media before they are ended. */
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
  /** What the pauses between attempts are drawn with. */
  readonly random?: () => number;
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
  readonly ended: Signal<{ readonly text: string }>;
  readonly #options: FeedOptions;
  readonly #path: FeedPath;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #outages: Outages;
  readonly #pauses = new Pauses();
  readonly #stop = new AbortController();
  readonly #setups = new Once<number>();
  readonly #plays = new Once<'play'>();
  /** With whose signature each track was set up; undefined: with our own. */
  readonly #setupProofs = new Map<number, Proof | undefined>();
  readonly #saidBye = new Set<number>();
  #playRequest: { readonly range: string | undefined; readonly proof: Proof | undefined } | undefined;
  #session: OriginSession;
  #presentation: Presentation;
  /** The end of sessions that have failed. */
  #leaving: Promise<void> = Promise.resolve();
  #reconnecting: Promise<void> = Promise.resolve();
  /** The session of an attempt that is not given up. */
  #opening: OriginSession | undefined;
  readonly #mediaReturn: MediaReturn;
  #listening: Disposable;
  #watch: Disposable | undefined;
  #playedMonoNs = 0n;
  /** Since when media comes without an outage. */
  #backMonoNs = 0n;
  #paused = false;
  #closing: Promise<void> | undefined;

  private constructor(options: FeedOptions, path: FeedPath) {
    this.#options = options;
    this.#session = options.session;
    this.#presentation = options.presentation;
    this.#path = path;
    this.#clock = options.clock;
    this.#outages = new Outages(options.clock);
    this.#mediaReturn = new MediaReturn(path, options.clock);
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

  /** As the origin described what it sends: a source that was opened again may have other parameter sets, say. */
  get presentation(): Presentation {
    return this.#presentation;
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
    this.#saidBye.clear();
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
    parts.defer(() => this.#reconnecting);
    parts.use(this.#session);
    // First of all: nothing of ours may follow the TEARDOWN, and its sockets outlive the origin's last packets.
    parts.use(this.#path);
    await parts.close();
  }

  #listen(session: OriginSession): Disposable {
    return session.ended.on(({ text }) => this.#lost(text));
  }

  #take(session: OriginSession): void {
    this.#listening[Symbol.dispose]();
    this.#session = session;
    this.#listening = this.#listen(session);
  }

  /** Packets that do not come are a failure as well: an origin may lose its power without a word. */
  #watchSilence(): void {
    // One that is being opened again has not been asked to send yet.
    if (this.#paused || this.#opening !== undefined) return;
    const silentMs = this.#silentMs;
    if (silentMs >= this.#options.times().silenceMs) this.#lost(`no packet for ${silentMs} ms`);
  }

  /** Since the last packet, or since PLAY. */
  get #silentMs(): number {
    return Math.min(this.#ageMs(this.#path.counters().lastRxMonoNs), this.#ageMs(this.#playedMonoNs));
  }

  #ageMs(monoNs: bigint): number {
    return Number((this.#clock.monoNs() - monoNs) / 1_000_000n);
  }

  /** One source may leave and the others go on (RFC 3550 s.6.6): the upstream is over when all its tracks are. */
  #takeBye(track: number): void {
    this.#saidBye.add(track);
    const over = [...this.#setupProofs.keys()].every((one) => this.#saidBye.has(one));
    if (over) this.#lost('the origin said goodbye (RTCP BYE)');
  }

  /** The upstream failed. Viewers of a live source wait for it; a source with an end has reached it. */
  #lost(text: string): void {
    if (this.#closing) return;
    if (this.#outages.standing) {
      this.#mediaReturn.fail(text);
      return;
    }
    const { patienceMs } = this.#options.times();
    if (!this.presentation.live || this.#playRequest === undefined || patienceMs === 0) {
      this.ended.emit({ text });
      return;
    }
    const silentMs = this.#paused ? 0 : this.#silentMs;
    this.#outages.begin(this.#clock.monoNs() - BigInt(silentMs) * 1_000_000n);
    this.#log.warn('source lost', { text });
    this.#pauses.beginAnew(this.#ageMs(this.#backMonoNs) - silentMs);
    // Silence may have taken all of the patience: a source is tried once at least.
    const leftMs = Math.max(patienceMs - silentMs, Math.min(patienceMs, oneAttemptMs));
    this.#reconnecting = this.#reconnect(leftMs).catch((error) => {
      if (!this.#closing) this.ended.emit({ text: describeError(error) });
    });
  }

  async #reconnect(patienceMs: number): Promise<void> {
    await this.#leave(this.#session);
    const failure = await reconnect({
      clock: this.#clock,
      patienceMs,
      pauses: this.#pauses,
      signal: this.#stop.signal,
      random: this.#options.random ?? Math.random,
      attempt: (openMs, over) => this.#resume(openMs, over),
    });
    if (failure !== undefined) {
      this.ended.emit({ text: failure });
      return;
    }
    this.#outages.end();
    this.#backMonoNs = this.#clock.monoNs();
    this.#log.info('source is back', { ...this.#outages.counters() });
  }

  /** A session that plays no more. */
  async #leave(session: OriginSession): Promise<void> {
    try {
      // Until its sockets are closed it may go on sending: what it sends now begins anew, too.
      await this.#path.receive([], { resume: true });
    } finally {
      this.#end(session);
    }
  }

  /** Beside the attempts: a source that hangs answers no TEARDOWN, and its viewers need not wait for that. */
  #end(session: OriginSession): void {
    const ending = session.close().catch((error) => {
      this.#log.warn('upstream could not be ended', { error: describeError(error) });
    });
    this.#leaving = Promise.all([this.#leaving, ending]).then(() => {});
  }

  /** The track that decides where viewers start, as the engine knows it, is received: the first with pictures, else any. */
  get #hasStarts(): boolean {
    const video = this.presentation.tracks.find((track) => track.video);
    return video === undefined || this.#setupProofs.has(video.index);
  }

  /** One attempt: the same requests again, with the signatures they had, until media goes on. */
  async #resume(openMs: number, over: AbortSignal): Promise<ResumeAttempt> {
    const session = this.#options.openSession();
    this.#opening = session;
    const replaying = this.#replay(session).catch((error) => failed(describeError(error)));
    const inTime = await orAborted(within(replaying, openMs, this.#clock), over);
    const played = inTime ? await replaying : failed('it did not answer in time');
    this.#opening = undefined;
    if (played.kind !== 'played' || over.aborted) {
      this.#end(session);
      return played.kind === 'played' ? failed('it answered too late') : played;
    }
    this.#take(session);
    this.#playedMonoNs = this.#clock.monoNs();
    const missing = await this.#mediaReturn.awaited(over, () => this.#paused);
    if (missing === undefined && this.#isDecodable(played.presentation)) {
      this.#presentation = played.presentation;
      return { kind: 'resumed' };
    }
    await this.#leave(session);
    return missing === undefined ? hopeless : failed(missing);
  }

  /**
   * Have viewers what the pictures are decoded by? Parameter sets that are told in the description alone are not seen by those
   * who were given another one. An origin that sends sets in band has done so by its first start point, in this session or before.
   */
  #isDecodable(now: Presentation): boolean {
    return haveParameterSets(this.presentation, now) || this.#path.counters().parameterSets > 0n;
  }

  async #replay(session: OriginSession): Promise<Played | FailedAttempt> {
    const { proof } = this.#options;
    const described = await session.describe(proof.authorization === undefined ? undefined : proof);
    if (!described.ok) return failed(describeRefusal(described));
    if (!canFollow(this.presentation, described.value)) return hopeless;
    const upstream: UpstreamTrack[] = [];
    for (const [track, setupProof] of this.#setupProofs) {
      const setUp = await session.setup(track, setupProof);
      if (!setUp.ok) return failed(describeRefusal(setUp));
      upstream.push(setUp.value);
    }
    // Answers may still come to an attempt that was given up: the next one is under way.
    if (this.#opening !== session) return failed('it was given up');
    this.#saidBye.clear();
    await this.#mediaReturn.expected(this.#hasStarts, () => this.#path.receive(upstream, { resume: true }));
    const played = await session.play(this.#playRequest?.range, this.#playRequest?.proof);
    if (!played.ok) return failed(describeRefusal(played));
    return { kind: 'played', presentation: described.value };
  }
}

/** A session that was opened again and plays what the origin described in it. Its media is still to come. */
interface Played {
  readonly kind: 'played';
  readonly presentation: Presentation;
}

const failed = (text: string): FailedAttempt => ({ kind: 'failed', text });

const hopeless: FailedAttempt = {
  kind: 'hopeless',
  text: 'the source has changed in a way that its viewers cannot follow',
};

/** A refusal of the origin in a few words. */
function describeRefusal(outcome: Outcome<unknown>): string {
  if (outcome.ok) return '';
  const { refusal } = outcome;
  if (refusal.why === 'origin') return `the origin answers ${refusal.answer.status} ${refusal.answer.phrase}`;
  return 'text' in refusal ? refusal.text : refusal.why;
}
