import { type Delivered, destinations, type Mark } from './marks.ts';

/** What the store had promised at a moment: the sum of the marks before it. */
export class Promises {
  /** Of the last opening; undefined when there was none. */
  device: { readonly id: string; readonly bootEpoch: number } | undefined;
  readonly started = new Set<string>();
  /** At least so many bytes are known of a session that is still open. */
  readonly metered = new Map<string, bigint>();
  readonly recorded = new Map<string, { readonly sequence: number; readonly hash: string }>();
  /** What each destination may have been settled, and what it has. */
  readonly #settling = new Map<string, Delivery>();
  readonly #settled = new Map<string, Delivery>();
  /** Whatever is settled everywhere may be gone. */
  retaining = false;

  take(mark: Mark): void {
    switch (mark.kind) {
      case 'opened':
        this.device = { id: mark.device, bootEpoch: mark.bootEpoch };
        break;
      case 'started':
        this.started.add(mark.session);
        break;
      case 'metered':
        for (const session of mark.sessions) this.metered.set(session, BigInt(mark.bytes));
        break;
      case 'recorded':
        this.recorded.set(mark.session, mark);
        break;
      case 'settling':
      case 'settled':
        addAll(mark.kind === 'settled' ? this.#settled : this.#settling, mark.destination, mark.deliveries);
        break;
      case 'retaining':
        this.retaining = true;
        break;
      case 'ended':
        break;
    }
  }

  settled(destination: string): ReadonlySet<number> {
    return this.#settled.get(destination)?.sequences ?? new Set();
  }

  maySettle(destination: string, sequence: number): boolean {
    return this.#settling.get(destination)?.sequences.has(sequence) ?? false;
  }

  /** The session's record may have been removed: all who were to get it may have it. */
  mayBeGone(session: string): boolean {
    const hasIt = (destination: string) => this.#settling.get(destination)?.sessions.has(session) ?? false;
    return this.retaining && destinations.every(hasIt);
  }
}

interface Delivery {
  readonly sequences: Set<number>;
  readonly sessions: Set<string>;
}

function addAll(all: Map<string, Delivery>, destination: string, deliveries: readonly Delivered[]): void {
  const of = all.get(destination) ?? { sequences: new Set(), sessions: new Set() };
  for (const { sequence, session } of deliveries) {
    of.sequences.add(sequence);
    of.sessions.add(session);
  }
  all.set(destination, of);
}
