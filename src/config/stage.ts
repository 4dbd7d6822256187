import { isDeepStrictEqual } from 'node:util';
import { CloseStack } from '#base';
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
 * plan of before, which names what it names as it was then.
 */
export class PlannedStage<Plan> implements Stage {
  readonly name: string;
  readonly #planOf: (config: Config) => Plan;
  readonly #bring: (plan: Plan, before: { readonly plan: Plan } | undefined) => Promise<() => Promise<void>>;
  #last: { readonly plan: Plan } | undefined;

  constructor(options: {
    name: string;
    planOf: (config: Config) => Plan;
    /** One that rejects has undone itself. What it returns, if anything, takes back what it did. */
    apply: ((plan: Plan) => Promise<void>) | ((plan: Plan) => Promise<() => Promise<void>>);
  }) {
    const { name, planOf, apply } = options;
    this.name = name;
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
    if (before && isDeepStrictEqual(before.plan, plan)) return async () => {};
    const takeBack = await this.#bring(plan, before);
    this.#last = { plan };
    return async () => {
      await takeBack();
      this.#last = before;
    };
  }
}

/** Applies the stages in order; when one rejects, those before it are undone in reverse and the error is thrown. */
export async function applyStages(stages: readonly Stage[], next: Config): Promise<() => Promise<void>> {
  const applied = new CloseStack();
  for (const stage of stages) {
    try {
      applied.defer(await stage.apply(next));
    } catch (error) {
      await applied.close();
      throw error;
    }
  }
  return () => applied.close();
}
