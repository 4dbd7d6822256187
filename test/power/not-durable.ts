/**
 * Preloaded for the control run: the store as it would be if it had left SQLite's `synchronous` at NORMAL, which does not
 * wait for the disk at COMMIT. It must lose what it acknowledged, else the rig would not see a loss.
 */
import { registerHooks } from 'node:module';

const target = '/storage/database/sqlite.ts';
const durable = `['synchronous', 'FULL', 2n]`;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(target)) return loaded;
    const parts = String(loaded.source).split(durable);
    if (parts.length !== 2) throw new Error(`${target} has ${parts.length - 1} times ${durable}`);
    return { ...loaded, source: parts.join(`['synchronous', 'NORMAL', 1n]`) };
  },
});
