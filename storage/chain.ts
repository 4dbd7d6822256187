import { createHash, type KeyObject, verify } from 'node:crypto';
import type { ChainEntry } from './face.ts';

/** Stands in front of the first entry. */
export const genesisHash = '0'.repeat(64);

/**
 * What an entry's signature vouches for: SHA-256 of previous hash (32 bytes), sequence (8 bytes, big-endian),
 * kind, line feed, body (UTF-8).
 */
export function chainHash(entry: Omit<ChainEntry, 'hash' | 'signature'>): Buffer {
  const sequence = Buffer.alloc(8);
  sequence.writeBigUInt64BE(BigInt(entry.sequence));
  return createHash('sha256')
    .update(Buffer.from(entry.previousHash, 'hex'))
    .update(sequence)
    .update(`${entry.kind}\n`)
    .update(entry.body)
    .digest();
}

/** A run of sequence numbers, both ends included. */
export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

/** Body of an anchor: what was before it and is no more. */
export interface AnchorBody {
  /** `retention`: removed after acknowledgement. `damage`: the database was lost or partly lost. */
  readonly reason: 'retention' | 'damage';
  /** The last entry that was removed (retention) or still there (damage). */
  readonly last: { readonly sequence: number; readonly hash: string } | null;
  /** Sequences that do not exist, or no more: their gap in the chain is declared. */
  readonly missing: readonly SequenceRange[];
}

/**
 * `changed`: the text is not what was signed. `bad-signature`: not by this device. `reordered`: comes after one with a
 * higher number, or twice. `broken-link`: signed, but not the successor of the one before. `missing`: not there, and no
 * anchor says why.
 */
export type ChainFaultKind = 'changed' | 'bad-signature' | 'reordered' | 'broken-link' | 'missing';

export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** The entry concerned; of a gap, the first that is missing. */
  readonly sequence: number;
  /** Place among the entries given, from 0; of a gap, of the entry after it. */
  readonly index: number;
}

export interface ChainReport {
  readonly ok: boolean;
  readonly count: number;
  /** First and last sequence seen; undefined when there was nothing. */
  readonly range: SequenceRange | undefined;
  /**
   * What is known of what was in front of the first entry: nothing was, or a signed anchor says what and why it is no
   * more. `unknown` for an export of a part.
   */
  readonly start: 'first' | 'anchored' | 'unknown';
  /** Gaps that signed anchors declare. */
  readonly declaredMissing: readonly SequenceRange[];
  /** In the order found, at most `maxFaults`. */
  readonly faults: readonly ChainFault[];
}

const maxFaults = 100;

/** Proves a chain or a part of it, in the order given. Holds one entry at a time. */
export async function verifyChain(
  entries: Iterable<ChainEntry> | AsyncIterable<ChainEntry>,
  publicKey: KeyObject,
): Promise<ChainReport> {
  const check = new ChainCheck(publicKey);
  for await (const entry of entries) check.push(entry);
  return check.report();
}

class ChainCheck {
  readonly #publicKey: KeyObject;
  readonly #faults: ChainFault[] = [];
  readonly #gaps: Array<SequenceRange & { readonly index: number }> = [];
  readonly #late: SequenceRange[] = [];
  readonly #anchors: AnchorBody[] = [];
  #count = 0;
  #first: ChainEntry | undefined;
  #previous: ChainEntry | undefined;

  constructor(publicKey: KeyObject) {
    this.#publicKey = publicKey;
  }

  push(entry: ChainEntry): void {
    const index = this.#count;
    this.#count += 1;
    const intact = this.#isIntact(entry, index);
    const previous = this.#previous;
    if (previous !== undefined && entry.sequence <= previous.sequence) {
      this.#late.push({ from: entry.sequence, to: entry.sequence });
      this.#fault('reordered', entry.sequence, index);
      return;
    }
    if (intact && entry.kind === 'anchor') this.#anchors.push(JSON.parse(entry.body));
    if (previous === undefined) {
      this.#first = entry;
    } else if (entry.sequence > previous.sequence + 1) {
      this.#gaps.push({ from: previous.sequence + 1, to: entry.sequence - 1, index });
    } else if (intact && entry.previousHash !== previous.hash) {
      this.#fault('broken-link', entry.sequence, index);
    }
    this.#previous = entry;
  }

  report(): ChainReport {
    const declared = this.#anchors.filter((anchor) => anchor.reason === 'damage').flatMap((a) => a.missing);
    const declaredMissing: SequenceRange[] = [];
    for (const { from, to, index } of this.#gaps) {
      const missing = firstNotIn({ from, to }, [...declared, ...this.#late]);
      if (missing !== undefined) this.#fault('missing', missing, index);
      else if (firstNotIn({ from, to }, this.#late) !== undefined) declaredMissing.push({ from, to });
    }
    const first = this.#first;
    const last = this.#previous;
    return {
      ok: this.#faults.length === 0,
      count: this.#count,
      range: first && last && { from: first.sequence, to: last.sequence },
      start: this.#start(first),
      declaredMissing,
      faults: this.#faults.toSorted((a, b) => a.index - b.index),
    };
  }

  #isIntact(entry: ChainEntry, index: number): boolean {
    const wellFormed = Number.isSafeInteger(entry.sequence) && /^[0-9a-f]{64}$/.test(entry.previousHash);
    const hash = wellFormed ? chainHash(entry) : undefined;
    if (hash === undefined || hash.toString('hex') !== entry.hash) {
      this.#fault('changed', entry.sequence, index);
      return false;
    }
    if (!verify(null, hash, this.#publicKey, Buffer.from(entry.signature, 'base64url'))) {
      this.#fault('bad-signature', entry.sequence, index);
      return false;
    }
    return true;
  }

  #start(first: ChainEntry | undefined): ChainReport['start'] {
    if (first === undefined) return 'unknown';
    if (first.sequence === 1 && first.previousHash === genesisHash) return 'first';
    const before = first.sequence - 1;
    const anchored = this.#anchors.some(
      ({ last, missing }) =>
        (last?.sequence === before && last.hash === first.previousHash) ||
        missing.some(({ from, to }) => from <= before && before <= to),
    );
    return anchored ? 'anchored' : 'unknown';
  }

  #fault(kind: ChainFaultKind, sequence: number, index: number): void {
    if (this.#faults.length < maxFaults) this.#faults.push({ kind, sequence, index });
  }
}

/** The first number of `range` that none of `covers` has. */
function firstNotIn(range: SequenceRange, covers: readonly SequenceRange[]): number | undefined {
  let next = range.from;
  for (const cover of covers.toSorted((a, b) => a.from - b.from)) {
    if (cover.from <= next && next <= cover.to) next = cover.to + 1;
  }
  return next <= range.to ? next : undefined;
}
