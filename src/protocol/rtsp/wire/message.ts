/** RTSP messages (RFC 2326 s.4 to s.7): bytes to value and back. Text is one byte a character, so nothing is lost. */
import type { MessageLimits } from '#hal';
import { badMessage } from './bad-message.ts';
import { findForbidden, isBlank, isToken, isTokenByte, latin1, parseDecimal, trimBlanks } from './grammar.ts';
import { Headers } from './headers.ts';
import { statusPhrases } from './status.ts';

export interface RtspRequest {
  readonly kind: 'request';
  /** As written: extension methods are the caller's to refuse. */
  readonly method: string;
  /** As written; `*` or a URL (`parseRtspUrl`). */
  readonly uri: string;
  readonly version: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface RtspResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly phrase: string;
  readonly version: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** A message without its body, and how long that is. */
export interface MessageHead {
  readonly lengthBytes: number;
  readonly bodyBytes: number;
  readonly withBody: (body: Uint8Array) => RtspRequest | RtspResponse;
}

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const noBytes = new Uint8Array(0);

/**
 * One whole message, empty lines before it allowed (RFC 2616 s.4.1). RTSP_BAD_MESSAGE when it is none, is cut short,
 * is over a limit or has bytes behind it; `offset` counts from the first byte of the message.
 */
export function parseMessage(bytes: Uint8Array, limits: MessageLimits): RtspRequest | RtspResponse {
  const start = skipEmptyLines(bytes, 0, bytes.length);
  // A plain view even of a Buffer, whose `slice` would not copy the body.
  const message = new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const scan = new HeadScan();
  const headBytes = scan.find(message, message.length, limits);
  if (headBytes === undefined) throw badMessage('message ends within its head', at(message.length, 400));
  const head = parseHead(message.subarray(0, headBytes), limits);
  const end = headBytes + head.bodyBytes;
  if (message.length < end) throw badMessage('message ends within its body', at(message.length, 400));
  if (message.length > end) throw badMessage('bytes after the end of the message', at(end, 400));
  return head.withBody(message.slice(headBytes, end));
}

/** The first byte at or after `from` that is neither CR nor LF. */
export function skipEmptyLines(bytes: Uint8Array, from: number, end: number): number {
  let start = from;
  while (start < end && (bytes[start] === CR || bytes[start] === LF)) start += 1;
  return start;
}

/** A method or `RTSP/` can begin with this byte. '$' is a token's too, but on the wire it begins a frame (s.10.12). */
export const beginsMessage = (byte: number | undefined): boolean => byte !== DOLLAR && isTokenByte(byte);

/** Looks for the blank line that ends a head. Goes on where it stopped, so each byte is seen once. */
export class HeadScan {
  readonly #protocol: RegExp;
  #scanned = 0;
  #lineStart = 0;
  #startLineSeen = false;

  /** @param protocol what the first line has to hold */
  constructor(protocol = /rtsp\//i) {
    this.#protocol = protocol;
  }

