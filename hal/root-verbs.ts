/**
 * What the box lets Weir have done with rights that Weir does not have: a closed list. Each is a small unit of the image's
 * with nothing but that to do (`image/units`); who may ask is said by the rights of its socket.
 */
export const rootVerbs = [
  'reboot',
  'power-off',
  'update',
  'factory-reset',
  'dhcp',
  'arp-probe',
  'led',
  'port-holders',
] as const;
export type RootVerb = (typeof rootVerbs)[number];

export interface VerbOptions {
  /** What it says meanwhile, a line at a time. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface RootVerbs {
  /** False on a machine that is not a flashed gateway. */
  has(verb: RootVerb): boolean;
  /**
   * Asks for `verb` with these words and waits for its end; returns the lines it said. Words hold no line breaks and no tabs.
   *
   * @throws {WeirError} NOT_AVAILABLE when the machine has no such verb; VERB_FAILED with what it complained of, `reason` in
   * its fields; TIMED_OUT never: some take minutes, `signal` ends the waiting.
   */
  run(verb: RootVerb, words: readonly string[], options?: VerbOptions): Promise<readonly string[]>;
}
