/** The lexical rules shared by the header parsers (RFC 2326 s.15.1, RFC 2616 s.2.2). */

/** 1 for the bytes of a `token`: method and header names. */
const tokenBytes = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  tokenBytes[char.charCodeAt(0)] = 1;
}

export const isTokenByte = (byte: number | undefined): boolean =>
  byte !== undefined && tokenBytes[byte] === 1;

export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (!isTokenByte(text.charCodeAt(at))) return false;
  }
  return text.length > 0;
}

/** Bytes as text of one character a byte: nothing is lost, nothing is guessed. */
export const latin1 = (bytes: Uint8Array, start = 0, end = bytes.length): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);

/** Where `text` first holds something other than one-byte text: a control (but HTAB) or a code unit above 0xFF. */
export function findForbidden(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return at;
  }
  return -1;
}

/** Without the spaces and tabs at both ends. Not `trim`, which would also take CR, LF and NBSP away. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

export const isBlank = (code: number | undefined): boolean => code === 0x20 || code === 0x09;

/** A decimal number without sign, at most `max`; else undefined. Leading zeros are no harm. */
export function parseDecimal(text: string, max: number): number | undefined {
  if (text.length === 0 || text.length > 32) return undefined;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
    if (value > max) return undefined;
  }
  return value;
}

/** `text` cut at every `separator` outside of quoted strings, blanks trimmed, empty parts kept. */
export function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') quoted = !quoted;
    else if (char === '\\' && quoted) at += 1;
    else if (char === separator && !quoted) {
      parts.push(trimBlanks(text.slice(start, at)));
      start = at + 1;
    }
  }
  parts.push(trimBlanks(text.slice(start)));
  return parts;
}

/** A `quoted-string` without its quotes and escapes; anything else as it is; undefined when a quote stays open. */
export function unquote(text: string): string | undefined {
  if (!text.startsWith('"')) return text.includes('"') ? undefined : text;
  let value = '';
  for (let at = 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === '"') return at === text.length - 1 ? value : undefined;
    if (char === '\\') at += 1;
    value += text[at] ?? '';
  }
  return undefined;
}

export const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** The members of a comma-separated header (`Require`, `Public`, `Unsupported`); empty members are dropped. */
export function parseList(value: string): string[] {
  return splitOutsideQuotes(value, ',').filter((member) => member !== '');
}
