import type { Clock } from '#base';
import type { FeedPath } from '#hal';
import { orAborted } from './reconnection.ts';

/** How often the engine is asked. */
const lookMs = 50;
/** So long the engine lets nothing through before a start point; then media goes on without. */
const startWaitMs = 20_000n;

/** Whether the media of a session that was opened again goes on: an origin that answers PLAY is not back before. */
export class MediaReturn {
  readonly #path: FeedPath;
  readonly #clock: Clock;
  /** What the engine had when the session was to begin. */
  #before = { monoNs: 0n, startPoints: 0n, waitMs: startWaitMs };
  #waiting: PromiseWithResolvers<string | undefined> | undefined;
  #failure: string | undefined;

  constructor(path: FeedPath, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /**
   * Before PLAY: what comes from `receive` on is the media that is waited for. Without the track that decides where viewers
   * start (`starts`) the engine waits for no start point.
   */
  async expected(starts: boolean, receive: () => Promise<void>): Promise<void> {
    const { startPoints } = this.#path.counters();
    this.#failure = undefined;
    await receive();
    this.#before = { monoNs: this.#clock.monoNs(), startPoints, waitMs: starts ? startWaitMs : 0n };
  }

  /** Resolves to undefined when media goes on, or when nobody waits for it (`paused`); else to why it does not. */
  async awaited(over: AbortSignal, paused: () => boolean): Promise<string | undefined> {
    if (this.#failure !== undefined) return this.#failure;
    const waiting = Promise.withResolvers<string | undefined>();
    this.#waiting = waiting;
    using _look = this.#clock.every(lookMs, () => {
      if (paused() || this.#goesOn()) waiting.resolve(undefined);
    });
    const given = waiting.promise.then((missing) => ({ missing }));
    const result = await orAborted(given, over);
    this.#waiting = undefined;
    return result === undefined ? 'it played and sent nothing' : result.missing;
  }

  /** The session has failed before its media came. */
  fail(text: string): void {
    this.#failure = text;
    this.#waiting?.resolve(text);
  }

  #goesOn(): boolean {
    const { startPoints, lastRxMonoNs } = this.#path.counters();
    const before = this.#before;
    return startPoints > before.startPoints || lastRxMonoNs >= before.monoNs + before.waitMs * 1_000_000n;
  }
}
