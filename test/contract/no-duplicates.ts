import { silentLog, systemClock } from '#base';
import { DuplicateWatch } from '../../hal/linux/duplicate-watch.ts';

/** For who tests something else: nobody is asked, so nobody has an address of the box, and nothing is to be closed. */
export const noDuplicates = (): DuplicateWatch =>
  new DuplicateWatch({ probe: { whoElseHas: async () => undefined }, clock: systemClock, log: silentLog });
