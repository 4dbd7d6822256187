/** The Session header (RFC 2326 s.12.37). */
import { badMessage } from './bad-message.ts';
import { parseDecimal, splitOutsideQuotes, unquote } from './grammar.ts';

export interface SessionHeader {
  readonly rtspSessionId: string;
  /** Undefined when not said (or not said sensibly): then 60 s hold. */
  readonly timeoutSeconds?: number;
}

const longestId = 256;

/** Takes any visible characters in the id but `;`, `,` and quotes: servers use more than RFC 2326 s.3.4 allows. */
export function parseSession(value: string): SessionHeader {
  const [rtspSessionId = '', ...parameters] = splitOutsideQuotes(value, ';');
  if (rtspSessionId.length > longestId || !/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/.test(rtspSessionId)) {
    throw badMessage('bad Session header', { offset: 0, status: 454 });
  }
  const timeout = parameters
    .map((parameter) => /^timeout[ \t]*=[ \t]*(.*)$/i.exec(parameter)?.[1])
    .find((text) => text !== undefined);
  const timeoutSeconds =
    timeout === undefined ? undefined : parseDecimal(unquote(timeout) ?? '', 0xffff_ffff);
  return { rtspSessionId, ...(timeoutSeconds ? { timeoutSeconds } : {}) };
}

export function formatSession(session: SessionHeader): string {
  const { rtspSessionId, timeoutSeconds } = session;
  return timeoutSeconds === undefined ? rtspSessionId : `${rtspSessionId};timeout=${timeoutSeconds}`;
}
