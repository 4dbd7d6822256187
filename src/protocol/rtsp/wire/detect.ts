import { isBlank, isTokenByte, latin1 } from './grammar.ts';
import { beginsMessage, longestMethod, skipEmptyLines } from './message.ts';

/** A viewer that has sent this much without ending its request line (or a GET/POST its head) is decided upon. */
const enoughBytes = 16_384;

/**
 * Does a connection begin with an RTSP request? Decided by its first line alone: `METHOD SP uri SP RTSP/x.y`, any method,
 * blanks and version taken loosely, because a loose origin would serve it: what is wrong in it is for the parser to
 * refuse. GET and POST are RTSP too when their head has `x-sessioncookie` (RTSP tunnelled over HTTP). A '$' first is none.
 */
export function looksLikeRtsp(bytes: Uint8Array): 'yes' | 'no' | 'need-more' {
  const start = skipEmptyLines(bytes, 0, bytes.length);
  const seen = bytes.subarray(start, start + enoughBytes);
  if (seen.length > 0 && !beginsMessage(seen[0])) return 'no';
  let method = 0;
  while (method <= longestMethod && isTokenByte(seen[method])) method += 1;
  if (method > longestMethod) return 'no';
  if (method === seen.length) return start < enoughBytes ? 'need-more' : 'no';
  if (!isBlank(seen[method])) return 'no';

  const text = latin1(seen);
  const full = seen.length === enoughBytes;
  const lf = text.indexOf('\n');
  const line = lf < 0 ? text : text.slice(0, lf);
  if (lf < 0) {
    if (!full) return 'need-more';
    return /^\S+[ \t]+rtsp[a-z]?:\/\//i.test(line) ? 'yes' : 'no';
  }
  if (/[ \t]RTSP\/\d/i.test(line)) return 'yes';
  if (!/^(?:GET|POST)[ \t].*[ \t]HTTP\/1\./i.test(line)) return 'no';
  const head = text.slice(lf);
  const headEnd = /\n\r?\n/.exec(head);
  if (/\nx-sessioncookie[ \t]*:/i.test(headEnd ? head.slice(0, headEnd.index + 1) : head)) return 'yes';
  return headEnd || full ? 'no' : 'need-more';
}
