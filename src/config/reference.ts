import type { LeafSchema, ListSchema, Schema } from './schema.ts';
import { configTree } from './tree.ts';

/** The reference of every configuration value, as Markdown (`docs/configuration.md`). */
export function renderReference(): string {
  const rows: string[] = [];
  walk(configTree, '', rows);
  return [
    '# Configuration',
    '',
    'One tree. On the disk it is one JSON file; on the console its values are set one by one, the items of a list by their key:',
    '`set relay origins 192.0.2.9 username u` sets `relay.origins[].username` of the item whose `address` is 192.0.2.9. Every value',
    'has a default, but for the two NICs: each needs `device`, `mac` or `path`.',
    '',
    'A change takes effect at once, beneath the viewers. Where *(new feeds)*, *(new sessions)* or *(new connections)* is said, what is',
    'open already keeps the value it began with; where **(restart needed)** is said, the value waits for a restart.',
    '',
    'This page is made from the schema in `src/config/tree.ts` by `npm run docs`.',
    '',
    '| value | form | default | what it is |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function walk(schema: Schema, path: string, rows: string[]): void {
  if (schema.type === 'branch') {
    for (const [name, entry] of Object.entries(schema.entries))
      walk(entry, path ? `${path}.${name}` : name, rows);
    return;
  }
  if (schema.type === 'list' && schema.of.type === 'branch') {
    const form = `list by \`${schema.key}\`${schema.ordered ? ', in order' : ''}, at most ${schema.maxItems}`;
    rows.push(row(path, form, 'empty', schema.help + effectOf(schema)));
    walk(schema.of, `${path}[]`, rows);
    return;
  }
  rows.push(row(path, formOf(schema), defaultOf(schema), schema.help + effectOf(schema)));
}

function effectOf({ live, appliesTo }: Schema): string {
  if (live === false) return ' **(restart needed)**';
  return appliesTo === undefined ? '' : ` *(${appliesTo})*`;
}

function formOf(schema: LeafSchema | ListSchema): string {
  switch (schema.type) {
    case 'integer':
      return `${schema.min} to ${schema.max}${schema.unit ? ` ${schema.unit}` : ''}`;
    case 'boolean':
      return 'true or false';
    case 'enum':
      return schema.values.map((value) => `\`${value}\``).join(', ');
    case 'string':
      return schema.secret ? `${schema.form}, kept secret` : schema.form;
    case 'list':
      return `list, at most ${schema.maxItems}: ${schema.of.type === 'branch' ? '' : formOf(schema.of)}`;
  }
}

function defaultOf(schema: LeafSchema | ListSchema): string {
  if (schema.type === 'list' && (schema.key !== undefined || schema.default === undefined)) return 'empty';
  if (schema.default === undefined) return '';
  return `\`${JSON.stringify(schema.default)}\``;
}

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
