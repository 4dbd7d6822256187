/** Sessions whose news may wait; a server that is away misses the others. */
const maxWaiting = 1000;

/**
 * News of sessions that run: of each one the latest waits until its request before is over, and of all of them only so
 * many requests are under way, so that the ends of sessions find room beside them.
 */
export class LiveRequests {
  readonly #limit: number;
  readonly #waiting = new Map<string, () => Promise<void>>();
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** `send` does not reject: nothing depends on news. */
  tell(sessionId: string, send: () => Promise<void>): void {
    if (this.#waiting.size >= maxWaiting && !this.#waiting.has(sessionId)) return;
    this.#waiting.set(sessionId, send);
    this.#sendNext();
  }

  /** Nothing more is told of this session. Resolves when what is under way is over. */
  async end(sessionId: string): Promise<void> {
    this.#waiting.delete(sessionId);
    await this.#underWay.get(sessionId);
  }

  #sendNext(): void {
    for (const [sessionId, send] of this.#waiting) {
      if (this.#underWay.size >= this.#limit) return;
      if (this.#underWay.has(sessionId)) continue;
      this.#waiting.delete(sessionId);
      const sent = send().finally(() => {
        this.#underWay.delete(sessionId);
        this.#sendNext();
      });
      this.#underWay.set(sessionId, sent);
    }
  }
}
