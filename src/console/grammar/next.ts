/** A fixed word that may stand at a place of a command line. */
export interface Choice {
  readonly word: string;
  readonly help: string;
  /** Names a thing that exists (a viewer, an entry): it counts only when it is written out, so that no other one is meant. */
  readonly whole?: boolean;
}

/** What may stand at a place of a command line. */
export interface Next {
  readonly choices: readonly Choice[];
  /** Any other word may stand here, too. `form` is what a person calls it: `address`, `minutes`. */
  readonly value?: {
    readonly form: string;
    readonly help: string;
    /** What is wrong with a word, if anything. */
    readonly refuse?: (word: string) => string | undefined;
  };
  /** The line may end here. */
  readonly ends: boolean;
}

/** A place within a line, between two words. Immutable: a line is walked forth without leaving a trace. */
export interface Place {
  next(): Next | Promise<Next>;
  /** The place behind `word`, which is one of the choices, or a value. */
  take(word: string): Place;
}

/** Where nothing can follow. */
export const nothingFollows: Next = { choices: [], ends: true };

/** Refuses what is no whole number from `least` to `most`. */
export const notANumber =
  (least: number, most: number) =>
  (word: string): string | undefined =>
    /^\d{1,9}$/.test(word) && Number(word) >= least && Number(word) <= most
      ? undefined
      : `"${word}" is no whole number from ${least} to ${most}`;
