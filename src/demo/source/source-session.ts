import type { Clock } from '#base';
import type { TrackSender } from './track-sender.ts';

export const sessionStates = ['ready', 'playing', 'closed'] as const;
export type SessionState = (typeof sessionStates)[number];
export const sessionEvents = ['SETUP', 'PLAY', 'PAUSE', 'TEARDOWN'] as const;
export type SessionEvent = (typeof sessionEvents)[number];

const never = undefined;
/** RFC 2326 s.A.2. A session is made by its first SETUP, so there is no `init`. `undefined`: refused with 455. */
export const sessionTable: Record<SessionState, Record<SessionEvent, SessionState | undefined>> = {
  ready: { SETUP: 'ready', PLAY: 'playing', PAUSE: 'ready', TEARDOWN: 'closed' },
  playing: { SETUP: never, PLAY: 'playing', PAUSE: 'ready', TEARDOWN: 'closed' },
  closed: { SETUP: never, PLAY: never, PAUSE: never, TEARDOWN: never },
};

export interface SourceSessionOptions {
  readonly rtspSessionId: string;
  readonly clock: Clock;
  readonly timeoutSeconds: number;
  readonly onTimeout: (session: SourceSession) => void;
}

/** One RTSP session: its tracks, its state, its time-out. */
export class SourceSession {
  readonly rtspSessionId: string;
  /** By the number of the track. */
  readonly senders = new Map<number, TrackSender>();
  /** The connections that carry a track of it: when one ends, it ends. */
  readonly carriers = new Set<object>();
  readonly #options: SourceSessionOptions;
  #state: SessionState = 'ready';
  #timer: Disposable | undefined;

  constructor(options: SourceSessionOptions) {
    this.rtspSessionId = options.rtspSessionId;
    this.#options = options;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** A sign of life came (RFC 2326 s.12.37): the time-out begins anew. It is a little longer than what was told. */
  touch(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#state === 'closed') return;
    const { clock, timeoutSeconds, onTimeout } = this.#options;
    this.#timer = clock.after(timeoutSeconds * 1250, () => onTimeout(this));
  }

  /** True when the state allows it; the state has changed then. */
  accept(event: SessionEvent): boolean {
    const next = sessionTable[this.#state][event];
    if (next === undefined) return false;
    this.#state = next;
    return true;
  }

  play(): void {
    for (const sender of this.senders.values()) sender.play();
  }

  pause(): void {
    for (const sender of this.senders.values()) sender.pause();
  }

  close(options: { bye: boolean }): void {
    this.#state = 'closed';
    this.#timer?.[Symbol.dispose]();
    for (const sender of this.senders.values()) sender.close(options);
  }
}
