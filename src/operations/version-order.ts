/**
 * Below 0: `a` is older than `b`; 0: neither is (Semantic Versioning 2.0.0, s.11). Numbers are compared as numbers, and what stands
 * before a release (`1.2.0-rc.1`) is older than it.
 */
export function compareVersions(a: string, b: string): number {
  const [aCore = '', aBefore] = splitVersion(a);
  const [bCore = '', bBefore] = splitVersion(b);
  const core = compareParts(aCore.split('.'), bCore.split('.'));
  if (core !== 0) return core;
  if (aBefore === undefined || bBefore === undefined) {
    return (aBefore === undefined ? 1 : 0) - (bBefore === undefined ? 1 : 0);
  }
  return compareParts(aBefore.split('.'), bBefore.split('.'));
}

/** What comes behind `+` orders nothing. */
function splitVersion(version: string): [string, string | undefined] {
  const [ordered = ''] = version.split('+', 1);
  const dash = ordered.indexOf('-');
  return dash < 0 ? [ordered, undefined] : [ordered.slice(0, dash), ordered.slice(dash + 1)];
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [mine, other] = [a[index], b[index]];
    if (mine === undefined || other === undefined) return mine === undefined ? -1 : 1;
    const numeric = [mine, other].map((part) => /^\d+$/.test(part));
    if (numeric[0] && numeric[1] && Number(mine) !== Number(other)) return Number(mine) - Number(other);
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
    if (!numeric[0] && mine !== other) return mine < other ? -1 : 1;
  }
  return 0;
}
