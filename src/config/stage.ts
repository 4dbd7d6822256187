import { isDeepStrictEqual } from 'node:util';
import { CloseStack, describeError, type Turn, WeirError } from '#base';
import type { Config } from './tree.ts';

/**
 * A part of the running box that follows the configuration. `apply` brings it to `next` and touches nothing that did
 * not change; the function it returns brings it back to what was. An `apply` that rejects has undone itself.
 */
export interface Stage {
  readonly name: string;
  apply(next: Config): Promise<() => Promise<void>>;
}

/**
 * A stage that is brought to a plan made of the configuration. The same plan again is nothing to do; it is brought back by the
 * plan of before, which names what it names as it was then. One that is not there in time is given up: what it still does is
 * taken back when it is over, and until then it is not touched.
 */
export class PlannedStage<Plan> implements Stage {
  readonly name: string;
  readonly #turn: Turn;
  readonly #planOf: (config: Config) => Plan;
  readonly #bring: (plan: Plan, before: { readonly plan: Plan } | undefined) => Promise<() => Promise<void>>;
  #last: { readonly plan: Plan } | undefined;
  /** What it was brought to last is what it is: false when it could not be brought back. */
  #sure = true;

  constructor(options: {
    name: string;
    /** Of this stage alone. */
    turn: Turn;
    planOf: (config: Config) => Plan;
    /** One that rejects has undone itself. What it returns, if anything, takes back what it did. */
    apply: ((plan: Plan) => Promise<void>) | ((plan: Plan) => Promise<() => Promise<void>>);
  }) {
    const { name, turn, planOf, apply } = options;
    this.name = name;
    this.#turn = turn;
    this.#planOf = planOf;
    this.#bring = async (plan, before) => {
      const takeBack = await apply(plan);
      return async () => {
        if (takeBack) await takeBack();
        else if (before) await apply(before.plan);
      };
    };
  }

  async apply(next: Config): Promise<() => Promise<void>> {
    const before = this.#last;
    const plan = this.#planOf(next);
    if (before && this.#sure && isDeepStrictEqual(before.plan, plan)) return async () => {};
    const goBack = async (takeBack: () => Promise<void>) => {
      this.#sure = false;
      await takeBack();
      this.#last = before;
      this.#sure = true;
    };
    const takeBack = await this.#turn.run(() => this.#bring(plan, before), goBack);
    this.#last = { plan };
    this.#sure = true;
    return () => this.#turn.run(() => goBack(takeBack));
  }
}

/**
 * Applies the stages in order; when one rejects, those before it are undone in reverse and the error is thrown.
 *
 * @throws {WeirError} CONFIG_HALF_APPLIED: they could not be undone, either.
 */
export async function applyStages(stages: readonly Stage[], next: Config): Promise<() => Promise<void>> {
  const applied = new CloseStack();
  for (const stage of stages) {
    try {
      applied.defer(await stage.apply(next));
    } catch (error) {
      await applied.close().catch((failure) => {
        const text = `${describeError(error)}; and what came before it could not be undone: ${describeError(failure)}`;
        throw new WeirError('CONFIG_HALF_APPLIED', text, { cause: error });
      });
      throw error;
    }
  }
  return () => applied.close();
}
