import type { Mark } from './marks.ts';

/** What the store had promised at a moment: the sum of the marks before it. */
export class Promises {
  /** Of the last opening; undefined when there was none. */
  device: { readonly id: string; readonly bootEpoch: number } | undefined;
  readonly started = new Set<string>();
  /** At least so many bytes are known of a session that is still open. */
  readonly metered = new Map<string, bigint>();
  readonly recorded = new Map<string, { readonly sequence: number; readonly hash: string }>();
  /** What each destination may have been settled, and what it has. */
  readonly settling = new Map<string, Set<number>>();
  readonly settled = new Map<string, Set<number>>();

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
        addAll(this[mark.kind], mark.destination, mark.sequences);
        break;
      case 'ended':
        break;
    }
  }
}

function addAll(sets: Map<string, Set<number>>, name: string, numbers: readonly number[]): void {
  const set = sets.get(name) ?? new Set();
  for (const number of numbers) set.add(number);
  sets.set(name, set);
}
