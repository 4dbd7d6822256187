import type { InterfaceStatus } from '../../operations/index.ts';

/** What is known while the questions are asked. */
export interface SetupFacts {
  /** In the order they are shown in, which is how they are numbered. */
  readonly nics: readonly InterfaceStatus[];
  /** What was answered so far, by the name of the question. */
  readonly answers: ReadonlyMap<string, string>;
}

/** One thing that is asked, as data. */
export interface Question {
  readonly name: string;
  /** Undefined: not asked, as the answers before it are. */
  readonly text: (facts: SetupFacts) => string | undefined;
  /** What Enter alone means; undefined: something must be typed. */
  readonly fallback?: (facts: SetupFacts) => string | undefined;
  /** Not shown while it is typed, and asked anew each time. */
  readonly secret?: boolean;
  /** The question that is asked anew when this one's answer is none. */
  readonly backTo?: string;
  /**
   * What the answer sets: words as they stand behind `set`.
   *
   * @throws {WeirError} CONFIG_BAD_VALUE when it is no answer to that.
   */
  readonly sets: (answer: string, facts: SetupFacts) => Promise<SetWords> | SetWords;
}

export type SetWords = readonly (readonly string[])[];
