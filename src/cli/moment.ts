import { WeirError } from '#base';

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2026-03-01`, `2026-03-01T12:00:00Z`, or so long ago: `90m`, `24h`, `7d`. Milliseconds since 1970. */
export function parseMoment(text: string, nowMs: number): number {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * (unitMs[unit] ?? 0);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new WeirError(
      'USAGE',
      `"${text}" is no time: write 2026-03-01, 2026-03-01T12:00:00Z, 90m, 24h or 7d`,
    );
  }
  return at;
}
