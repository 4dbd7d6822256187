import { parseDecimal, trimBlanks } from './grammar.ts';

/**
 * The header fields of one message, in their order and spelling. Never changes: `with` and `without` give new ones.
 * Values carry no blanks at their ends (they mean nothing, RFC 2616 s.4.2).
 */
export class Headers {
  static readonly none = new Headers([]);

  readonly #entries: readonly (readonly [string, string])[];

  private constructor(entries: readonly (readonly [string, string])[]) {
    this.#entries = entries;
  }

  static of(entries: Iterable<readonly [string, string]>): Headers {
    return new Headers(Array.from(entries, ([name, value]) => [name, trimBlanks(value)] as const));
  }

  /** The first value of this name, in any case. */
  get(name: string): string | undefined {
    for (const [given, value] of this.#entries) if (isSameName(given, name)) return value;
    return undefined;
  }

  all(name: string): readonly string[] {
    return this.#entries.filter(([given]) => isSameName(given, name)).map(([, value]) => value);
  }

  entries(): readonly (readonly [string, string])[] {
    return this.#entries;
  }

  /** With `name` once: in place of its first occurrence, else at the end. */
  with(name: string, value: string): Headers {
    const entry = [name, trimBlanks(value)] as const;
    const first = this.#entries.findIndex(([given]) => isSameName(given, name));
    if (first < 0) return new Headers([...this.#entries, entry]);
    return new Headers(
      this.#entries.flatMap((old, at) => (at === first ? [entry] : isSameName(old[0], name) ? [] : [old])),
    );
  }

  without(...names: readonly string[]): Headers {
    return new Headers(this.#entries.filter(([given]) => !names.some((name) => isSameName(given, name))));
  }
}

const isSameName = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

/** The CSeq of a message (RFC 2326 s.12.17); undefined when it is missing, twice and different, or no number. */
export function cseq(headers: Headers): number | undefined {
  const [first, ...others] = headers.all('CSeq');
  if (first === undefined || others.some((other) => other !== first)) return undefined;
  return parseDecimal(first, 0xffff_ffff);
}
