import type { Clock } from './clock.ts';

/** Resolves when `work` is over, well or not (true), or `ms` have passed (false): for ends that must not wait for ever. */
export async function within(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using _late = clock.after(ms, () => resolve(false));
  const over = () => resolve(true);
  work.then(over, over);
  return await promise;
}