  /**
   * Length of the head at the start of `bytes` with its blank line; undefined when more is needed. Throws as soon as it
   * is clear that this is no RTSP, or too long, whatever the pieces it comes in.
   */
  find(bytes: Uint8Array, end: number, limits: MessageLimits): number | undefined {
    if (end > 0 && !beginsMessage(bytes[0])) throw badMessage('no RTSP message', at(0, 400));
    const stop = Math.min(end, limits.maxHeaderBytes);
    for (; this.#scanned < stop; this.#scanned += 1) {
      const found = bytes.indexOf(LF, this.#scanned);
      if (found < 0 || found >= stop) {
        this.#scanned = stop;
        break;
      }
      this.#scanned = found;
      if (!this.#startLineSeen) {
        this.#startLineSeen = true;
        if (!this.#protocol.test(latin1(bytes, 0, found))) throw badMessage('no RTSP message', at(0, 400));
      } else if (isEmptyLine(bytes, this.#lineStart, found)) {
        return found + 1;
      }
      this.#lineStart = found + 1;
    }
    if (end < limits.maxHeaderBytes) return undefined;
    throw this.#startLineSeen
      ? badMessage('head too long', { ...at(limits.maxHeaderBytes, 400), ...cseqOf(bytes, stop) })
      : badMessage('first line too long', at(limits.maxHeaderBytes, 414));
  }
}

const isEmptyLine = (bytes: Uint8Array, start: number, lf: number): boolean =>
  start === lf || (start + 1 === lf && bytes[start] === CR);

const at = (offset: number, status: number) => ({ offset, status });

/** The CSeq as far as it can be seen without a parse, for the answer to a request that is refused. */
function cseqOf(bytes: Uint8Array, end: number): { cseq?: number } {
  const found = /\ncseq:[ \t]*(\d{1,10})[ \t]*\r?\n/i.exec(latin1(bytes, 0, end));
  const value = found?.[1] === undefined ? undefined : parseDecimal(found[1], 0xffff_ffff);
  return value === undefined ? {} : { cseq: value };
}

/** Parses a head that ends with its blank line. */
export function parseHead(bytes: Uint8Array, limits: MessageLimits): MessageHead {
  const refuse = (what: string, offset: number, status = 400) =>
    badMessage(what, { ...at(offset, status), ...cseqOf(bytes, bytes.length) });
  const text = latin1(bytes, 0, bytes.length);
  const { startLine, headers } = parseLines(text, refuse);
  const start = parseStartLine(startLine, refuse);
  const bodyBytes = parseContentLength(headers, limits, (what, status) => refuse(what, bytes.length, status));
  return {
    lengthBytes: bytes.length,
    bodyBytes,
    withBody: (body) => ({ ...start, headers, body }),
  };
}

/** The lines of a head that ends with its blank line: RTSP's and HTTP's alike (RFC 2326 s.4, RFC 2616 s.4). */
export function parseLines(text: string, refuse: Refuse): { startLine: string; headers: Headers } {
  const forbidden = findForbiddenInHead(text);
  if (forbidden >= 0) throw refuse('control character in the head', forbidden);
  const firstEnd = lineEnd(text, 0);
  const entries: (readonly [string, string])[] = [];
  for (let start = firstEnd.next; ; ) {
    let end = lineEnd(text, start);
    if (end.text === start) break;
    if (isBlank(text.charCodeAt(start))) throw refuse('header line begins with a blank', start);
    const colon = text.indexOf(':', start);
    if (colon < 0 || colon >= end.text) throw refuse('header line without a colon', start);
    const name = text.slice(start, colon);
    if (!isToken(name)) throw refuse('bad header name', start);
    let value = trimBlanks(text.slice(colon + 1, end.text));
    // A line that begins with a blank continues the one before it (RFC 2616 s.2.2): one space in its place.
    while (isBlank(text.charCodeAt(end.next))) {
      const more = lineEnd(text, end.next);
      value = trimBlanks(`${value} ${trimBlanks(text.slice(end.next, more.text))}`);
      end = more;
    }
    entries.push([name, value]);
    start = end.next;
  }
  return { startLine: text.slice(0, firstEnd.text), headers: Headers.of(entries) };
}

/**
 * CR LF ends a line, LF alone too. CR alone is refused though RFC 2326 s.4 would read it as a line end: implementations
 * differ on it, and what a relay reads must be what the origin reads.
 */
function findForbiddenInHead(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code !== 0x7f) continue;
    if (code === LF || code === 0x09 || (code === CR && text.charCodeAt(at + 1) === LF)) continue;
    return at;
  }
  return -1;
}

function lineEnd(text: string, start: number): { text: number; next: number } {
  const lf = text.indexOf('\n', start);
  return { text: lf > start && text.charCodeAt(lf - 1) === CR ? lf - 1 : lf, next: lf + 1 };
}

type Refuse = (what: string, offset: number, status?: number) => Error;
type StartLine =
  | Pick<RtspRequest, 'kind' | 'method' | 'uri' | 'version'>
  | Pick<RtspResponse, 'kind' | 'status' | 'phrase' | 'version'>;

function parseStartLine(line: string, refuse: Refuse): StartLine {
  const response = /^RTSP\/(\d{1,3}\.\d{1,3}) (\d{3})(?: (.*))?$/.exec(line);
  if (response) {
    const [, version = '', digits = '', phrase = ''] = response;
    const status = Number(digits);
    if (version !== '1.0') throw refuse('RTSP version of the response is not 1.0', 5);
    if (status < 100 || status > 599) throw refuse('bad status code', 9);
    return { kind: 'response', status, phrase: trimBlanks(phrase), version };
  }
  const request = /^([^ ]+) ([^ \t]+) RTSP\/(\d{1,3}\.\d{1,3})$/.exec(line);
  if (!request) throw refuse('bad request line', 0);
  const [, method = '', uri = '', version = ''] = request;
  if (!isMethod(method)) throw refuse('bad method', 0);
  if (version !== '1.0') throw refuse('RTSP version is not 1.0', line.length - version.length, 505);
  return { kind: 'request', method, uri, version };
}

/** Longer than any method of RTSP or HTTP: beyond it a token is something else's. */
export const longestMethod = 64;

const isMethod = (text: string): boolean =>
  text.length <= longestMethod && isToken(text) && beginsMessage(text.charCodeAt(0));

/** RFC 2326 s.12.14. Two different lengths are refused: an origin might go by the other one. */
function parseContentLength(
  headers: Headers,
  limits: MessageLimits,
  refuse: (what: string, status: number) => Error,
): number {
  const [first, ...others] = headers.all('Content-Length');
  if (first === undefined) return 0;
  if (others.some((other) => other !== first)) throw refuse('two different Content-Length', 400);
  if (!/^\d+$/.test(first)) throw refuse('Content-Length is no number', 400);
  const length = parseDecimal(first.replace(/^0+(?=\d)/, ''), limits.maxBodyBytes);
  if (length === undefined) throw refuse('body too long', 413);
  return length;
}

/** RTSP/1.0 bytes. RTSP_BAD_MESSAGE when a part would not be read back as it is given (header injection). */
export function serializeRequest(request: {
  readonly method: string;
  readonly uri: string;
  readonly headers: Headers;
  readonly body?: Uint8Array;
}): Uint8Array {
  if (!isMethod(request.method)) throw badMessage('bad method');
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(request.uri)) throw badMessage('bad character in the request URI');
  return serialize(`${request.method} ${request.uri} RTSP/1.0`, request.headers, request.body ?? noBytes);
}

/** As `serializeRequest`; the phrase is that of RFC 2326 s.7.1.1 unless given. */
export function serializeResponse(response: {
  readonly status: number;
  readonly phrase?: string;
  readonly headers: Headers;
  readonly body?: Uint8Array;
}): Uint8Array {
  const { status } = response;
  if (!Number.isInteger(status) || status < 100 || status > 599) throw badMessage('bad status code');
  const phrase = trimBlanks(response.phrase ?? statusPhrases[status] ?? '');
  if (findForbidden(phrase) >= 0) throw badMessage('bad character in the reason phrase');
  return serialize(`RTSP/1.0 ${status} ${phrase}`, response.headers, response.body ?? noBytes);
}

function serialize(startLine: string, headers: Headers, body: Uint8Array): Uint8Array {
  let text = `${startLine}\r\n`;
  // A Content-Length that is there tells the true length in its place; without one it is added for a body.
  let lengthWritten = false;
  for (const [name, value] of headers.entries()) {
    if (!isToken(name)) throw badMessage('bad header name');
    if (findForbidden(value) >= 0) throw badMessage(`bad character in header ${name}`);
    if (name.toLowerCase() !== 'content-length') {
      text += `${name}: ${value}\r\n`;
    } else if (!lengthWritten) {
      text += `${name}: ${body.length}\r\n`;
      lengthWritten = true;
    }
  }
  if (body.length > 0 && !lengthWritten) text += `Content-Length: ${body.length}\r\n`;
  text += '\r\n';
  const bytes = new Uint8Array(text.length + body.length);
  Buffer.from(bytes.buffer).write(text, 'latin1');
  bytes.set(body, text.length);
  return bytes;
}
