import { type AnchorBody, chainHash, genesisHash } from '../chain.ts';
import type { ChainHead, EntryKind } from '../face.ts';
import type { DeviceKey } from './device-key.ts';
import type { LedgerEntry } from './entry-row.ts';
import type { EntryTable } from './entry-table.ts';

/** What is to become an entry. */
export interface Fact {
  readonly kind: EntryKind;
  readonly body: string;
  readonly bootEpoch: number;
  readonly at: number;
  readonly clockTrusted: boolean;
  readonly sessionId?: string;
  readonly destinations?: readonly string[];
}

/** Appends to the chain: numbers, links, signs. Only inside a transaction. */
export class ChainWriter {
  readonly #entries: EntryTable;
  readonly #key: DeviceKey;
  readonly #reserve: (sequence: number) => void;
  #head: ChainHead | undefined;
  /** As of the last commit. */
  #kept: ChainHead | undefined;

  constructor(entries: EntryTable, key: DeviceKey, reserve: (sequence: number) => void) {
    this.#entries = entries;
    this.#key = key;
    this.#reserve = reserve;
    this.#kept = this.#head = entries.head();
  }

  /** What was appended is committed. */
  keep(): void {
    this.#kept = this.#head;
  }

  /** What was appended since the last commit is not there. */
  undo(): void {
    this.#head = this.#kept;
  }

  append(fact: Fact): LedgerEntry {
    return this.#append((this.#head?.sequence ?? 0) + 1, fact);
  }

  /** With `sequence`, the chain goes on there: above everything that may have been given out. */
  appendAnchor(body: AnchorBody, fact: Omit<Fact, 'kind' | 'body'>, sequence?: number): LedgerEntry {
    const anchor: Fact = { ...fact, kind: 'anchor', body: JSON.stringify(body) };
    return this.#append(sequence ?? (this.#head?.sequence ?? 0) + 1, anchor);
  }

  #append(sequence: number, fact: Fact): LedgerEntry {
    this.#reserve(sequence);
    const link = {
      sequence,
      kind: fact.kind,
      body: fact.body,
      previousHash: this.#head?.hash ?? genesisHash,
    };
    const hash = chainHash(link);
    const entry: LedgerEntry = {
      ...link,
      hash: hash.toString('hex'),
      signature: this.#key.sign(hash).toString('base64url'),
      bootEpoch: fact.bootEpoch,
      at: fact.at,
      clockTrusted: fact.clockTrusted,
      sessionId: fact.sessionId,
      destinations: fact.destinations ?? [],
    };
    this.#entries.insert(entry);
    this.#head = { sequence, hash: entry.hash };
    return entry;
  }
}
