/** A column of a table: its heading, and which end of its cells stands in line. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Rows in columns as wide as what stands in them, two blanks apart; no blanks at the end of a line. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((widest, row) => Math.max(widest, row[index]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map((cells) => `${line(cells)}\n`).join('');
}

/** `name   value`, a line each, with the values in line. */
export function renderFacts(facts: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  const width = known.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return known.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}
