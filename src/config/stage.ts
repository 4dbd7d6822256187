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
