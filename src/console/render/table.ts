/** A column of a table: its heading, and which end of its cells stands in line. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const gap = '  ';
/** What belongs to the row above. */
const indent = '    ';

/**
 * Rows in columns as wide as what stands in them, two blanks apart; no blanks at the end of a line. On a screen that is not `width`
 * cells wide the columns it has no room for stand below the others, also in line, so that no row runs over the edge and the
 * next one into its columns. A serial console has 80.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, row[index]?.length ?? 0), title.length),
  );
  const lines = foldColumns(widths, width);
  const render = (cells: readonly string[]): string =>
    lines
      .map((indices, at) => {
        const text = indices.map((index) => {
          const cell = cells[index] ?? '';
          return columns[index]?.align === 'right'
            ? cell.padStart(widths[index] ?? 0)
            : cell.padEnd(widths[index] ?? 0);
        });
        return `${at === 0 ? '' : indent}${text.join(gap)}`.trimEnd();
      })
      // Below a row there is only what the row has.
      .filter((line, at) => at === 0 || line !== '')
      .map((line) => `${line}\n`)
      .join('');
  return [columns.map(({ title }) => title), ...rows].map(render).join('');
}

/** Which columns stand on which line of a row. One that is wider than the screen has a line of its own. */
function foldColumns(widths: readonly number[], width: number): readonly (readonly number[])[] {
  const lines: number[][] = [[]];
  let used = 0;
  for (const [index, own] of widths.entries()) {
    const line = lines.at(-1) as number[];
    const wanted = line.length === 0 ? own : gap.length + own;
    if (line.length > 0 && used + wanted > width) {
      lines.push([index]);
      used = indent.length + own;
    } else {
      line.push(index);
      used += wanted;
    }
  }
  return lines;
}

/** `name   value`, a line each, with the values in line. */
export function renderFacts(facts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  const width = known.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
