import type { DestinationSummary, EntryPage, Outbox, Settlement, StoredEntry } from '#storage';

/** An outbox for one destination that holds what a test puts in, and shows what became of it. */
export class MemoryOutbox implements Outbox {
  readonly settled: Settlement[] = [];
  /** How often it was looked through. */
  reads = 0;
  /** How often something was settled, however much at once: a commit each. */
  commits = 0;
  /** What is settled is written down after it. */
  gate: Promise<void> = Promise.resolve();
  readonly #waiting: StoredEntry[] = [];

  put(...entries: readonly StoredEntry[]): void {
    this.#waiting.push(...entries);
  }

  get left(): readonly number[] {
    return this.#waiting.map(({ sequence }) => sequence);
  }

  async waiting(_destination: string, query: { after?: number; limit?: number } = {}): Promise<EntryPage> {
    this.reads += 1;
    const { after = 0, limit = 500 } = query;
    const rest = this.#waiting.filter(({ sequence }) => sequence > after);
    const entries = rest.slice(0, limit);
    return { entries, next: rest.length > limit ? entries.at(-1)?.sequence : undefined, damaged: [] };
  }

  async settle(_destination: string, settlements: readonly Settlement[]): Promise<void> {
    await this.gate;
    this.commits += 1;
    for (const settlement of settlements) {
      const at = this.#waiting.findIndex(({ sequence }) => sequence === settlement.sequence);
      if (at >= 0) this.#waiting.splice(at, 1);
      this.settled.push(settlement);
    }
  }

  quarantined = async (): Promise<EntryPage> => ({ entries: [], next: undefined, damaged: [] });
  summary = async (): Promise<readonly DestinationSummary[]> => [
    {
      destination: 'origin:198.51.100.7:554',
      waiting: this.#waiting.length,
      waitingSince: this.#waiting[0]?.at,
      unconfirmed: 0,
      quarantined: 0,
      quarantineReason: undefined,
    },
  ];
  requeue = async () => 0;
  abandon = async () => this.#waiting.splice(0).length;
}
