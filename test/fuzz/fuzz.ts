/**
 * A small mutation fuzzer. The same seed tries the same inputs in the same order. It has no view into the code; a target
 * says in a word what happened ("refused: bad method"), and an input with a new word is kept to be mutated further.
 */
import { type ErrorCode, isWeirError } from '#base';
import { mutate } from './mutate.ts';
import { random } from './random.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly seeds: readonly Uint8Array[];
  /** Words of the format. */
  readonly words: readonly string[];
  /** The refusals the parser may throw. Anything else thrown, also by an assertion of `run`, is a finding. */
  readonly allowed: readonly ErrorCode[];
  /** Parses, checks what must hold, and says in a word what happened. */
  readonly run: (bytes: Uint8Array) => string;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly round: number;
  readonly error: unknown;
}

export interface FuzzResult {
  readonly rounds: number;
  /** How many different words the target said. */
  readonly outcomes: number;
  readonly finding?: Finding;
}

/** One input may take this long. Measured again before it counts: the machine may have been busy. */
const slowMs = 100;
const mostKept = 1000;

/** Runs the target once; gives its word, throws what it found. */
export function tryInput(target: FuzzTarget, input: Uint8Array): string {
  const startMs = performance.now();
  const word = outcome(target, input);
  if (performance.now() - startMs > slowMs) {
    const times = [1, 2, 3].map(() => cpuMs(() => outcome(target, input)));
    if (Math.min(...times) > slowMs) throw new Error(`${input.length} bytes take ${Math.min(...times)} ms`);
  }
  return word;
}

function outcome(target: FuzzTarget, input: Uint8Array): string {
  try {
    return target.run(input);
  } catch (error) {
    if (isWeirError(error) && target.allowed.includes(error.code)) return `refused: ${error.message}`;
    throw error;
  }
}

function cpuMs(run: () => void): number {
  // Of this thread: others compile and collect meanwhile.
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** Tries the seeds, then mutations of them, until `until` says it is enough or something is found. */
export function fuzz(
  target: FuzzTarget,
  options: { seed: number; until: (rounds: number) => boolean },
): FuzzResult {
  const next = random(options.seed);
  const words = target.words.map((word) => new Uint8Array(Buffer.from(word, 'latin1')));
  const pool = [...target.seeds];
  const seen = new Set<string>();
  let rounds = 0;
  for (; rounds < pool.length || !options.until(rounds); rounds += 1) {
    const isSeed = rounds < target.seeds.length;
    const input = (isSeed ? target.seeds[rounds] : undefined) ?? mutate(next, pool, words);
    try {
      const word = tryInput(target, input);
      if (!isSeed && !seen.has(word) && pool.length < mostKept) pool.push(input);
      if (seen.size < mostKept) seen.add(word);
    } catch (error) {
      const small = shrink(target, input);
      return { rounds, outcomes: seen.size, finding: { input: small, round: rounds, error } };
    }
  }
  return { rounds, outcomes: seen.size };
}

/** Takes away what can be taken away while something is still found. */
function shrink(target: FuzzTarget, input: Uint8Array): Uint8Array {
  const fails = (bytes: Uint8Array) => {
    try {
      tryInput(target, bytes);
      return false;
    } catch {
      return true;
    }
  };
  let small = input;
  for (let size = input.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < small.length; ) {
      const less = new Uint8Array([...small.subarray(0, from), ...small.subarray(from + size)]);
      if (fails(less)) small = less;
      else from += size;
    }
  }
  return small;
}
