import { readFileSync } from 'node:fs';
import { writeDurably } from './durable-file.ts';

/** What must go on rising when the database is lost. */
interface State {
  readonly bootEpoch: number;
  readonly bootId: string;
  /** Every sequence given out is lower. */
  readonly sequenceBelow: number;
  /** The last run closed the database. After one that did not there must be a write-ahead log. */
  readonly clean: boolean;
}

/** Written once for so many entries, so that it costs the flash nothing. */
export const sequenceReserve = 4_096;

export class StateFile {
  readonly #path: string;
  #state: State | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#state = readState(path);
  }

  /** Undefined when there is none that can be read. */
  get state(): State | undefined {
    return this.#state;
  }

  /** This boot's epoch: the known one, or one above the highest ever seen. */
  epochOf(bootId: string, highestStored: { bootEpoch: number; bootId: string } | undefined): number {
    const known = [this.#state, highestStored].filter((seen) => seen !== undefined);
    const same = known.find((seen) => seen.bootId === bootId);
    return same?.bootEpoch ?? Math.max(0, ...known.map((seen) => seen.bootEpoch)) + 1;
  }

  /** A run begins: from here on the database is open. */
  begin(run: { bootEpoch: number; bootId: string; nextSequence: number }): void {
    const { bootEpoch, bootId, nextSequence } = run;
    const sequenceBelow = Math.max(this.#state?.sequenceBelow ?? 1, nextSequence);
    this.#write({ bootEpoch, bootId, sequenceBelow, clean: false });
  }

  /** Called before `sequence` is given out. */
  reserve(sequence: number): void {
    if (this.#state === undefined || sequence < this.#state.sequenceBelow) return;
    this.#write({ ...this.#state, sequenceBelow: sequence + sequenceReserve });
  }

  /** Nothing will be written any more; the database is about to be closed. */
  end(): void {
    if (this.#state !== undefined) this.#write({ ...this.#state, clean: true });
  }

  #write(state: State): void {
    writeDurably(this.#path, `${JSON.stringify(state)}\n`);
    this.#state = state;
  }
}

function readState(path: string): State | undefined {
  let parsed: Partial<State>;
  try {
    parsed = Object(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    // Missing or not JSON: as if it had never been. A disk that cannot be read is another matter.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { bootEpoch, bootId, sequenceBelow, clean } = parsed;
  const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  if (
    !whole(bootEpoch) ||
    !whole(sequenceBelow) ||
    typeof bootId !== 'string' ||
    typeof clean !== 'boolean'
  ) {
    return undefined;
  }
  return { bootEpoch, bootId, sequenceBelow, clean };
}
