import type { LogEntry } from './write-log.ts';

/** Writes of less than a sector do not exist, and a sector is written wholly or not at all. */
export const sectorBytes = 512;

/** Where writes come from: a log, or a test. */
export interface WriteSource {
  readonly entries: readonly LogEntry[];
  data(entry: LogEntry): Buffer;
}

/** Where writes arrive: in memory, or in the file of a whole disk. */
export interface Medium {
  readonly length: number;
  write(bytes: Buffer, at: number): void;
}

export const memoryMedium = (memory: Buffer): Medium => ({
  length: memory.length,
  write: (bytes, at) => void bytes.copy(memory, at),
});

/** What became of the writes that no flush had covered when the power went. */
export interface CutCount {
  /** Writes since the last flush. */
  readonly loose: number;
  readonly kept: number;
  readonly lost: number;
  /** Some of their sectors arrived, others did not. */
  readonly torn: number;
}

/**
 * A disk with a volatile write cache, on which a log is replayed. What was written before the last completed flush is on
 * the medium; of what was written after it, a power cut leaves any part, whatever the order.
 */
export class VolatileDisk {
  readonly #source: WriteSource;
  readonly #medium: Medium;
  /** In the cache, oldest first. */
  #loose: LogEntry[] = [];
  #next = 0;

  /** `medium`: the disk before the first entry; it is written to. */
  constructor(source: WriteSource, medium: Medium) {
    this.#source = source;
    this.#medium = medium;
  }

  /** Replays the entries before number `position`. Only forwards. */
  advance(position: number): void {
    for (; this.#next < position; this.#next++) {
      const entry = this.#source.entries[this.#next];
      if (entry === undefined) throw new RangeError(`the log has no entry ${this.#next}`);
      // A flush with data: first what was before is brought to the medium.
      if (entry.flush) this.#flush();
      if (entry.length > 0) this.#loose.push(entry);
    }
  }

  /** How many writes a cut now would leave to chance. */
  get loose(): number {
    return this.#loose.length;
  }

  /**
   * A power cut now: lets those loose writes that had been written out arrive in `target`, which holds what the medium
   * holds. On a copy the disk itself goes on as if nothing had happened, so that later cuts can follow. `random`: from 0 up
   * to 1.
   */
  cut(target: Medium, random: () => number): CutCount {
    const count = { loose: this.#loose.length, kept: 0, lost: 0, torn: 0 };
    // Cuts differ in how much of the cache had been written out.
    const share = random();
    for (const entry of this.#loose) {
      const sectors = entry.length / sectorBytes;
      const tear = !entry.fua && sectors > 1 && random() < 0.25;
      let arrived = 0;
      if (tear) arrived = this.#apply(target, entry, () => random() < share);
      else if (entry.fua || random() < share) arrived = this.#apply(target, entry, () => true);
      if (arrived === sectors) count.kept++;
      else if (arrived === 0) count.lost++;
      else count.torn++;
    }
    return count;
  }

  #flush(): void {
    for (const entry of this.#loose) this.#apply(this.#medium, entry, () => true);
    this.#loose = [];
  }

  /** Writes those sectors of `entry` that `arrives` picks, a run of neighbours at once. Returns how many. */
  #apply(target: Medium, entry: LogEntry, arrives: () => boolean): number {
    const data = entry.discard ? Buffer.alloc(entry.length) : this.#source.data(entry);
    if (entry.offset + data.length > target.length)
      throw new RangeError('a write beyond the end of the disk');
    let arrived = 0;
    let from = 0;
    const writeUpTo = (at: number) => {
      if (at > from) target.write(data.subarray(from, at), entry.offset + from);
    };
    for (let at = 0; at < data.length; at += sectorBytes) {
      if (arrives()) {
        arrived++;
        continue;
      }
      writeUpTo(at);
      from = at + sectorBytes;
    }
    writeUpTo(data.length);
    return arrived;
  }
}
