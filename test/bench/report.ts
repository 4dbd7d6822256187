/** What was to be reached, beside what was measured. */
export interface Goal {
  readonly text: string;
  /** Which side of the limit is good; 0 below: not at all. */
  readonly wanted: 'below' | 'at least';
  readonly limit: number;
  readonly measured: number;
  readonly unit: string;
  readonly met: boolean;
}

/** What one benchmark found. */
export interface Report {
  readonly title: string;
  /** Column heads, then rows of as many cells. */
  readonly table: readonly (readonly string[])[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
  /** Something that is no matter of the machine's speed is not as it must be. */
  readonly failed?: boolean;
  /** The same figures for programs. */
  readonly figures: readonly object[];
}

export const below = (text: string, measured: number, limit: number, unit: string): Goal => ({
  ...{ text, wanted: 'below', measured, limit, unit },
  met: measured < limit,
});

export const atLeast = (text: string, measured: number, limit: number, unit: string): Goal => ({
  ...{ text, wanted: 'at least', measured, limit, unit },
  met: measured >= limit,
});

/** What must not happen at all. */
export const none = (text: string, measured: number): Goal => ({
  ...{ text, wanted: 'below', measured, limit: 0, unit: '' },
  met: measured === 0,
});

/** Its table is Markdown. */
export function renderReport({ title, table, goals, notes }: Report): string {
  return [
    title,
    '',
    ...renderTable(table),
    '',
    ...notes.map((note) => `- ${note}`),
    ...(goals.length > 0 ? [''] : []),
    ...goals.map(renderGoal),
  ].join('\n');
}

function renderGoal({ text, wanted, limit, measured, unit, met }: Goal): string {
  const measure = (value: number) => `${Number(value.toFixed(2))}${unit}`;
  const goal = limit === 0 ? 'none' : `${wanted} ${measure(limit)}`;
  return `- ${met ? 'met' : 'NOT MET'}: ${text}: ${measure(measured)}, goal ${goal}`;
}

function renderTable(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const [head, ...body] = rows.map((row) =>
    line(row.map((cell, column) => cell.padStart(columns[column] ?? 0))),
  );
  return [head ?? '', line(columns.map((width) => `${'-'.repeat(Math.max(1, width - 1))}:`)), ...body];
}
