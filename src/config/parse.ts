import { isIP } from 'node:net';
import { WeirError } from '#base';
import { checkBilling } from './billing-check.ts';
import type { BranchSchema, LeafSchema, ListSchema, Schema } from './schema.ts';
import { type Config, configTree } from './tree.ts';
import { checkUpload } from './upload-check.ts';

/** One thing that is wrong with a configuration, by its path: `relay.rtsp.ports[0]`. */
export interface ConfigFault {
  readonly path: string;
  readonly text: string;
}

/**
 * Parses a configuration tree (as JSON gives it) to a frozen Config with every default filled in.
 *
 * @throws {WeirError} CONFIG_BAD_VALUE naming every fault, not only the first.
 */
export function parseConfig(value: unknown): Config {
  const faults: ConfigFault[] = [];
  const parsed = parseValue(configTree, value, '', faults) as Config;
  if (faults.length === 0) crossCheck(parsed, faults);
  if (faults.length > 0) {
    throw new WeirError(
      'CONFIG_BAD_VALUE',
      `configuration: ${faults.map(({ path, text }) => `${path || 'the whole'}: ${text}`).join('; ')}`,
      { fields: { faults: faults.length }, advice: 'mend these values' },
    );
  }
  return parsed;
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
  if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) {
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
  if (value === undefined) return Object.freeze([...(schema.default ?? [])]);
  if (!Array.isArray(value)) {
    faults.push({ path, text: 'must be a list' });
    return undefined;
  }
  if (value.length > schema.maxItems) {
    faults.push({ path, text: `has ${value.length} items, at most ${schema.maxItems} are allowed` });
    return undefined;
  }
  return Object.freeze(value.map((item, index) => parseValue(schema.of, item, `${path}[${index}]`, faults)));
}

function parseLeaf(schema: LeafSchema, value: unknown, path: string, faults: ConfigFault[]): unknown {
  if (value === undefined) return schema.default;
  const text = faultOf(schema, value);
  if (text !== undefined) faults.push({ path, text });
  return value;
}

function faultOf(schema: LeafSchema, value: unknown): string | undefined {
  const shown =
    'secret' in schema && schema.secret ? 'the value' : (JSON.stringify(value) ?? 'the value').slice(0, 80);
  switch (schema.type) {
    case 'integer': {
      const { min, max, unit } = schema;
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
        return undefined;
      return `${shown} must be a whole number from ${min} to ${max}${unit ? ` (${unit})` : ''}`;
    }
    case 'string':
      return typeof value === 'string' && schema.pattern.test(value)
        ? undefined
        : `${shown} must be: ${schema.form}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${shown} must be true or false`;
    case 'enum':
      return typeof value === 'string' && schema.values.includes(value)
        ? undefined
        : `${shown} must be one of ${schema.values.join(', ')}`;
  }
}

/** What no single value can say about itself. */
function crossCheck(config: Config, faults: ConfigFault[]): void {
  const { wan, access } = config.interfaces;
  for (const [role, nic] of Object.entries({ wan, access })) {
    if (nic.device === undefined && nic.mac === undefined && nic.path === undefined) {
      faults.push({ path: `interfaces.${role}`, text: 'needs device, mac or path: which NIC is it?' });
    }
    for (const [index, address] of nic.addresses.entries()) {
      if (isIP(address.split('/')[0] ?? '') === 0) {
        faults.push({
          path: `interfaces.${role}.addresses[${index}]`,
          text: `"${address}" is no IP address`,
        });
      }
    }
  }
  if (wan.device !== undefined && wan.device === access.device) {
    faults.push({ path: 'interfaces.access.device', text: `"${wan.device}" is the wan NIC already` });
  }
  if (wan.mac !== undefined && wan.mac.toLowerCase() === access.mac?.toLowerCase()) {
    faults.push({ path: 'interfaces.access.mac', text: `"${wan.mac}" is the wan NIC already` });
  }
  const { ports } = config.relay.rtsp;
  if (ports.length === 0) faults.push({ path: 'relay.rtsp.ports', text: 'needs at least one port' });
  if (new Set(ports).size !== ports.length)
    faults.push({ path: 'relay.rtsp.ports', text: 'names a port twice' });
  for (const [index, { url }] of config.relay.feeds.entries()) {
    if (url === undefined)
      faults.push({ path: `relay.feeds[${index}].url`, text: 'is missing: which feeds?' });
  }
  for (const [index, origin] of config.relay.origins.entries()) {
    const path = `relay.origins[${index}]`;
    if (origin.address === undefined || isIP(origin.address) === 0) {
      faults.push({ path: `${path}.address`, text: 'must be an IP address' });
    }
    if ((origin.username === undefined) !== (origin.password === undefined)) {
      faults.push({ path, text: 'username and password go together' });
    }
  }
  checkBilling(config.billing, faults);
  checkUpload(config.upload, faults);
}

const join = (path: string, name: string): string => (path ? `${path}.${name}` : name);
