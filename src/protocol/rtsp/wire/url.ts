/** rtsp:// URLs (RFC 2326 s.3.2, RFC 3986). */
import { badMessage } from './bad-message.ts';
import { parseDecimal } from './grammar.ts';

export interface RtspUrl {
  /** As written, but without user information. */
  readonly raw: string;
  readonly scheme: 'rtsp';
  /** Lower case; an IPv6 address in its canonical form without brackets. */
  readonly host: string;
  readonly port: number;
  /** As written, from its first slash; empty when there is none. */
  readonly path: string;
  /** As written, without the question mark. */
  readonly query: string | undefined;
}

const defaultPort = 554;

/** RTSP_BAD_MESSAGE (400) when it is no rtsp:// URL. `*` is not one. */
export function parseRtspUrl(raw: string): RtspUrl {
  const bad = (what: string) => badMessage(what, { offset: 0, status: 400 });
  if (/[^\x21-\x7e\x80-\xff]/.test(raw)) throw bad('bad character in the URL');
  const parts = /^(rtsp:\/\/)([^/?]*)([^?]*)(?:\?(.*))?$/i.exec(raw);
  if (!parts) throw bad('no rtsp:// URL');
  const [, scheme = '', authority = '', path = '', query] = parts;
  const hostPort = authority.slice(authority.lastIndexOf('@') + 1);
  const [, hostText = '', portText] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(hostPort) ?? [];
  const host = hostText.startsWith('[') ? canonicalIpv6(hostText) : canonicalHost(hostText);
  if (host === undefined) throw bad('bad host in the URL');
  const port = portText ? parseDecimal(portText, 0xffff) : defaultPort;
  if (!port) throw bad('bad port in the URL');
  const tail = query === undefined ? path : `${path}?${query}`;
  return { raw: `${scheme}${hostPort}${tail}`, scheme: 'rtsp', host, port, path, query };
}

const canonicalHost = (host: string): string | undefined =>
  /^[a-z0-9._-]{1,255}$/i.test(host) ? host.toLowerCase() : undefined;

function canonicalIpv6(bracketed: string): string | undefined {
  if (!/^\[[0-9a-f:.]{2,45}\]$/i.test(bracketed)) return undefined;
  return URL.parse(`http://${bracketed}/`)?.hostname.slice(1, -1);
}

/**
 * The text two viewers' URLs must have in common to share a feed: RFC 3986 s.6.2.2 without touching what a server
 * could tell apart. Scheme and host in lower case, default port, user information, dot segments and slashes at the end
 * dropped, percent-encodings in upper case and those of unreserved characters decoded; the query as written.
 */
export function normalizeForSharing(url: RtspUrl | string): string {
  const { host, port, path, query } = typeof url === 'string' ? parseRtspUrl(url) : url;
  const authority = (host.includes(':') ? `[${host}]` : host) + (port === defaultPort ? '' : `:${port}`);
  return `rtsp://${authority}${normalizePath(path)}${query === undefined ? '' : `?${query}`}`;
}

/** The path of `normalizeForSharing`: percent-encoding, dot segments, slashes at the end. */
export function normalizePath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/').slice(1).map(normalizeSegment)) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const text = kept.map((segment) => `/${segment}`).join('');
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end -= 1;
  return text.slice(0, end);
}

/**
 * RFC 3986 s.6.2.2.1 and s.6.2.2.2. Where a percent sign is not an encoding's, decoding beside it could make one
 * (`%%41e`): such a segment is left as it is.
 */
function normalizeSegment(segment: string): string {
  if (/%(?![0-9a-f]{2})/i.test(segment)) return segment;
  return segment.replace(/%[0-9a-f]{2}/gi, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return /[\w.~-]/.test(char) ? char : triplet.toUpperCase();
  });
}
