/**
 * The language the configuration tree is written in: one entry per value, with type, unit, range, default and one
 * line of help. Parsing, defaults, checks, completion and the reference are all derived from such entries.
 */

interface Described {
  /** One line for `?` on the console and for the reference. */
  readonly help: string;
  /** False: a change needs a restart of the part, and `commit check` says so. */
  readonly live?: boolean;
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

/** A list of leaves or of branches. */
export interface ListSchema extends Described {
  readonly type: 'list';
  readonly of: LeafSchema | BranchSchema;
  readonly maxItems: number;
  readonly default?: readonly (string | number)[];
}

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
          ? readonly Parsed<O>[]
          : S extends { readonly type: 'branch'; readonly entries: infer E }
            ? { readonly [K in RequiredNames<E>]: Parsed<E[K]> } & {
                readonly [K in Exclude<keyof E, RequiredNames<E>>]?: Parsed<E[K]>;
              }
            : never;
