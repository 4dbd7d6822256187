import type { CommitFacts } from '../../config/index.ts';
import type { Surroundings } from '../command.ts';
import type { Choice } from '../grammar/index.ts';

/** The commits that are kept, by how far back they are. */
export const kept = ({ configurations }: Surroundings): readonly Choice[] =>
  configurations.history().map(asChoice);

const asChoice = ({ at, who, comment }: CommitFacts, index: number): Choice => ({
  word: String(index),
  help: `${new Date(at).toISOString()} by ${who}${comment === undefined ? '' : `: ${comment}`}`,
  whole: true,
});
