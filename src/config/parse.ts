import { WeirError } from '#base';
import { checkBilling } from './billing-check.ts';
import type { ConfigFault } from './config-fault.ts';
import { checkInterfaces } from './interfaces-check.ts';
import { leafFault } from './leaf.ts';
import { isBranch } from './raw-tree.ts';
import type { BranchSchema, LeafSchema, ListSchema, Schema } from './schema.ts';
import { type Config, configTree } from './tree.ts';
import { upgradeTree } from './upgrade.ts';
import { checkUpload } from './upload-check.ts';
import { checkUsers } from './users-check.ts';

/**
 * Parses a configuration tree (as JSON gives it) to a frozen Config with every default filled in.
 *
 * @throws {WeirError} CONFIG_BAD_VALUE naming every fault, not only the first.
 */
export function parseConfig(value: unknown): Config {
  const result = checkConfig(value);
  if (result.config) return result.config;
  const { faults } = result;
  throw new WeirError(
    'CONFIG_BAD_VALUE',
    `configuration: ${faults.map(({ path, text }) => `${path || 'the whole'}: ${text}`).join('; ')}`,
    { fields: { faults: faults.length }, advice: 'mend these values' },
  );
}

/** The same, as an answer: the Config, or everything that is wrong. */
export function checkConfig(
  value: unknown,
):
  | { readonly config: Config; readonly faults: readonly [] }
  | { readonly config?: undefined; readonly faults: readonly ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const config = parseValue(configTree, upgradeTree(value), '', faults) as Config;
  if (faults.length === 0) crossCheck(config, faults);
  return faults.length === 0 ? { config, faults: [] } : { faults };
}

/** What single values of a tree, or of a part of one, have that they may not; what they lack is not looked at. */
export function shapeFaults(value: unknown): readonly ConfigFault[] {
  const faults: ConfigFault[] = [];
  parseValue(configTree, value, '', faults);
  return faults;
}

function parseValue(schema: Schema, value: unknown, path: string, faults: ConfigFault[]): unknown {
  switch (schema.type) {
    case 'branch':
      return parseBranch(schema, value, path, faults);
    case 'list':
      return parseList(schema, value, path, faults);
    default:
      return parseLeaf(schema, value, path, faults);
  }
}

function parseBranch(schema: BranchSchema, value: unknown, path: string, faults: ConfigFault[]): unknown {
  if (value !== undefined && !isBranch(value)) {
    faults.push({ path, text: 'must be an object' });
    return undefined;
  }
  const given: Record<string, unknown> = { ...value };
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(schema.entries, name)) {
      const known = Object.keys(schema.entries).join(', ');
      faults.push({ path: join(path, name), text: `is not known here; known are ${known}` });
    }
  }
  const parsed: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(schema.entries)) {
    const item = parseValue(entry, given[name], join(path, name), faults);
    if (item !== undefined) parsed[name] = item;
  }
  return Object.freeze(parsed);
}

function parseList(schema: ListSchema, value: unknown, path: string, faults: ConfigFault[]): unknown {
  if (value === undefined) return Object.freeze([...((schema.key === undefined && schema.default) || [])]);
  if (!Array.isArray(value)) {
    faults.push({ path, text: 'must be a list' });
    return undefined;
  }
  if (value.length > schema.maxItems) {
    faults.push({ path, text: `has ${value.length} items, at most ${schema.maxItems} are allowed` });
    return undefined;
  }
  const items = value.map((item, index) => parseValue(schema.of, item, `${path}[${index}]`, faults));
  checkOnce(schema, items, path, faults);
  return Object.freeze(items);
}

/** Each item has its key, and no two have the same. */
function checkOnce(schema: ListSchema, items: readonly unknown[], path: string, faults: ConfigFault[]): void {
  const seen = new Set<unknown>();
  for (const [index, item] of items.entries()) {
    const own = schema.key === undefined ? item : isBranch(item) ? item[schema.key] : undefined;
    const at = schema.key === undefined ? `${path}[${index}]` : `${path}[${index}].${schema.key}`;
    if (own === undefined) {
      // What is no branch has been complained of already.
      if (isBranch(item)) faults.push({ path: at, text: `is missing: ${helpOfKey(schema)}` });
    } else if (seen.has(own)) faults.push({ path: at, text: `${JSON.stringify(own)} is there twice` });
    else seen.add(own);
  }
}

const helpOfKey = ({ key, of }: ListSchema): string =>
  (key !== undefined && of.type === 'branch' && of.entries[key]?.help) || 'which one is it?';

function parseLeaf(schema: LeafSchema, value: unknown, path: string, faults: ConfigFault[]): unknown {
  if (value === undefined) return schema.default;
  const text = leafFault(schema, value);
  if (text !== undefined) faults.push({ path, text });
  return value;
}

/** What no single value can say about itself. */
function crossCheck(config: Config, faults: ConfigFault[]): void {
  checkUsers(config.system.users, faults);
  checkInterfaces(config.interfaces, faults);
  const { ports } = config.relay.rtsp;
  if (ports.length === 0) faults.push({ path: 'relay.rtsp.ports', text: 'needs at least one port' });
  for (const [index, origin] of config.relay.origins.entries()) {
    const path = `relay.origins[${index}]`;
    if ((origin.username === undefined) !== (origin.password === undefined)) {
      faults.push({ path, text: 'username and password go together' });
    }
  }
  checkBilling(config.billing, faults);
  checkUpload(config.upload, faults);
}

function join(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}

/** What is in force while nothing is: the defaults, without NICs. */
export const unconfigured = parseValue(configTree, {}, '', []) as Config;
