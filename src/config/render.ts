import { isDeepStrictEqual } from 'node:util';
import type { Annotations } from './candidate.ts';
import { type Change, compareTrees } from './compare.ts';
import { secretMask } from './leaf.ts';
import { keyOf } from './list-items.ts';
import { isBranch, type RawBranch, type RawNode } from './raw-tree.ts';
import type { BranchListSchema, LeafSchema, Schema } from './schema.ts';
import { quoteWord, quoteWords } from './words.ts';

export interface RenderOptions {
  /** Secrets are shown as they are; else `********` stands for each. */
  readonly secrets?: boolean;
  readonly annotations?: Annotations;
}

/** What stands at a place, as `set` lines that make it again; `path` leads to it from where the lines are typed. */
export function renderSetLines(
  schema: Schema,
  node: RawNode,
  path: readonly string[] = [],
  options: RenderOptions = {},
): string[] {
  const lines: string[] = [];
  setLines(schema, node, path, options, lines);
  return lines;
}

function setLines(
  schema: Schema,
  node: RawNode,
  path: readonly string[],
  options: RenderOptions,
  lines: string[],
): void {
  if (schema.type === 'branch') {
    for (const [name, entry] of Object.entries(schema.entries)) {
      const below = isBranch(node) ? node[name] : undefined;
      if (below !== undefined) setLines(entry, below, [...path, name], options, lines);
    }
  } else if (schema.type === 'list') {
    for (const item of Array.isArray(node) ? node : []) {
      if (schema.key === undefined) {
        lines.push(`set ${quoteWords(path)} ${valueText(schema.of, item, options)}`);
        remarkLine([...path, String(item)], options, lines);
      } else if (isBranch(item)) {
        const { [schema.key]: _, ...rest } = item;
        const at = [...path, keyOf(schema, item)];
        if (Object.keys(rest).length === 0) lines.push(`set ${quoteWords(at)}`);
        setLines(schema.of, rest, at, options, lines);
      }
    }
  } else lines.push(`set ${quoteWords(path)} ${valueText(schema, node, options)}`);
  remarkLine(path, options, lines);
}

function remarkLine(path: readonly string[], { annotations }: RenderOptions, lines: string[]): void {
  const remark = annotations?.[quoteWords(path)];
  if (remark !== undefined) lines.push(`annotate ${quoteWords(path)} ${quoteWord(remark)}`);
}

/** What stands at a place in curly brackets, as `show` has it. */
export function renderCurly(
  schema: Schema,
  node: RawNode,
  path: readonly string[] = [],
  options: RenderOptions = {},
): string[] {
  const lines: string[] = [];
  if (schema.type === 'branch') {
    if (isBranch(node)) curlyEntries(schema.entries, node, path, options, '', lines);
  } else if (schema.type === 'list' && schema.key !== undefined) {
    curly(schema, '', node, path, options, '', lines);
  } else curly(schema, path.at(-1) ?? '', node, path, options, '', lines);
  return lines;
}

function curlyEntries(
  entries: { readonly [name: string]: Schema },
  node: RawBranch,
  path: readonly string[],
  options: RenderOptions,
  indent: string,
  lines: string[],
): void {
  for (const [name, entry] of Object.entries(entries)) {
    const below = node[name];
    if (below !== undefined) curly(entry, name, below, [...path, name], options, indent, lines);
  }
}

function curly(
  schema: Schema,
  name: string,
  node: RawNode,
  path: readonly string[],
  options: RenderOptions,
  indent: string,
  lines: string[],
): void {
  const remark = options.annotations?.[quoteWords(path)];
  if (remark !== undefined) lines.push(`${indent}/* ${remark} */`);
  if (schema.type === 'branch') {
    if (!isBranch(node)) return;
    lines.push(`${indent}${name} {`);
    curlyEntries(schema.entries, node, path, options, `${indent}    `, lines);
    lines.push(`${indent}}`);
  } else if (schema.type === 'list') {
    const items = Array.isArray(node) ? node : [];
    if (schema.key === undefined) {
      for (const item of items) {
        const own = options.annotations?.[quoteWords([...path, String(item)])];
        if (own !== undefined) lines.push(`${indent}/* ${String(item)}: ${own} */`);
      }
      const values = items.map((item) => valueText(schema.of, item, options));
      lines.push(`${indent}${name} [ ${values.join(' ')} ];`);
      return;
    }
    if (name !== '') lines.push(`${indent}${name} {`);
    const inner = name === '' ? indent : `${indent}    `;
    for (const item of items.filter(isBranch)) {
      curlyItem(schema, item, [...path, keyOf(schema, item)], options, inner, lines);
    }
    if (name !== '') lines.push(`${indent}}`);
  } else lines.push(`${indent}${name} ${valueText(schema, node, options)};`);
}

function valueText(schema: LeafSchema, value: RawNode, { secrets = false }: RenderOptions): string {
  const hidden = schema.type === 'string' && schema.secret === true && !secrets;
  return hidden ? secretMask : quoteWord(String(value));
}

/** The differences between two trees as `show | compare` has them: per place, what goes (`-`) and what comes (`+`). */
export function renderCompare(before: RawBranch, after: RawBranch, options: RenderOptions = {}): string[] {
  return renderChanges(compareTrees(before, after), options);
}

export function renderChanges(changes: readonly Change[], options: RenderOptions = {}): string[] {
  const lines: string[] = [];
  let shown: readonly string[] | undefined;
  for (const { kind, path, schema, list, before, after } of changes) {
    const isValue = list !== undefined && list.key === undefined;
    const where = kind === 'moved' ? path : path.slice(0, isValue ? -2 : -1);
    if (shown === undefined || !isDeepStrictEqual(shown, where)) {
      lines.push(where.length === 0 ? '[edit]' : `[edit ${quoteWords(where)}]`);
      shown = where;
    }
    if (kind === 'moved') {
      lines.push(`!   order is now: ${quoteWords((after as RawNode[]).map(String))}`);
      continue;
    }
    const name = isValue ? (path.at(-2) ?? '') : quoteWord(path.at(-1) ?? '');
    const put = (sign: string, node: RawNode | undefined) => {
      if (node === undefined) return;
      const text: string[] = [];
      if (list?.key !== undefined && isBranch(node)) curlyItem(list, node, path, options, '', text);
      else curly(schema, name, node, path, options, '', text);
      lines.push(...text.map((line) => `${sign}   ${line}`));
    };
    put('-', before);
    put('+', after);
  }
  return lines;
}

function curlyItem(
  list: BranchListSchema,
  item: RawBranch,
  path: readonly string[],
  options: RenderOptions,
  indent: string,
  lines: string[],
): void {
  const { [list.key]: _, ...rest } = item;
  const key = quoteWord(keyOf(list, item));
  if (Object.keys(rest).length === 0) lines.push(`${indent}${key};`);
  else curly(list.of, key, rest, path, options, indent, lines);
}
