import type { Delivery } from '../destination.ts';

/**
 * A collector may answer for each record: `{"results":[{"id":"…","status":"accepted"|"duplicate"|"rejected"|"retry",
 * "reason":"…"}]}`. Any other body of a 2xx, or none, says that it has them all. A record that the list leaves out was
 * not taken.
 */
export function answersPerRecord(ids: readonly string[], body: string): readonly Delivery[] {
  const results = resultsIn(body);
  if (results === undefined) return ids.map(() => ({ outcome: 'acknowledged' }));
  return ids.map((id) => delivery(results.get(id)));
}

interface Result {
  readonly status: string;
  readonly reason: string;
}

function resultsIn(body: string): ReadonlyMap<string, Result> | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  const list = isObject(answer) ? answer.results : undefined;
  if (!Array.isArray(list)) return undefined;
  const results = new Map<string, Result>();
  for (const one of list) {
    if (!isObject(one) || typeof one.id !== 'string' || typeof one.status !== 'string') continue;
    results.set(one.id, {
      status: one.status,
      reason: typeof one.reason === 'string' ? one.reason : one.status,
    });
  }
  return results;
}

function delivery(result: Result | undefined): Delivery {
  switch (result?.status) {
    case 'accepted':
    case 'duplicate':
      return { outcome: 'acknowledged' };
    case 'rejected':
      return { outcome: 'rejected', reason: `the collector rejects it: ${result.reason}` };
    default:
      return { outcome: 'retry', reason: result?.reason ?? 'the collector did not answer for this record' };
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
