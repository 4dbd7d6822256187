/**
 * RTSP over HTTP (Apple, "Tunnelling RTSP and RTP through HTTP"): a GET whose answer never ends carries what the server
 * says, the body of a POST, in base64, what the client says. A cookie that both name ties them.
 */
import type { MessageLimits } from '#hal';
import { badMessage } from './bad-message.ts';
import { latin1, parseList } from './grammar.ts';
import { HeadScan, parseLines, skipEmptyLines } from './message.ts';

export const tunnelContentType = 'application/x-rtsp-tunnelled';

/** One of the two HTTP requests that make a tunnel. */
export interface TunnelRequest {
  readonly method: 'GET' | 'POST';
  readonly cookie: string;
}

/** Players send 16 to 23 characters. */
const cookiePattern = /^[\x21-\x7e]{1,128}$/;

/** Reads the head of such a request, in any pieces it may come. */
export class TunnelRequestReader {
  readonly #limits: MessageLimits;
  readonly #scan = new HeadScan(/http\//i);
  #bytes: Uint8Array = new Uint8Array();

  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /**
   * The request and the bytes behind its head; undefined: more has to come. RTSP_BAD_MESSAGE with the HTTP status to
   * answer when it is none.
   */
  push(chunk: Uint8Array): { request: TunnelRequest; rest: Uint8Array } | undefined {
    const bytes = Buffer.concat([this.#bytes, chunk]);
    this.#bytes = bytes.subarray(skipEmptyLines(bytes, 0, bytes.length));
    const headBytes = this.#scan.find(this.#bytes, this.#bytes.length, this.#limits);
    if (headBytes === undefined) return undefined;
    return {
      request: parseTunnelRequest(latin1(this.#bytes, 0, headBytes)),
      rest: this.#bytes.subarray(headBytes),
    };
  }
}

function parseTunnelRequest(head: string): TunnelRequest {
  const { startLine, headers } = parseLines(head, (what, offset) =>
    badMessage(what, { offset, status: 400 }),
  );
  const method = /^(GET|POST) [^ \t]+ HTTP\/1\.[01]$/.exec(startLine)?.[1];
  if (method !== 'GET' && method !== 'POST') throw badMessage('bad HTTP request line', { status: 400 });
  const [cookie = '', ...others] = headers.all('x-sessioncookie');
  if (!cookiePattern.test(cookie) || others.some((other) => other !== cookie)) {
    throw badMessage('bad x-sessioncookie', { status: 400 });
  }
  const named = (header: string) =>
    headers
      .all(header)
      .flatMap((value) => parseList(value).map((type) => type.replace(/[ \t]*;.*/, '').toLowerCase()));
  if (method === 'POST' && named('Content-Type').some((type) => type !== tunnelContentType)) {
    throw badMessage('a POST of another content type', { status: 415 });
  }
  const accepted = named('Accept');
  const takesTunnel = (type: string) => [tunnelContentType, 'application/*', '*/*'].includes(type);
  if (method === 'GET' && accepted.length > 0 && !accepted.some(takesTunnel)) {
    throw badMessage('a GET that accepts another content type', { status: 406 });
  }
  return { method, cookie };
}

/** The answer to the GET: from here on its connection carries RTSP and '$' frames as they are. */
export const tunnelOpened = Buffer.from(
  [
    'HTTP/1.0 200 OK',
    'Connection: close',
    'Cache-Control: no-store',
    'Pragma: no-cache',
    `Content-Type: ${tunnelContentType}`,
    '\r\n',
  ].join('\r\n'),
);

/** HTTP statuses a tunnel is refused with (RFC 2616 s.6.1.1). */
const refusals = {
  400: 'Bad Request',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  503: 'Service Unavailable',
} as const;
export type TunnelRefusal = keyof typeof refusals;

export const isTunnelRefusal = (status: unknown): status is TunnelRefusal =>
  typeof status === 'number' && Object.hasOwn(refusals, status);

/** The answer to a GET or POST that becomes no tunnel. */
export const tunnelRefused = (status: TunnelRefusal): Uint8Array =>
  Buffer.from(`HTTP/1.0 ${status} ${refusals[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);

/** Do the first bytes of a connection, RTSP by `looksLikeRtsp`, begin a tunnel? */
export const beginsTunnel = (bytes: Uint8Array): boolean =>
  /^[\r\n]*(?:GET|POST)[ \t](?!.*[ \t]RTSP\/\d).*[ \t]HTTP\/1\./i.test(
    latin1(bytes, 0, Math.min(bytes.length, 16_384)),
  );
