/**
 * How many engine threads to run on a machine with so many cores. 0 asks for the choice to be made here: a core is left to
 * JavaScript and the rest of the machine, and what one thread delivers already fills a network card of 1 Gbit/s several
 * times, so that more than four would only stand by.
 */
export function engineThreadCount(configured: number, cores: number): number {
  return configured > 0 ? configured : Math.min(4, Math.max(1, cores - 1));
}
