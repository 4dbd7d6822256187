import { WeirError } from '#base';
import type { ConnectionCounters, FeedCounters, SpliceCounters, ViewerCounters } from './face.ts';

/** As in native/counters.h: a slot is 16 values, native byte order. */
const countersPerSlot = 16;

/** The values of a slot in their order; same as the enums in native/counters.h. */
export const slotLayouts = {
  feed: [
    'rxPackets',
    'rxBytes',
    'rxRtcpPackets',
    'lostPackets',
    'reorderedPackets',
    'duplicatePackets',
    'rejectedPackets',
    'startPoints',
    'lastRxMonoNs',
    'txRtcpPackets',
    'resumes',
    'resumeDroppedPackets',
    'latePackets',
    'parameterSets',
  ],
  viewer: [
    'txPackets',
    'txBytes',
    'txRtcpPackets',
    'droppedPackets',
    'startPointSkips',
    'oversizedPackets',
    'rxRtcpPackets',
    'reportedLostPackets',
    'refusals',
    'lastRxMonoNs',
    'skippedNonReferencePackets',
    'behindSinceMonoNs',
  ],
  connection: ['rxBytes', 'txBytes', 'rxUnknownFrames', 'lastProgressMonoNs'],
  splice: ['aToBBytes', 'bToABytes'],
} as const satisfies {
  feed: ReadonlyArray<keyof FeedCounters>;
  viewer: ReadonlyArray<keyof ViewerCounters>;
  connection: ReadonlyArray<keyof ConnectionCounters>;
  splice: ReadonlyArray<keyof SpliceCounters>;
};
export type SlotKind = keyof typeof slotLayouts;
export type SlotValues<K extends SlotKind> = Readonly<Record<(typeof slotLayouts)[K][number], bigint>>;

/** One slot while it is taken, and its last values after that. */
export interface CounterSlot<K extends SlotKind> {
  readonly index: number;
  read(): SlotValues<K>;
  /** Gives the slot back: the engine writes to it no more. `read` keeps its last values. Twice is once. */
  release(): void;
}

/** The counters shared with the engine: it writes, everybody reads. Slots are taken lowest first, to stay dense. */
export class CounterTable {
  /** What the engine writes to. */
  readonly values: BigUint64Array;
  readonly #taken: boolean[] = [];

  constructor(slots: number) {
    const bytes = slots * countersPerSlot * BigUint64Array.BYTES_PER_ELEMENT;
    this.values = new BigUint64Array(new SharedArrayBuffer(bytes));
  }

  take<K extends SlotKind>(kind: K): CounterSlot<K> {
    const free = this.#taken.indexOf(false);
    const index = free < 0 ? this.#taken.length : free;
    const first = index * countersPerSlot;
    if (first >= this.values.length) {
      throw new WeirError('LIMIT_REACHED', 'all counter slots are taken', { fields: { slots: index } });
    }
    this.#taken[index] = true;
    this.values.fill(0n, first, first + countersPerSlot);

    let last: SlotValues<K> | undefined;
    const read = () => last ?? this.#read(kind, first);
    const release = () => {
      if (last) return;
      last = read();
      this.#taken[index] = false;
    };
    return { index, read, release };
  }

  #read<K extends SlotKind>(kind: K, first: number): SlotValues<K> {
    const names: ReadonlyArray<(typeof slotLayouts)[K][number]> = slotLayouts[kind];
    const entries = names.map((name, at) => [name, Atomics.load(this.values, first + at)] as const);
    return Object.fromEntries(entries) as SlotValues<K>;
  }
}
