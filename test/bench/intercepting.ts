import type { Host } from '../../src/demo/world/index.ts';
import { until } from './recovery.ts';

/** Renewed each second for three: less is left only where renewals are late. */
const leastSeconds = 1;

/**
 * Resolves when who connects from now on comes to Weir. A loop that takes all of the box's processor by a realtime priority leaves
 * the daemon beside it no time to renew the intercepted ports: they expire, and until it has, viewers go past the box.
 */
export async function intercepting(box: Host): Promise<void> {
  await until('the box intercepts', async () => {
    const json = await box.run('nft', ['-j', 'list', 'set', 'inet', 'weir', 'intercepted']);
    const { nftables } = JSON.parse(json) as { nftables: readonly { set?: { elem?: readonly Element[] } }[] };
    const elements = nftables.flatMap(({ set }) => set?.elem ?? []);
    return elements.length > 0 && elements.every(({ elem }) => elem.expires >= leastSeconds);
  });
}

interface Element {
  readonly elem: { readonly val: number; readonly expires: number };
}
