import type { Config } from './tree.ts';
import { urlMatches } from './url-pattern.ts';

/** What `relay.feeds` says about the feed of this URL: the first entry that matches it. */
function feedEntry({ relay }: Config, url: string): Config['relay']['feeds'][number] | undefined {
  return relay.feeds.find((entry) => urlMatches(entry.url, url));
}

/** How far back a viewer of this feed may begin; undefined: not at all. */
export function catchUpOf(config: Config, url: string): { maxMs: number; maxBytes: number } | undefined {
  const { enabled, maxSeconds, maxBytes } = { ...config.relay.catchUp, ...feedEntry(config, url)?.catchUp };
  return enabled ? { maxMs: maxSeconds * 1000, maxBytes } : undefined;
}
