import { WeirError } from '#base';
import type { RootVerb, RootVerbs, VerbOptions } from '../root-verbs.ts';

/** How a verb goes: the lines it says, or how it fails. */
export type SimVerb = (words: readonly string[]) => readonly string[] | { reason: string; text: string };

/** Keeps what it was asked for; a test decides which verbs there are and how they go. */
export class SimRootVerbs implements RootVerbs {
  readonly asked: { verb: RootVerb; words: readonly string[] }[] = [];
  readonly verbs = new Map<RootVerb, SimVerb>();

  has(verb: RootVerb): boolean {
    return this.verbs.has(verb);
  }

  async run(verb: RootVerb, words: readonly string[], options: VerbOptions = {}): Promise<readonly string[]> {
    options.signal?.throwIfAborted();
    if (words.some((word) => /[\t\n\r\0]/.test(word))) {
      throw new WeirError('USAGE', 'a word holds a tab or a line break', { fields: { verb } });
    }
    const act = this.verbs.get(verb);
    if (!act) throw new WeirError('NOT_AVAILABLE', `this machine lets nobody ask for ${verb}`);
    this.asked.push({ verb, words });
    const went = act(words);
    if ('reason' in went) {
      throw new WeirError('VERB_FAILED', went.text, { fields: { verb, reason: went.reason } });
    }
    for (const line of went) options.onLine?.(line);
    return went;
  }
}
