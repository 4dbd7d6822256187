/**
 * Patterns for URLs of live sources, as `billing.tariffs[].urls` has them: `*` stands for any run of characters, slashes
 * among them; everything else for itself. Scheme and host are compared without regard to case, path and query with it
 * (RFC 3986 s.6.2.2.1). In a list of rules the first match wins.
 */

/** How a pattern is written, for the schema. */
export const urlPattern = {
  form: 'URL with * for any run of characters, like rtsp://tv.example.net/live/*',
  pattern: /^(\*|[a-z][a-z0-9+.-]*:\/\/)[\x21-\x7e]{0,2000}$/i,
};

/** Does `url`, normalised as a feed's is, match the pattern? */
export function urlMatches(pattern: string, url: string): boolean {
  return globMatches(normalizedPattern(pattern), url);
}

/** Scheme and host in lower case; `:554` of rtsp:// dropped, as in the URLs it is compared with. */
function normalizedPattern(pattern: string): string {
  const [, scheme = '', authority = '', tail = ''] = /^([^/?*]*:\/\/)([^/?]*)(.*)$/.exec(pattern) ?? [];
  if (scheme === '') return pattern;
  const lower = (scheme + authority).toLowerCase();
  return (lower.startsWith('rtsp://') ? lower.replace(/:554$/, '') : lower) + tail;
}

/** Every star is tried as short as it can be, and only the last one is ever made longer: no pattern takes exponential time. */
function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let resumeAt = 0;
  while (at < text.length) {
    if (pattern[next] === '*') {
      star = next++;
      resumeAt = at;
    } else if (pattern[next] === text[at]) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      next = star + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[next] === '*') next += 1;
  return next === pattern.length;
}
