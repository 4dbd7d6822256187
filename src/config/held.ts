import type { Schema } from './schema.ts';
import { type Config, configTree } from './tree.ts';

/**
 * What of `next` can be in force without a restart: values that are not live stay as they are in `running`. Of new items
 * everything is new.
 */
export function holdBack(
  running: Config,
  next: Config,
): { readonly config: Config; readonly held: readonly (readonly string[])[] } {
  const held: (readonly string[])[] = [];
  const config = hold(configTree, running, next, [], held) as Config;
  return { config: held.length === 0 ? next : config, held };
}

function hold(
  schema: Schema,
  running: unknown,
  next: unknown,
  path: readonly string[],
  held: (readonly string[])[],
): unknown {
  if (schema.type === 'branch') {
    const [was, is] = [running, next] as Readonly<Record<string, unknown>>[];
    const entries = Object.entries(schema.entries).map(([name, entry]) => [
      name,
      hold(entry, was?.[name], is?.[name], [...path, name], held),
    ]);
    return Object.freeze(Object.fromEntries(entries.filter(([, value]) => value !== undefined)));
  }
  if (schema.type === 'list' && schema.key !== undefined && schema.live !== false) {
    const { key, of } = schema;
    const keyed = (list: unknown) => list as readonly Readonly<Record<string, unknown>>[];
    const known = new Map(keyed(running).map((item) => [item[key], item]));
    const items = keyed(next).map((item) => {
      const was = known.get(item[key]);
      return was ? hold(of, was, item, [...path, String(item[key])], held) : item;
    });
    return Object.freeze(items);
  }
  if (schema.live !== false || isSame(running, next)) return next;
  held.push(path);
  return running;
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
