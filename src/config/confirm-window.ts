import type { Clock } from '#base';
import type { UnconfirmedCommit } from './kept/commit.ts';
import type { Config } from './tree.ts';

const nsPerMinute = 60_000_000_000n;

/** A commit that is tried out, until it is confirmed or its time is over. */
export class ConfirmWindow {
  readonly commit: UnconfirmedCommit;
  readonly config: Config;
  /** Brings the box back to what is active, exactly: to what no configuration knows as well. */
  readonly undo: () => Promise<void>;
  readonly #clock: Clock;
  readonly #endsMonoNs: bigint;
  readonly #over: () => void;
  #timer: Disposable;

  /** @param options `over`: called at its end, as a timer counts it, which may be a little early. */
  constructor(options: {
    commit: UnconfirmedCommit;
    config: Config;
    undo: () => Promise<void>;
    clock: Clock;
    over: () => void;
  }) {
    const { commit, clock } = options;
    this.commit = commit;
    this.config = options.config;
    this.undo = options.undo;
    this.#clock = clock;
    this.#over = options.over;
    this.#endsMonoNs = clock.monoNs() + BigInt(commit.minutes) * nsPerMinute;
    this.#timer = clock.after(commit.minutes * 60_000, this.#over);
  }

  /** 0: its time is over. */
  get remainingMs(): number {
    return Math.max(0, Math.ceil(Number(this.#endsMonoNs - this.#clock.monoNs()) / 1e6));
  }

  /** Its end is told once more. */
  again(inMs: number): void {
    this.close();
    this.#timer = this.#clock.after(inMs, this.#over);
  }

  /** Nothing more is told of it. */
  close(): void {
    this.#timer[Symbol.dispose]();
  }
}
