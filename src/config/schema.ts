/**
 * The language the configuration tree is written in: one entry per value, with type, unit, range, default and one
 * line of help. Parsing, defaults, checks, completion and the reference are all derived from such entries.
 */

export type AppliesTo = 'new feeds' | 'new sessions' | 'new connections';

interface Described {
  /** One line for `?` on the console and for the reference. */
  readonly help: string;
  /** False: a change needs a restart of the part, and `commit check` says so. */
  readonly live?: boolean;
  /** What is open already keeps the value it began with. Undefined: everything has the new value at once. */
  readonly appliesTo?: AppliesTo;
}

export interface IntegerSchema extends Described {
  readonly type: 'integer';
  readonly unit?: string;
  readonly min: number;
  readonly max: number;
  readonly default?: number;
}

export interface StringSchema extends Described {
  readonly type: 'string';
  /** What a person calls the form: "MAC address". Shown when the pattern does not match. */
  readonly form: string;
  readonly pattern: RegExp;
  /** What the pattern cannot say: why a value of the right form is none after all; undefined when it is one. */
  readonly fault?: (value: string) => string | undefined;
  readonly default?: string;
  /** Never echoed, logged or exported. */
  readonly secret?: boolean;
}

export interface BooleanSchema extends Described {
  readonly type: 'boolean';
  readonly default?: boolean;
}

export interface EnumSchema extends Described {
  readonly type: 'enum';
  readonly values: readonly string[];
  readonly default: string;
}

export type LeafSchema = IntegerSchema | StringSchema | BooleanSchema | EnumSchema;

interface AnyListSchema extends Described {
  readonly type: 'list';
  readonly maxItems: number;
  /** The order of the items means something: `insert` on the console changes it. */
  readonly ordered?: boolean;
}

/** Values, each of them once at most. */
export interface LeafListSchema extends AnyListSchema {
  readonly of: LeafSchema;
  readonly key?: undefined;
  readonly default?: readonly (string | number)[];
}

/** Items that are told apart by one of their entries. */
export interface BranchListSchema extends AnyListSchema {
  readonly of: BranchSchema;
  /** The entry that every item has, each another value: it names the item in a path. */
  readonly key: string;
}

export type ListSchema = LeafListSchema | BranchListSchema;

export interface BranchSchema extends Described {
  readonly type: 'branch';
  readonly entries: { readonly [name: string]: Schema };
}

export type Schema = LeafSchema | ListSchema | BranchSchema;

type HasDefault<S> = S extends { readonly default: unknown }
  ? true
  : S extends { readonly type: 'branch' | 'list' }
    ? true
    : false;

type RequiredNames<E> = { [K in keyof E]: HasDefault<E[K]> extends true ? K : never }[keyof E];

/** Every item of a list has its key. */
type Keyed<K extends string> = { readonly [Name in K]: string };

/** The type of a parsed value, derived from its schema. Leaves without a default may be undefined. */
export type Parsed<S> = S extends { readonly type: 'integer' }
  ? number
  : S extends { readonly type: 'string' }
    ? string
    : S extends { readonly type: 'boolean' }
      ? boolean
      : S extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
        ? V
        : S extends { readonly type: 'list'; readonly of: infer O }
          ? readonly (Parsed<O> & (S extends { readonly key: infer K extends string } ? Keyed<K> : unknown))[]
          : S extends { readonly type: 'branch'; readonly entries: infer E }
            ? { readonly [K in RequiredNames<E>]: Parsed<E[K]> } & {
                readonly [K in Exclude<keyof E, RequiredNames<E>>]?: Parsed<E[K]>;
              }
            : never;
