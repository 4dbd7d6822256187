/** Sessions whose news may wait; a collector that is away misses those of the others. */
const maxWaiting = 1000;

/**
 * News of sessions that run, on their way in batches, one after the other. Of each session the latest waits; what a batch
 * that fails leaves behind is old news, and is dropped.
 */
export class LiveBatches {
  readonly #size: number;
  readonly #post: (events: readonly string[]) => Promise<void>;
  readonly #waiting = new Map<string, () => string>();
  #posting = false;
  #underWay: Promise<void> = Promise.resolve();

  constructor(size: number, post: (events: readonly string[]) => Promise<void>) {
    this.#size = size;
    this.#post = post;
  }

  tell(sessionId: string, event: () => string): void {
    if (this.#waiting.size >= maxWaiting && !this.#waiting.has(sessionId)) return;
    this.#waiting.set(sessionId, event);
    if (!this.#posting) void this.#postAll();
  }

  /** Nothing more is told of these sessions. Resolves when the batch under way is over. */
  async end(sessionIds: readonly string[]): Promise<void> {
    for (const sessionId of sessionIds) this.#waiting.delete(sessionId);
    await this.#underWay;
  }

  async #postAll(): Promise<void> {
    this.#posting = true;
    // Those that are told together go together.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, this.#size);
      for (const [sessionId] of batch) this.#waiting.delete(sessionId);
      this.#underWay = this.#post(batch.map(([, event]) => event())).catch(() => this.#waiting.clear());
      await this.#underWay;
    }
    this.#posting = false;
  }
}
