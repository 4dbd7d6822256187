import { isBranch, type RawBranch } from './raw-tree.ts';

/**
 * Brings a tree that was written before lists had keys to the form of today: a subscriber had one entry for each of its places, an
 * origin its port beside its address. What is not of that form stays as it is, right or wrong.
 */
export function upgradeTree(tree: unknown): unknown {
  if (!isBranch(tree)) return tree;
  const { billing, relay } = tree;
  return {
    ...tree,
    ...(isBranch(billing) && Array.isArray(billing.subscribers)
      ? { billing: { ...billing, subscribers: joinPlaces(billing.subscribers) } }
      : {}),
    ...(isBranch(relay) && Array.isArray(relay.origins)
      ? { relay: { ...relay, origins: relay.origins.map(joinPort) } }
      : {}),
  } as RawBranch;
}

function joinPlaces(entries: unknown[]): unknown[] {
  if (!entries.some((entry) => isBranch(entry) && ('prefix' in entry || 'mac' in entry))) return entries;
  const found = new Map<unknown, RawBranch>();
  return entries.flatMap((entry) => {
    if (!isBranch(entry)) return [entry];
    const { prefix, mac, ...rest } = entry;
    const known = found.get(entry.id);
    const item: RawBranch = known ?? rest;
    if (prefix !== undefined) item.prefixes = [...list(item.prefixes), prefix];
    if (mac !== undefined) item.macs = [...list(item.macs), mac];
    if (known !== undefined) return [];
    if (entry.id !== undefined) found.set(entry.id, item);
    return [item];
  });
}

function joinPort(origin: unknown): unknown {
  if (!isBranch(origin) || typeof origin.address !== 'string' || typeof origin.port !== 'number')
    return origin;
  const { address, port, ...rest } = origin;
  return { address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, ...rest };
}

const list = (node: RawBranch[string] | undefined) => (Array.isArray(node) ? node : []);
