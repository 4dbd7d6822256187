import { type Closeable, CloseStack, describeError, type Log, Signal } from '#base';
import type { Datapath, Endpoint, FeedCounters, FeedPath, ViewerTrack } from '#hal';
import { done, type OriginSession, type Outcome, type Presentation, type Proof } from '../protocol/index.ts';
import type { FeedViewer, SharedFeed } from '../session/index.ts';

/**
 * One live source: the upstream session with its origin, and the ring its packets go through. Each track is set up
 * once and the session is played once, however many viewers ask for it at the same time.
 */
export class Feed implements SharedFeed, Closeable {
  readonly presentation: Presentation;
  readonly ended: Signal<{ readonly text: string }>;
  readonly #path: FeedPath;
  readonly #log: Log;
  #session: OriginSession;
  #sessionEnded: Disposable;
  readonly #setups = new Map<number, Promise<Outcome<void>>>();
  #play: Promise<Outcome<void>> | undefined;
  #playing = false;
  #paused = false;
  #closing: Promise<void> | undefined;

  private constructor(session: OriginSession, presentation: Presentation, path: FeedPath, log: Log) {
    this.#session = session;
    this.presentation = presentation;
    this.#path = path;
    this.#log = log;
    this.ended = new Signal((error) => log.error('listener failed', { error: describeError(error) }));
    this.#sessionEnded = session.ended.on((fact) => this.#upstreamEnded(fact.text));
    path.bye.on(({ track }) => this.#upstreamEnded(`the origin said goodbye on track ${track} (RTCP BYE)`));
  }

  /** Makes the ring for what the origin described. */
  static async open(options: {
    datapath: Datapath;
    log: Log;
    url: string;
    origin: Endpoint;
    session: OriginSession;
    presentation: Presentation;
    ringBytes: number;
    ringMs: number;
  }): Promise<Feed> {
    const { ringBytes, ringMs, presentation } = options;
    const path = await options.datapath.createFeed({ tracks: presentation.tracks, ringBytes, ringMs });
    return new Feed(options.session, presentation, path, options.log.with({ url: options.url }));
  }

  get playing(): boolean {
    return this.#playing;
  }

  get signsItself(): boolean {
    return this.#session.signsItself;
  }

  setup(track: number, proof: Proof | undefined): Promise<Outcome<void>> {
    return once(this.#setups, track, () => this.#setupNow(track, proof));
  }

  async #setupNow(track: number, proof: Proof | undefined): Promise<Outcome<void>> {
    const outcome = await this.#session.setup(track, proof);
    if (!outcome.ok) return outcome;
    // Some origins send before they answer PLAY: the ring must be ready for it.
    await this.#path.receive([outcome.value]);
    return done(undefined);
  }

  async play(range: string | undefined, proof: Proof | undefined): Promise<Outcome<void>> {
    if (this.#playing && !this.#paused) return done(undefined);
    this.#play ??= this.#session.play(range, proof).finally(() => {
      this.#play = undefined;
    });
    const outcome = await this.#play;
    if (outcome.ok) {
      this.#playing = true;
      this.#paused = false;
    }
    return outcome;
  }

  async pause(proof: Proof | undefined): Promise<Outcome<void>> {
    const outcome = await this.#session.pause(proof);
    if (outcome.ok) this.#paused = true;
    return outcome;
  }

  async useSession(session: OriginSession): Promise<void> {
    const before = this.#session;
    this.#sessionEnded[Symbol.dispose]();
    this.#session = session;
    this.#sessionEnded = session.ended.on((fact) => this.#upstreamEnded(fact.text));
    this.#setups.clear();
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

  close(): Promise<void> {
    this.#closing ??= this.#shutdown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutdown(): Promise<void> {
    this.#sessionEnded[Symbol.dispose]();
    const parts = new CloseStack();
    parts.use(this.#session);
    // First of all: nothing of ours may follow the TEARDOWN, and its sockets outlive the origin's last packets.
    parts.use(this.#path);
    await parts.close();
  }

  #upstreamEnded(text: string): void {
    if (this.#closing) return;
    this.#log.debug('upstream is over', { text });
    this.ended.emit({ text });
  }
}

/** Runs `work` once per key while it succeeds or is under way; a refusal is forgotten, so that it can be tried again. */
function once<K>(
  running: Map<K, Promise<Outcome<void>>>,
  key: K,
  work: () => Promise<Outcome<void>>,
): Promise<Outcome<void>> {
  const existing = running.get(key);
  if (existing) return existing;
  const forget = () => running.get(key) === started && running.delete(key);
  const started: Promise<Outcome<void>> = work().then(
    (outcome) => {
      if (!outcome.ok) forget();
      return outcome;
    },
    (error) => {
      forget();
      throw error;
    },
  );
  running.set(key, started);
  return started;
}
