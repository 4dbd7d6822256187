import {
  type Annotations,
  type RawBranch,
  type RawNode,
  renderCompare,
  renderCurly,
  renderSetLines,
  type Schema,
  secretMask,
} from '../../config/index.ts';
import type { CommandView } from '../command.ts';
import { kept } from './kept.ts';

/** A part of a configuration as it is shown: nothing in it is secret any more. Its JSON is the part itself. */
export interface ShownConfiguration {
  readonly lines: readonly string[];
  toJSON(): unknown;
}

/** Other views of a configuration. */
export const configurationViews: readonly CommandView[] = [
  {
    word: 'compare',
    help: 'what is different from what is in force',
    option: { word: 'rollback', help: 'from what was in force before', choices: kept },
  },
  { word: 'display set', help: 'as lines that can be typed or pasted' },
];

export interface Source {
  readonly tree: RawBranch;
  readonly annotations: Annotations;
  /** What `compare` compares with: what is in force, or was so many commits before. */
  readonly before: (back: number) => Promise<RawBranch>;
}

/** What stands at a place of `source`. */
export async function shownConfiguration(
  source: Source,
  at: { readonly schema: Schema; readonly node: RawNode | undefined; readonly path: readonly string[] },
  view: string | undefined,
): Promise<ShownConfiguration> {
  const { schema, node, path } = at;
  const { annotations } = source;
  const compare = /^compare(?: rollback (\d+))?$/.exec(view ?? '');
  if (compare) {
    const lines = renderCompare(await source.before(Number(compare[1] ?? 0)), source.tree);
    return { lines, toJSON: () => lines };
  }
  if (node === undefined) return { lines: [], toJSON: () => null };
  const render = view === undefined ? renderCurly : renderSetLines;
  return { lines: render(schema, node, path, { annotations }), toJSON: () => masked(schema, node) };
}

export const renderConfiguration = ({ lines }: ShownConfiguration): string =>
  lines.map((line) => `${line}\n`).join('');

/** The same, but for `********` in the place of each secret. */
function masked(schema: Schema, node: RawNode): RawNode {
  if (schema.type === 'list') {
    return Array.isArray(node) ? node.map((item) => masked(schema.of, item)) : node;
  }
  if (schema.type === 'branch') {
    if (typeof node !== 'object' || Array.isArray(node)) return node;
    const entries = Object.entries(node).map(([name, value]) => {
      const entry = schema.entries[name];
      return [name, entry === undefined ? value : masked(entry, value)];
    });
    return Object.fromEntries(entries);
  }
  return schema.type === 'string' && schema.secret === true ? secretMask : node;
}
