import assert from 'node:assert/strict';
import { isWeirError } from '#base';
import {
  Candidate,
  compareTrees,
  configTree,
  renderSetLines,
  runSetLines,
  type Schema,
} from '../../../src/config/index.ts';
import { randomOf } from '../../random.ts';
import { leavesOf, otherValue, richTree } from './leaves.ts';

const seed = Number(process.env.CONFIG_SEED ?? 1);

/** Words that mean something somewhere, and some that mean nothing anywhere. */
const strayWords = [
  '[',
  ']',
  '',
  '"',
  '#',
  '__proto__',
  'constructor',
  '*',
  '-1',
  '1e9',
  '\u0000',
  'é',
  ' a b ',
];

describe('a candidate that is edited at random', () => {
  it('is made again by its own set lines, compares as equal to itself only, and throws nothing but what it means', function () {
    this.timeout(20_000);
    const random = randomOf(seed);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const leaves = leavesOf();
    const words = [...new Set(leaves.flatMap(({ path }) => path)), ...strayWords];
    let taken = 0;
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const candidate = new Candidate({ tree: random() < 0.5 ? richTree : {} });
      for (let edit = 0; edit < 40; edit++) {
        const before = structuredClone(candidate.tree());
        const leaf = pick(leaves);
        const value = otherValue(leaf.schema as Schema, undefined);
        const line =
          random() < 0.6
            ? [...leaf.path, value]
            : Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(words));
        try {
          const way = random();
          if (way < 0.6) candidate.set([], line);
          else if (way < 0.8) candidate.delete(line.slice(0, -1));
          else if (way < 0.9)
            candidate.annotate(line.slice(0, random() < 0.5 ? -1 : 9), 'a "quoted" \\ remark');
          else candidate.insert(line.slice(0, -1), pick(['before', 'after']), pick(words));
          taken += 1;
        } catch (error) {
          assert.ok(
            isWeirError(error, 'CONFIG_BAD_VALUE'),
            `${JSON.stringify(line)} of seed ${seed}: ${error}`,
          );
          assert.deepEqual(candidate.tree(), before, JSON.stringify(line));
          refused += 1;
        }
      }
      const annotations = candidate.annotations();
      const lines = renderSetLines(configTree, candidate.tree(), [], { secrets: true, annotations });
      const again = new Candidate({ tree: {} });
      assert.deepEqual(runSetLines(again, lines.join('\n')), [], `seed ${seed}, round ${round}`);
      assert.deepEqual(compareTrees(candidate.tree(), again.tree()), []);
      assert.deepEqual(again.annotations(), annotations);
      const differences = compareTrees({}, candidate.tree());
      assert.equal(differences.length === 0, Object.keys(candidate.tree()).length === 0);
    }
    assert.ok(taken > 1000 && refused > 1000, `${taken} taken, ${refused} refused`);
  });
});
